"""`trackside orchestrators`: connect orchestrators to a running hub, and see how asking them goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
import yaml

from hub.commands.client import Client, hub_at_work
from hub.commands.common import ConfigFile, DatabaseUrl, ago, confirm, err, load, out, rows
from hub.commands.findings import GRADES
from hub.errors import BadInput
from hub.ports import adapters

app = typer.Typer(help="Connect orchestrators, and see how asking them goes.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What it is called, as in airflow-prod.")]


@app.command()
def kinds() -> None:
    """List the kinds that can be asked, each with its settings."""
    for name, kind in adapters.items():
        can = ", ".join(sorted(kind.capabilities)) or "only looks"
        out.print(f"[b]{name}[/] ({can})")
        rows(("  SETTING", "NEEDED", "MEANING"), list(map(_setting, _fields(kind))))


@app.command()
def add(
    name: Name,
    kind: Annotated[str, typer.Option(help="airflow, dagster, ...; `kinds` lists them.")],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of its kind; secrets as env:NAME. Repeat.",
        ),
    ] = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option(help="Job namespaces that are its own; the first is where its jobs live."),
    ] = None,
    team: Annotated[str | None, typer.Option(help="The team that owns its jobs.")] = None,
    *,
    anyway: Annotated[bool, typer.Option(help="Also if its connection is found bad.")] = False,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Try a connection, tell what to mend, and if it is good declare the orchestrator.

    trackside orchestrators add airflow-prod --kind airflow --namespace airflow-prod
      --set url=https://airflow.example.com --set username=trackside
      --set password=env:AIRFLOW_PASSWORD --team data
    """
    asked = {
        "kind": kind,
        "namespaces": namespace or [],
        "team": team,
        "settings": dict(map(_pair, set_ or [])),
    }
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("POST", f"/api/v1/orchestrators/{name}/check", json=asked)
        good = _show_findings(told["findings"])
        if not good and not anyway:
            err.print("Not declared. Mend what is bad, or say --anyway.")
            raise typer.Exit(1)
        hub.json("PUT", f"/api/v1/orchestrators/{name}", json=asked)
        out.print(f"[b]{name}[/] is declared in {hub.where}; it is asked from now on.")
    _show_setup(told["openlineageSetup"])
    out.print("\nThe same in trackside.yaml, for who keeps it there:\n")
    shown = {"orchestrators": [{"name": name, **{k: v for k, v in asked.items() if v}}]}
    out.print(yaml.safe_dump(shown, sort_keys=False), end="", markup=False, soft_wrap=True)


@app.command("test")
def try_(name: Name, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Try the connection of a declared orchestrator; exit 1 if something of it is bad."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("POST", f"/api/v1/orchestrators/{name}/check")
    good = _show_findings(told["findings"])
    _show_setup(told["openlineageSetup"])
    if not good:
        raise typer.Exit(1)


@app.command()
def status(config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Show every orchestrator: how asking it goes, its health and what waits in it."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        found = _all(hub)
    now = datetime.now(UTC)
    rows(
        ("NAME", "KIND", "ASKED", "READ UP TO", "HEALTH", "WAITING"),
        [_line(each, now) for each in found],
    )
    for each in found:
        if (each["poll"] or {}).get("error"):
            out.print(f"\n[red]{each['name']}[/]: {each['poll']['error']}", soft_wrap=True)


@app.command()
def remove(
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Ask an orchestrator no longer; what was recorded of it stays."""
    confirm(f"Ask {name} no longer?", yes=yes)
    with hub_at_work(load(config, database_url=database_url)) as hub:
        hub.done("DELETE", f"/api/v1/orchestrators/{name}")
    out.print(f"{name} is asked no longer")


def _all(hub: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    given: dict[str, str] | None = {}
    while given is not None:
        told = hub.json("GET", "/api/v1/orchestrators", params=given)
        found += told["orchestrators"]
        given = {"cursor": told["nextCursor"]} if told["nextCursor"] else None
    return found


# -- what is shown ---------------------------------------------------------------------------------


def _show_findings(findings: list[dict[str, Any]]) -> bool:
    """Whether nothing is bad."""
    rows(
        ("WHAT", "", "FOUND"),
        [(f["what"], GRADES.get(f["grade"], f["grade"]), f["detail"]) for f in findings],
    )
    for each in findings:
        if each["mend"]:
            out.print(f"[b]{each['what']}[/]: {each['mend']}", soft_wrap=True)
    return all(each["grade"] != "bad" for each in findings)


def _show_setup(setup: str) -> None:
    if setup:
        out.print("\nTo have it push what it does as well:\n")
        out.print(setup, markup=False, soft_wrap=True)


def _line(one: dict[str, Any], now: datetime) -> tuple[object, ...]:
    waiting = sum(sample["queued"] for sample in one["backlog"])
    marks = [mark["completeTo"] for mark in one["watermarks"]]
    return (
        one["name"],
        one["kind"],
        _asked(one["poll"], now),
        f"{ago(min(marks), now)} ago" if marks else "",
        _health(one["health"]),
        waiting or "",
    )


def _asked(poll: dict[str, Any] | None, now: datetime) -> str:
    if poll is None:
        return "never"
    if poll["failures"]:
        wait_s = (datetime.fromisoformat(poll["nextAt"]) - now).total_seconds()
        times = "once" if poll["failures"] == 1 else f"{poll['failures']} times"
        return f"failed {times}, again in {max(0, round(wait_s))} s"
    if poll["progress"]:
        return str(poll["progress"])
    return f"{ago(poll['endedAt'], now)} ago" if poll["endedAt"] else "now"


def _health(parts: list[dict[str, Any]]) -> str:
    bad = [f"{p['part'] or 'all'} {p['status']}" for p in parts if p["status"] != "HEALTHY"]
    return ", ".join(bad) or ("HEALTHY" if parts else "")


def _fields(kind: Any) -> list[tuple[str, Any]]:
    return list(kind.Config.model_fields.items())


def _setting(named: tuple[str, Any]) -> tuple[object, ...]:
    name, field = named
    return (f"  {name}", "yes" if field.is_required() else "", field.description or "")


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise BadInput("--set", text, "NAME=VALUE, as in url=https://airflow.example.com")
    return name, yaml.safe_load(value) if value else ""
