"""`trackside rules`: which rules there are, whether a file of them is right, and what they do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from hub.commands.client import Client, hub_at_work, raise_refusal
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
from hub.commands.incidents import COLORS, severity_of, what
from hub.errors import ConfigError, NotFound
from hub.evaluate.book import PACK, book_of
from hub.rules.base import spoken
from hub.settings import Settings

app = typer.Typer(help="See, check and understand rules.", no_args_is_help=True)

_STATUS = {"OK": "green", "VIOLATED": "red", "UNKNOWN": "yellow"}


@app.command("list")
def list_(
    config: ConfigFile = None, database_url: DatabaseUrl = None, *, as_json: AsJson = False
) -> None:
    """List the rules in force."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/rules")
    if as_json:
        print_json(told)
        return
    titles = ("NAME", "KIND", "SEVERITY", "SELECTS", "SETTINGS")
    rows(titles, [_line(one) for one in told["rules"]])


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="trackside.yaml, or one of rules alone.")],
) -> None:
    """Check rules as code; exit 1 tells all that is wrong, each with its line. It needs no hub.

    trackside rules check trackside.yaml
    """
    try:
        settings = Settings.load(file, environment={})
        book = book_of(settings)
    except ConfigError as error:
        for line in str(error).splitlines():
            err.print(f"[bold red]error:[/] {escape(line)}", soft_wrap=True)
        raise typer.Exit(1) from None
    usual = {one.name for one in PACK}
    own = {rule["name"] for rule in settings.rules}
    out.print(f"{file}: {len(own)} rules, all right", markup=False, soft_wrap=True)
    for name in sorted(own):
        place = " (in the place of the hub's own)" if name in usual else ""
        state = book.rules[name].declared.kind if name in book.rules else "turned off"
        out.print(f"  {name}: {state}{place}", markup=False, soft_wrap=True)


@app.command()
def explain(
    subject: Annotated[
        str,
        typer.Argument(
            help="A job or dataset: its name, or job:NAMESPACE:NAME, dataset:NAMESPACE:NAME.",
            metavar="JOB_OR_DATASET",
        ),
    ],
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Explain what watches a job or dataset: what is expected next, from what evidence, what is
    said now, and why the other rules do not apply.

    trackside rules explain nightly_load
    """
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = _ask(hub, subject)
    if as_json:
        print_json(told)
    else:
        _page(told)


# -- which is meant --------------------------------------------------------------------------------


def _ask(hub: Client, subject: str) -> Any:
    """What the hub says of what is named; raises NotFound, with what else might be meant."""
    for node in _meanings(subject):
        answer = hub.ask("GET", "/api/v1/rules/explain", params={"nodeId": node})
        if answer.is_success:
            return answer.json()
        if answer.status_code not in {400, 404}:
            raise_refusal(hub, answer)
    found = hub.json("GET", "/api/v1/search", params={"q": subject, "limit": 20})["results"]
    exact = [hit["nodeId"] for hit in found if hit["name"] == subject]
    if len(exact) == 1:
        return hub.json("GET", "/api/v1/rules/explain", params={"nodeId": exact[0]})
    others = exact or [hit["nodeId"] for hit in found]
    hint = f"; is it one of these? {', '.join(others[:5])}" if others else ""
    raise NotFound(f"no job or dataset is called {subject!r}{hint}")


def _meanings(subject: str) -> list[str]:
    if subject.startswith(("job:", "dataset:")):
        return [subject]
    return [f"job:{subject}", f"dataset:{subject}"] if ":" in subject else []


# -- what is shown ---------------------------------------------------------------------------------


def _line(one: dict[str, Any]) -> tuple[str, ...]:
    selects = one["select"]
    shown = {k: v for k, v in (selects or {}).items() if v not in (None, False, "*", [], {})}
    return (
        escape(one["name"]),
        one["kind"] + (" (dry run)" if one["dryRun"] else ""),
        severity_of(one),
        "private" if selects is None else _pairs(shown) or "all",
        _pairs(one["settings"]),
    )


def _pairs(told: dict[str, Any]) -> str:
    return escape(", ".join(f"{name}: {value}" for name, value in told.items()))


def _page(told: dict[str, Any]) -> None:
    kind = "job" if told["job"] else "dataset"
    owner = f", of team {told['team']}" if told["team"] else ""
    out.print(f"[b]{escape(what(told))}[/] ({kind}{escape(owner)})")
    out.print(_known(told))
    for line in (
        *_schedule(told["schedule"]),
        *_baseline(told["baseline"]),
        *_freshness(told),
        *map(_window, told["maintenance"]),
    ):
        out.print(f"  {line}", markup=False, soft_wrap=True)
    applying = [rule for rule in told["rules"] if rule["applies"]]
    for rule in applying:
        _rule(rule)
    if not applying:
        out.print("\nNo rule applies.")
    others = [rule for rule in told["rules"] if not rule["applies"]]
    if others:
        out.print("\nDo not apply:")
        rows(("", ""), [(f"  {escape(rule['name'])}", escape(rule["why"])) for rule in others])


def _known(told: dict[str, Any]) -> str:
    if told["asOf"] is None:
        return "Nothing is judged yet: the first read of its orchestrator is under way."
    how = (
        "what is missing up to then is missing" if told["watched"] else "as far as it was heard of"
    )
    return f"Judged as of {clock(told['asOf'])}; {how}."


def _schedule(told: dict[str, Any] | None) -> list[str]:
    if told is None:
        return []
    paused = ", paused" if told["paused"] else ""
    following = clock(told["nextDueAt"]) or "none"
    days = f", {told['calendar']}" if told["calendar"] else ""
    by = f"{told['kind']} {told['expression']} ({told['timezone']}{paused}{days})"
    return [f"schedule: {by}, in force since {clock(told['since'])}; next slot: {following}"]


def _baseline(told: dict[str, Any] | None) -> list[str]:
    if told is None:
        return []
    since = f" since {clock(told['newNormalAt'])}" if told["newNormalAt"] else ""
    if told["expectedS"] is None:
        again = f"; learned at the next look after {clock(told['holdsUntil'])}"
        more = again if told["runs"] >= told["needed"] and told["holdsUntil"] else ""
        runs = f"{told['runs']} of at least {told['needed']} runs{since}"
        return [f"normal duration: not known yet; {runs}{more}"]
    normal = f"{spoken(told['expectedS'])}, limit now {spoken(told['limitS'])}"
    learned = f"from {told['runs']} runs{since}, learned at {clock(told['fittedAt'])}"
    return [f"normal duration: {normal}; {learned}"]


def _window(one: dict[str, Any]) -> str:
    reason = f" ({one['reason']})" if one["reason"] else ""
    end = f"holds until {clock(one['changesAt'])}" if one["changesAt"] else "holds"
    when = end if one["holds"] else f"begins at {clock(one['changesAt'])}"
    return f"maintenance window {one['name']}{reason}: {when}"


def _freshness(told: dict[str, Any]) -> list[str]:
    fresh = told["freshness"]
    if fresh is None:
        return []
    allowed = f"at most {spoken(fresh['maxLagS'])} old" if fresh["maxLagS"] else "nothing declared"
    updated = clock(fresh["lastUpdateAt"]) or "never"
    return [f"freshness: {allowed}; last updated: {updated}"]


def _rule(rule: dict[str, Any]) -> None:
    color = COLORS.get(rule["severity"], "default")
    dry = ", dry run: nobody is told" if rule["dryRun"] else ""
    settings = f" {{{_pairs(rule['settings'])}}}" if rule["settings"] else ""
    title = (
        f"\n[b]{escape(rule['name'])}[/] ({rule['kind']}{settings}, [{color}]{rule['severity']}[/]"
    )
    out.print(f"{title}{dry})", soft_wrap=True)
    if rule["calendar"]:
        today = "" if rule["today"] else "; today it opens none"
        days = escape(rule["calendar"])
        out.print(f"  calendar: {days}{today}", soft_wrap=True)
    for said in rule["says"]:
        since = f" since {clock(said['since'])}" if said["since"] else ""
        out.print(
            f"  now: [{_STATUS[said['status']]}]{said['status']}[/]{since}: "
            f"{escape(said['reason'])}",
            soft_wrap=True,
        )
    if rule["error"]:
        out.print(f"  now: it can't say, for it failed: {escape(rule['error'])}", soft_wrap=True)
    elif not rule["says"]:
        out.print("  now: nothing is wrong that it could tell")
    out.print(f"  looks again: {_next(rule)}")
    for one in rule["incidents"]:
        out.print(f"  open: incident {one['id']} since {clock(one['since'])}, "
                  f"{one['state'].lower()}", markup=False)  # fmt: skip


def _next(rule: dict[str, Any]) -> str:
    at = rule["looksAgainAt"] or rule["waitsUntil"]
    if at is None:
        return "when something happens"
    late = datetime.fromisoformat(at) < datetime.now(UTC)
    return "when its orchestrator has told all up to then, " * late + f"at {clock(at)} or sooner"
