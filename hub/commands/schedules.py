"""`trackside schedules`: when jobs are meant to run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer

from hub.commands.client import Client, hub_at_work
from hub.commands.common import ConfigFile, DatabaseUrl, err, load, rows
from hub.errors import BadInput

app = typer.Typer(help="When jobs are meant to run.", no_args_is_help=True)

#: No more slots than this are shown at once.
MOST = 1000


@app.command()
def upcoming(
    job: Annotated[str | None, typer.Argument(help="One job; name its --namespace too.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Only jobs of this one.")] = None,
    team: Annotated[str | None, typer.Option(help="Only jobs of this team.")] = None,
    hours: Annotated[float, typer.Option(min=0.1, max=24 * 35, help="So far ahead.")] = 24,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show what is to start next, and who says so: the file, its orchestrator, or its history."""
    until = datetime.now(UTC) + timedelta(hours=hours)
    with hub_at_work(load(config, database_url=database_url)) as hub:
        if job is None:
            found, more = _of_all(hub, until, {"namespace": namespace, "team": team})
        elif namespace is None:
            raise BadInput("--namespace", None, "the namespace of the job")
        else:
            found, more = _of_one(hub, until, namespace, job), False
    found.sort(key=lambda slot: (slot["dueAt"], slot["job"]["namespace"], slot["job"]["name"]))
    rows(("DUE (UTC)", "JOB", "NAMESPACE", "SCHEDULE"), [_line(slot) for slot in found])
    if more:
        err.print(f"There are more than {MOST:,}; narrow them by --namespace, --team or --hours.")


def _of_all(
    hub: Client, until: datetime, asked: dict[str, str | None]
) -> tuple[list[dict[str, Any]], bool]:
    given: dict[str, Any] = {key: value for key, value in asked.items() if value is not None}
    given |= {"from": datetime.now(UTC).isoformat(), "to": until.isoformat(), "limit": MOST}
    found: list[dict[str, Any]] = []
    while True:
        told = hub.json("GET", "/api/v1/schedules/upcoming", params=given)
        found += told["slots"]
        if told["nextCursor"] is None or len(found) >= MOST:
            return found[:MOST], told["nextCursor"] is not None
        given["cursor"] = told["nextCursor"]


def _of_one(hub: Client, until: datetime, namespace: str, job: str) -> list[dict[str, Any]]:
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/jobs/{quote(job, safe='')}"
    schedule = hub.json("GET", f"{path}/schedule")
    now = datetime.now(UTC).isoformat()
    asked = {"from": now, "to": now, "until": until.isoformat()}
    told = hub.json("GET", f"{path}/slots", params=asked)
    name = {"namespace": namespace, "name": job}
    return [slot | {"job": name, "origin": schedule["origin"]} for slot in told["upcoming"]]


def _line(slot: dict[str, Any]) -> tuple[object, ...]:
    due = datetime.fromisoformat(slot["dueAt"])
    return f"{due:%Y-%m-%d %H:%M:%S}", slot["job"]["name"], slot["job"]["namespace"], slot["origin"]
