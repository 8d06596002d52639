"""`trackside launches` and `trackside launch`: start runs, and see what became of them."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape

from hub.commands.client import hub_at_work
from hub.commands.common import (
    AsJson,
    ConfigFile,
    DatabaseUrl,
    clock,
    load,
    out,
    print_json,
    rows,
)
from hub.errors import BadInput

app = typer.Typer(help="What is to be started where, and what became of it.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="Its id, as `list` shows it.", metavar="ID")]
Orchestrator = Annotated[
    str | None, typer.Option("--orchestrator", "-o", help="Only of this orchestrator.")
]
_PATH = "/api/v1/launches"


@app.command("list")
def list_(
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    state: Annotated[
        str | None, typer.Option(help="held, due, launched, running, failed, dead, ...")
    ] = None,
    orchestrator: Orchestrator = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List launches, the latest first."""
    params: dict[str, Any] = {"limit": limit}
    params |= {"state": state} if state else {}
    params |= {"orchestrator": orchestrator} if orchestrator else {}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", _PATH, params=params)
        stops = hub.json("GET", f"{_PATH}/stops")["stops"]
    if as_json:
        print_json(told)
        return
    for one in stops:
        whose = one["orchestrator"] or "all orchestrators"
        out.print(f"launches of {whose} are stopped by {one['by']}: {one['why']}", markup=False)
    lines = [
        (
            one["id"],
            one["state"],
            escape(f"{one['orchestrator']}:{one['job']['name']}"),
            escape(one["partition"] or ""),
            clock(one["createdAt"]),
            escape(one["reason"] or one["note"]),
        )
        for one in told["launches"]
    ]
    rows(("ID", "STATE", "JOB", "PARTITION", "ASKED", "WHY"), lines)


@app.command()
def show(
    number: Number,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a launch, and what was done about it."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", f"{_PATH}/{number}")
    if as_json:
        print_json(told)
        return
    one = told["launch"]
    shown = {
        "state": one["state"],
        "why": one["reason"],
        "job": f"{one['orchestrator']}:{one['job']['namespace']}:{one['job']['name']}",
        "partition": one["partition"],
        "conf": json.dumps(one["conf"]) if one["conf"] else None,
        "note": one["note"],
        "key": one["key"],
        "run": one["naturalId"],
        "url": one["url"],
    }
    for name, value in shown.items():
        if value:
            out.print(f"{name:<10} {value}", markup=False)
    rows(
        ("AT", "WHAT", "WHY"),
        [(clock(s["at"]), s["what"], escape(s["reason"])) for s in told["steps"]],
    )


@app.command()
def resend(number: Number, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Ask once more for one that was given up, refused, cancelled or has vanished."""
    _do(number, "resend", config, database_url)


@app.command()
def cancel(number: Number, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Don't launch one that is held or due."""
    _do(number, "cancel", config, database_url)


@app.command()
def release(
    number: Annotated[int | None, typer.Argument(help="Its id.", metavar="[ID]")] = None,
    orchestrator: Orchestrator = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that are held.")] = False,
) -> None:
    """Let one go that is held, or all of an orchestrator, or all."""
    if (number is not None) + (orchestrator is not None) + every != 1:
        raise BadInput("release", number, "one of: an ID, --orchestrator NAME, --all")
    if number is not None:
        _do(number, "release", config, database_url)
        return
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("POST", f"{_PATH}/release", json=_whose(orchestrator))
    out.print(f"{told['launches']} launches go out", markup=False)


@app.command()
def stop(
    orchestrator: Orchestrator = None,
    why: Annotated[str, typer.Option("--why", "-m", help="Shown wherever it holds.")] = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Hold all launches, or those of one orchestrator; none is lost."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        hub.json("POST", f"{_PATH}/stop", json=_whose(orchestrator) | {"why": why})
    out.print(f"launches of {orchestrator or 'all orchestrators'} are stopped", markup=False)


@app.command()
def go(
    orchestrator: Orchestrator = None, config: ConfigFile = None, database_url: DatabaseUrl = None
) -> None:
    """Take a stop back: what was due meanwhile goes out."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        left = hub.json("POST", f"{_PATH}/go", json=_whose(orchestrator))["stops"]
    still = ", ".join(one["orchestrator"] or "all" for one in left)
    out.print(f"launches go on{f'; still stopped: {still}' if still else ''}", markup=False)


def launch(
    job: Annotated[str, typer.Argument(help="Its name.", metavar="JOB")],
    orchestrator: Annotated[str, typer.Option("--orchestrator", "-o", help="Where it runs.")],
    namespace: Annotated[
        str | None, typer.Option(help="Of the job; the orchestrator's name if not told.")
    ] = None,
    partition: Annotated[str | None, typer.Option("--partition", "-p")] = None,
    conf: Annotated[
        list[str] | None, typer.Option("--conf", "-c", help="As in day=2026-11-30, or JSON values.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Asked again with the same key, it is the same launch.")
    ] = None,
    note: Annotated[str, typer.Option("--note", "-m")] = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Start one run of a job.

    trackside launch mart_sales -o airflow-prod -c day=2026-11-30 --key mart-2026-11-30
    """
    asked = {
        "orchestrator": orchestrator,
        "job": {"namespace": namespace or orchestrator, "name": job},
        "partition": partition,
        "conf": dict(map(_pair, conf or ())),
        "note": note,
        "key": key,
    }
    with hub_at_work(load(config, database_url=database_url)) as hub:
        made = hub.json("POST", _PATH, json=asked)["launch"]
    out.print(f"launch {made['id']} is {made['state']}; its key is {made['key']}", markup=False)


def _do(number: int, what: str, config: str | None, database_url: str | None) -> None:
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("POST", f"{_PATH}/{number}/{what}")["launch"]
    out.print(f"launch {number} is {told['state']}", markup=False)


def _whose(orchestrator: str | None) -> dict[str, Any]:
    return {} if orchestrator is None else {"orchestrator": orchestrator}


def _pair(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise BadInput("--conf", text, "name=value, as in day=2026-11-30")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
