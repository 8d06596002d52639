"""`trackside subscriptions`: what teams want launched when, and why it was or was not."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
import yaml
from rich.markup import escape

from hub.commands.client import hub_at_work
from hub.commands.common import (
    AsJson,
    ConfigFile,
    DatabaseUrl,
    Yes,
    clock,
    confirm,
    load,
    out,
    print_json,
    rows,
)
from hub.commands.incidents import instant_of, length_of
from hub.errors import BadInput

app = typer.Typer(
    help="Let updates of datasets launch jobs, and see why they did or did not.",
    no_args_is_help=True,
)

PATH = "/api/v1/subscriptions"
Name = Annotated[str, typer.Argument(metavar="NAME")]
SpecFile = Annotated[
    Path,
    typer.Argument(
        help="YAML or JSON of one subscription, as in trackside.yaml; - reads stdin.",
        metavar="FILE",
        allow_dash=True,
    ),
]
Past = Annotated[str, typer.Option("--for", help="How long back: 12h, 30d.")]


@app.command("list")
def list_(
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    team: Annotated[str | None, typer.Option(help="Only those of this team.")] = None,
    as_json: AsJson = False,
) -> None:
    """List subscriptions, and what waits for them."""
    given = {"team": team} if team else {}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", PATH, params={**given, "limit": 1000})
    if as_json:
        print_json(told)
        return
    lines = [
        (
            escape(one["name"]),
            escape(one["team"] or ""),
            _state(one),
            escape(_job(one["spec"])),
            escape(str(one["spec"]["when"])),
        )
        for one in told["subscriptions"]
    ]
    rows(("NAME", "TEAM", "STATE", "LAUNCHES", "WHEN"), lines)
    _warn([end for one in told["subscriptions"] for end in one["deprecations"]])


@app.command()
def show(
    name: Name,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one: what it says, its inputs, and how it stands."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", _path(name))
    if as_json:
        print_json(told)
        return
    out.print(yaml.safe_dump(told["spec"], sort_keys=False), markup=False, end="")
    out.print(f"state: {_state(told)}, of team {told['team'] or '-'}", markup=False)
    out.print(f"managed by {told['managedBy'] or 'the API, ' + told['createdBy']}", markup=False)
    for one in told["inputs"]:
        known = "" if one["known"] else " (never heard of)"
        out.print(f"input {_dataset(one['dataset'])}{known}", markup=False)
    _warn(told["deprecations"])


@app.command()
def add(file: SpecFile, config: ConfigFile = None, database_url: DatabaseUrl = None) -> None:
    """Add a subscription, or change the one of its name."""
    spec = _spec(file)
    with hub_at_work(load(config, database_url=database_url)) as hub:
        made = hub.json("PUT", _path(str(spec.get("name", ""))), json=spec)
    out.print(f"{made['name']} launches {_job(made['spec'])} when: {made['spec']['when']}",
              markup=False)  # fmt: skip
    _warn(made["deprecations"])


@app.command()
def remove(
    name: Name, config: ConfigFile = None, database_url: DatabaseUrl = None, *, yes: Yes = False
) -> None:
    """Remove a subscription, and what became of the updates it saw. Its launches stay."""
    confirm(f"Remove {name}, with what waits for it?", yes=yes)
    with hub_at_work(load(config, database_url=database_url)) as hub:
        hub.done("DELETE", _path(name))
    out.print(f"{name} is no more", markup=False)


@app.command()
def pause(
    name: Name,
    why: Annotated[str, typer.Option("--why", "-m", help="Shown wherever it holds.")] = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Hold what comes in from now on; nothing of it is lost."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        hub.json("POST", f"{_path(name)}/pause", json={"reason": why})
    out.print(f"{name} is paused; trackside subscriptions resume {name} goes on", markup=False)


@app.command()
def resume(
    name: Name,
    replay: Annotated[
        bool | None,
        typer.Option(
            "--replay/--coalesce",
            help="What was held launch by launch, as it came; or together.",
        ),
    ] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Go on. Say whether what was held is taken together or as it came."""
    if replay is None:
        told = typer.prompt("Take what was held together (coalesce) or as it came (replay)?")
        if told not in ("coalesce", "replay"):
            raise BadInput("--replay", told, "coalesce or replay")
        replay = told == "replay"
    how = "replay" if replay else "coalesce"
    with hub_at_work(load(config, database_url=database_url)) as hub:
        hub.json("POST", f"{_path(name)}/resume", json={"how": how})
    out.print(f"{name} goes on ({how})", markup=False)


@app.command()
def explain(
    name: Name,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    update: Annotated[
        str | None, typer.Option(help="Of one update: its number, or the dataset's version.")
    ] = None,
    partition: Annotated[str | None, typer.Option(help="Of one partition of its target.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell why it did, or did not, launch."""
    asked = {"update": update, "partition": partition}
    given = {key: value for key, value in asked.items() if value is not None}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", f"{_path(name)}/why", params=given)
    if as_json:
        print_json(told)
        return
    out.print(told["sentence"], markup=False)
    if told["partitions"]:
        _stands(told["partitions"])
    if told["arrivals"]:
        _arrivals(told["arrivals"])
    _warn(told["deprecations"])


@app.command("dry-run")
def dry_run(
    what: Annotated[
        str, typer.Argument(help="A subscription, or a file of one.", metavar="NAME|FILE")
    ],
    past: Past = "30d",
    since: Annotated[str | None, typer.Option(help="From when on, instead of --for.")] = None,
    until: Annotated[str | None, typer.Option(help="Until when; now if not told.")] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what it would have launched of past updates. Nothing is launched."""
    end = instant_of(until, "--until") if until else datetime.now().astimezone()
    begin = instant_of(since, "--since") if since else end - _back(past)
    asked: dict[str, Any] = {"since": begin.isoformat(), "until": end.isoformat()}
    path = f"{_path(what)}/dry-run"
    if Path(what).is_file():
        asked["spec"], path = _spec(Path(what)), f"{PATH}/dry-run"
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("POST", path, json=asked)
    if as_json:
        print_json(told)
        return
    lines = [
        (clock(one["at"]), escape(one["partition"]), len(one["updates"]), escape(one["note"]))
        for one in told["launches"]
    ]
    rows(("AT", "PARTITION", "UPDATES", "NOTE"), lines)
    fates = ", ".join(f"{count} {fate}" for fate, count in sorted(told["fates"].items()))
    out.print(
        f"{told['launched']} launches of {told['updates']} updates ({fates or 'none counts'})",
        markup=False,
    )
    for note in told["notes"]:
        out.print(f"note: {note}", markup=False)


def _back(text: str) -> timedelta:
    return length_of(text)


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"


def _spec(file: Path) -> dict[str, Any]:
    """One subscription of a file, which may also be the only one of a `subscriptions` section."""
    text = typer.get_text_stream("stdin").read() if str(file) == "-" else _text(file)
    try:
        told = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise BadInput("FILE", str(file), f"YAML or JSON: {error}") from None
    section = told.get("subscriptions") if isinstance(told, dict) else None
    if isinstance(section, list) and len(section) == 1:
        told = section[0]
    if not isinstance(told, dict):
        raise BadInput("FILE", str(file), "one subscription (name, when, launch, ...)")
    return json.loads(json.dumps(told, default=str))  # type: ignore[no-any-return]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput("FILE", str(file), f"a file that can be read: {error.strerror}") from None


def _state(one: dict[str, Any]) -> str:
    waiting = one["waiting"]
    more = f" ({waiting})" if waiting else ""
    return f"{one['state']}{more}"


def _job(spec: dict[str, Any]) -> str:
    return f"{spec['launch']['orchestrator']}/{spec['launch']['job']}"


def _dataset(name: dict[str, str]) -> str:
    return f"{name['namespace']}/{name['name']}"


def _stands(stands: list[dict[str, Any]]) -> None:
    lines = [
        (
            escape(one["partition"] or "-"),
            escape(one["blocked"] or "; ".join(wait["text"] for wait in one["waitingFor"])),
            clock(one["firstAt"]),
            clock(one["dueAt"]),
            clock(one["lastLaunchAt"]),
            one["updates"],
        )
        for one in stands
    ]
    rows(("PARTITION", "WAITS FOR", "SINCE", "LOOKED AT", "LAST LAUNCH", "UPDATES"), lines)


def _arrivals(arrivals: list[dict[str, Any]]) -> None:
    lines = [
        (
            one["update"],
            escape(_dataset(one["dataset"])),
            escape(one["partition"]),
            escape(one["targetPartition"]),
            clock(one["at"]),
            one["fate"],
            escape(one["reason"] or ""),
            one["launch"],
        )
        for one in arrivals
    ]
    rows(("UPDATE", "DATASET", "PARTITION", "FOR", "AT", "FATE", "REASON", "LAUNCH"), lines)


def _warn(deprecations: list[dict[str, Any]]) -> None:
    told = {(_dataset(one["dataset"]), one["endsAt"], one["text"]) for one in deprecations}
    for name, ends_at, text in sorted(told):
        why = f": {text}" if text else ""
        out.print(f"[yellow]{escape(name)} ends on {clock(ends_at)}{escape(why)}[/]")
