"""`trackside backfill`: make partitions anew, across orchestrators."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from hub.commands.client import hub_at_work
from hub.commands.common import (
    AsJson,
    ConfigFile,
    DatabaseUrl,
    clock,
    err,
    load,
    out,
    print_json,
    rows,
)
from hub.commands.partitions import namespace_of
from hub.errors import BadInput
from hub.schedules.periods import Every

app = typer.Typer(help="Make partitions anew, across orchestrators.", no_args_is_help=True)

_PATH = "/api/v1/backfills"
Number = Annotated[int, typer.Argument(help="Its id, as `list` shows it.", metavar="ID")]
Why = Annotated[str, typer.Option("--why", "-m", help="Shown with it.")]
Dataset = Annotated[str, typer.Argument(help="Its name.")]
Namespace = Annotated[
    str | None, typer.Option(help="Its namespace; found if only one has such a name.")
]
Partitions = Annotated[
    list[str] | None, typer.Option("--partition", "-p", help="One by name; several times.")
]
Since = Annotated[
    str | None, typer.Option("--from", help="The first partition by its key.", metavar="KEY")
]
To = Annotated[str | None, typer.Option(help="The last one, included.", metavar="KEY")]
Cut = Annotated[Every | None, typer.Option(help="How far they lie apart; learned if not told.")]
Timezone = Annotated[str, typer.Option(help="In which keys are meant.")]
Downstream = Annotated[
    bool, typer.Option("--downstream", help="What is made of it, not what it is made of.")
]
Levels = Annotated[int | None, typer.Option(min=0, help="Datasets away at most; all if not told.")]
Rerun = Annotated[bool, typer.Option("--rerun", help="Also what is complete, of those asked for.")]
Concurrency = Annotated[int, typer.Option(min=1, max=100, help="Steps that run at once.")]
PerJob = Annotated[int, typer.Option(min=1, max=100, help="... of one job.")]
MaxSteps = Annotated[int, typer.Option(min=1, help="A plan of more is refused.")]
Team = Annotated[str | None, typer.Option(help="For which it is launched.")]
More = Annotated[
    Path | None,
    typer.Option("--more", help="A JSON file with `mappings` and `jobs`.", metavar="FILE"),
]


@app.command()
def plan(
    dataset: Dataset,
    namespace: Namespace = None,
    partition: Partitions = None,
    since: Since = None,
    to: To = None,
    every: Cut = None,
    timezone: Timezone = "UTC",
    levels: Levels = None,
    concurrency: Concurrency = 4,
    per_job: PerJob = 2,
    max_steps: MaxSteps = 1000,
    team: Team = None,
    more: More = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    downstream: Downstream = False,
    rerun: Rerun = False,
    as_json: AsJson = False,
) -> None:
    """Show what would run, in which order, why, and for how long about."""
    asked = _asked(
        partition, since, to, every, timezone, levels, concurrency, per_job, max_steps, team, more,
        downstream=downstream, rerun=rerun,
    )  # fmt: skip
    with hub_at_work(load(config, database_url=database_url)) as hub:
        space = namespace or namespace_of(hub, dataset, "dataset")
        body = asked | {"dataset": {"namespace": space, "name": dataset}}
        told = hub.json("POST", f"{_PATH}/plan", json=body)
    if as_json:
        print_json(told)
        return
    _show_plan(told)


@app.command()
def run(
    dataset: Dataset,
    namespace: Namespace = None,
    partition: Partitions = None,
    since: Since = None,
    to: To = None,
    every: Cut = None,
    timezone: Timezone = "UTC",
    levels: Levels = None,
    concurrency: Concurrency = 4,
    per_job: PerJob = 2,
    max_steps: MaxSteps = 1000,
    team: Team = None,
    more: More = None,
    note: Annotated[str, typer.Option("--note", "-m")] = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    downstream: Downstream = False,
    rerun: Rerun = False,
    as_json: AsJson = False,
) -> None:
    """Plan it, keep the plan, and run it step by step."""
    asked = _asked(
        partition, since, to, every, timezone, levels, concurrency, per_job, max_steps, team, more,
        downstream=downstream, rerun=rerun,
    )  # fmt: skip
    with hub_at_work(load(config, database_url=database_url)) as hub:
        space = namespace or namespace_of(hub, dataset, "dataset")
        body = asked | {"dataset": {"namespace": space, "name": dataset}, "note": note}
        made = hub.json("POST", _PATH, json=body)
    if as_json:
        print_json(made)
        return
    out.print(f"backfill {made['id']} runs: {_progress(made)}", markup=False)


@app.command("list")
def list_(
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    state: Annotated[
        str | None, typer.Option(help="running, paused, cancelled, completed or failed.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List backfills, the latest first."""
    params: dict[str, Any] = {"limit": limit} | ({"state": state} if state else {})
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", _PATH, params=params)
    if as_json:
        print_json(told)
        return
    lines = [
        (
            one["id"],
            one["state"],
            escape(f"{one['dataset']['namespace']}/{one['dataset']['name']}"),
            one["direction"],
            escape(_progress(one)),
            clock(one["createdAt"]),
            escape(one["createdBy"]),
        )
        for one in told["backfills"]
    ]
    rows(("ID", "STATE", "DATASET", "WAY", "STEPS", "ASKED", "BY"), lines)


@app.command()
def show(
    number: Number,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    state: Annotated[
        str | None, typer.Option(help="Only steps that are failed, blocked, waiting, ...")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    as_json: AsJson = False,
) -> None:
    """Show how far a backfill is, step by step."""
    params: dict[str, Any] = {"limit": limit} | ({"state": state} if state else {})
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", f"{_PATH}/{number}", params=params)
    if as_json:
        print_json(told)
        return
    one = told["backfill"]
    out.print(f"backfill {number} is {one['state']}: {_progress(one)}", markup=False)
    for text in (one["reason"], *one["notes"]):
        if text:
            out.print(text, markup=False)
    if one["expectedEndAt"]:
        out.print(f"it will be done about {clock(one['expectedEndAt'])}", markup=False)
    rows(
        ("NO", "STATE", "JOB", "PARTITION", "WHY", "LAUNCH", "REASON"),
        [
            (
                step["no"],
                step["state"],
                escape(_job(step)),
                escape(step["partition"] or ""),
                step["why"],
                step["launchId"] or "",
                escape(step["reason"] or ""),
            )
            for step in told["steps"]
        ],
    )
    if told["nextCursor"] is not None:
        err.print("There are more; see --limit and --state.")


@app.command()
def pause(
    number: Number,
    why: Why = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Release no further steps for now; what runs is followed."""
    _do(number, "pause", config, database_url, {"reason": why})


@app.command()
def resume(number: Number, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Go on with one that is paused, cancelled or failed; what failed is tried again."""
    _do(number, "resume", config, database_url, None)


@app.command()
def cancel(
    number: Number,
    why: Why = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Release nothing more; what runs is its orchestrator's to end."""
    _do(number, "cancel", config, database_url, {"reason": why})


# -- parts -------------------------------------------------------------------------------------


def _do(
    number: int,
    what: str,
    config: str | None,
    database_url: str | None,
    body: dict[str, Any] | None,
) -> None:
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("POST", f"{_PATH}/{number}/{what}", json=body)
    running = told["counts"]["launched"]
    still = f"; {running} of its launches are still under way" if what != "resume" else ""
    out.print(f"backfill {number} is {told['state']}{still if running else ''}", markup=False)


def _asked(
    partition: list[str] | None,
    since: str | None,
    to: str | None,
    every: Every | None,
    timezone: str,
    levels: int | None,
    concurrency: int,
    per_job: int,
    max_steps: int,
    team: str | None,
    more: Path | None,
    *,
    downstream: bool,
    rerun: bool,
) -> dict[str, Any]:
    told = {
        "partitions": partition or None,
        "from": since,
        "to": to,
        "every": every,
        "timezone": timezone,
        "levels": levels,
        "concurrency": concurrency,
        "perJob": per_job,
        "maxSteps": max_steps,
        "team": team,
        "direction": "downstream" if downstream else "upstream",
        "rerun": rerun,
    }
    return _more(more) | {name: value for name, value in told.items() if value is not None}


def _more(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        told = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BadInput("--more", str(file), f"a JSON file ({error})") from None
    if not isinstance(told, dict):
        raise BadInput("--more", str(file), "a JSON object with `mappings` and `jobs`")
    return told


def _show_plan(told: dict[str, Any]) -> None:
    lines = [
        (
            step["no"],
            escape(_job(step)),
            escape(step["partition"] or ""),
            step["why"],
            ", ".join(map(str, step["after"])),
            "?" if step["seconds"] is None else _span(step["seconds"]),
            escape(step["barred"] or ""),
        )
        for step in told["steps"]
    ]
    rows(("NO", "JOB", "PARTITION", "WHY", "AFTER", "TAKES", "BARRED"), lines)
    for note in told["notes"]:
        out.print(note, markup=False)
    counts = ", ".join(f"{count} {why}" for why, count in told["counts"].items() if count)
    out.print(f"{len(told['steps'])} steps ({counts or 'nothing is to be done'})", markup=False)
    if told["barred"]:
        out.print(f"{told['barred']} of them can't be launched", markup=False)
    out.print(_estimated(told["estimate"]), markup=False)


def _estimated(told: dict[str, Any]) -> str:
    if told["totalS"] is not None:
        critical = _span(told["criticalS"])
        return f"it takes about {_span(told['totalS'])} (the longest chain: {critical})"
    names = ", ".join(one["name"] for one in told["unknownJobs"])
    return (
        f"how long it takes is unknown, at least {_span(told['atLeastS'])}: no baseline of {names}"
    )


def _span(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _job(step: dict[str, Any]) -> str:
    return f"{step['orchestrator'] or '?'}:{step['job']['name']}"


def _progress(one: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in one["counts"].items() if count)
    return f"{one['done']:.0%} of {one['stepCount']} steps ({counts})"
