"""`trackside maintenance`: times in which trouble is expected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from hub.commands.client import hub_at_work
from hub.commands.common import ConfigFile, DatabaseUrl, load, out, rows
from hub.errors import BadInput
from hub.schedules.intervals import interval_text

app = typer.Typer(help="Times in which nothing that is missing is told.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What the window is called, as in move.")]
_UNITS = {"m": 60, "h": 3600, "d": 86_400}


@app.command("list")
def list_(
    *,
    over: Annotated[bool, typer.Option(help="Also those that are over, some weeks back.")] = False,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show the maintenance windows, those of trackside.yaml too."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/maintenance", params={"over": over})
    rows(
        ("NAME", "OF", "WHEN", "NOW", "NEXT CHANGE", "MANAGED BY"),
        [_line(one) for one in told["windows"]],
    )


@app.command()
def add(
    name: Name,
    *,
    for_: Annotated[
        str | None, typer.Option("--for", help="From now on so long: 90m, 2h, 1d.")
    ] = None,
    begin: Annotated[str | None, typer.Option(help="As in 2026-12-01T20:00:00Z.")] = None,
    end: Annotated[str | None, typer.Option(help="The same.")] = None,
    cron: Annotated[str | None, typer.Option(help="When it begins, again and again.")] = None,
    duration: Annotated[str | None, typer.Option(help="With --cron: 90m, 2h, 1d.")] = None,
    timezone: Annotated[str, typer.Option(help="Of --cron.")] = "UTC",
    team: Annotated[str | None, typer.Option(help="Of this team's jobs alone.")] = None,
    orchestrator: Annotated[str | None, typer.Option(help="Of this one's alone.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Of its jobs; * is any text.")] = None,
    job: Annotated[str | None, typer.Option(help="Of jobs of that name; * is any text.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for others.")] = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Open a window: what is missing meanwhile is not told; what ends an incident is.

    trackside maintenance add move --for 2h --orchestrator airflow-prod
    """
    if for_ is not None:
        now = datetime.now(UTC)
        begin, end = now.isoformat(), (now + _length("--for", for_)).isoformat()
    select = {"team": team, "orchestrator": orchestrator, "namespace": namespace, "job": job}
    lasts = duration and interval_text(_length("--duration", duration).total_seconds())
    times = {"begin": begin, "end": end, "cron": cron, "duration": lasts, "timezone": timezone}
    given = {"name": name, "reason": reason, "select": _told(select), **_told(times)}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("POST", "/api/v1/maintenance", json=given)
    out.print(f"[b]{name}[/]: {_when(told)}", soft_wrap=True)


@app.command()
def end(name: Name, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """End a window now; what was due in it stays untold."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        hub.done("DELETE", f"/api/v1/maintenance/{name}")
    out.print(f"{name} is over")


def _told(given: dict[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in given.items() if value is not None}


def _length(option: str, text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in _UNITS:
        raise BadInput(option, text, "a number of minutes, hours or days, as in 90m, 2h, 1d")
    return timedelta(seconds=int(number) * _UNITS[unit])


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    of = ", ".join(f"{key} {value}" for key, value in one["select"].items() if value)
    change = one["nextChangeAt"]
    return (
        one["name"],
        of or "everything",
        _when(one),
        "open" if one["active"] else "",
        change and f"{datetime.fromisoformat(change):%Y-%m-%d %H:%M} UTC",
        one["managedBy"] or one["declaredBy"],
    )


def _when(one: dict[str, Any]) -> str:
    if one["begin"]:
        begin, end = (datetime.fromisoformat(one[key]) for key in ("begin", "end"))
        return f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    begins = one["cron"] or f"{one['at']} {', '.join(one['days'] or ['daily'])}"
    return f"{begins} ({one['timezone']}), for {one['duration']}"
