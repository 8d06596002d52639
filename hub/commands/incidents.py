"""`trackside incidents`: what is wrong, and what people do about it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from hub.commands.client import hub_at_work
from hub.commands.common import (
    AsJson,
    ConfigFile,
    DatabaseUrl,
    ago,
    clock,
    load,
    out,
    print_json,
    rows,
)
from hub.errors import BadInput

app = typer.Typer(help="See what is wrong, and say what it is.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="Its id, as `list` shows it.", metavar="ID")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; kept in its history.")]

COLORS: Final = {"critical": "bold red", "error": "red", "warning": "yellow", "info": "blue"}
_UNITS: Final = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)")
MOST: Final = 1000  # of one answer


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="How many at most.")] = 50,
    since: Annotated[
        str | None, typer.Option(help="Opened since: 24h, 7d, 2026-11-25T08:00.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Opened before, likewise.")] = None,
    severity: Annotated[str | None, typer.Option(help="info, warning, error or critical.")] = None,
    rule: Annotated[str | None, typer.Option(help="Of this rule.")] = None,
    team: Annotated[str | None, typer.Option(help="Of this team.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Of jobs or datasets in it.")] = None,
    orchestrator: Annotated[str | None, typer.Option(help="Of its jobs.")] = None,
    text: Annotated[str | None, typer.Option(help="Part of a reason or a name.")] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    over: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    roots: Annotated[
        bool, typer.Option("--roots", help="Without those that another incident causes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List incidents that are open, those that opened last first.

    trackside incidents list --since 24h --severity critical
    """
    now = datetime.now(UTC)
    asked = {
        "limit": limit, "severity": severity, "rule": rule, "team": team, "namespace": namespace,
        "orchestrator": orchestrator, "text": text, "roots": roots or None,
        "open": None if over else True,
        "since": None if since is None else before(since, "--since", now),
        "until": None if until is None else before(until, "--until", now),
    }  # fmt: skip
    given = {name: value for name, value in asked.items() if value is not None}
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", "/api/v1/incidents", params=given)
    if as_json:
        print_json(told)
        return
    titles = ("ID", "SINCE", "SEVERITY", "STATE", "RULE", "WHAT", "WHY")
    rows(titles, [_line(one, now) for one in told["incidents"]])
    if told["nextCursor"]:
        out.print(f"... and more; --limit {MOST} shows up to {MOST}")


@app.command()
def show(
    number: Number,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one incident: what is wrong, its evidence, what is downstream, and all that happened."""
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("GET", f"/api/v1/incidents/{number}")
    if as_json:
        print_json(told)
    else:
        _page(told)


@app.command()
def ack(
    number: Number,
    reason: Reason = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Acknowledge: somebody is at it. It stays open until the world heals."""
    _say(number, "acknowledge", {"reason": reason}, config, database_url)


@app.command()
def snooze(
    number: Number,
    length: Annotated[str | None, typer.Option("--for", help="How long: 30min, 2h, 3d.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Until when, in UTC if it tells no zone.")
    ] = None,
    reason: Reason = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Let it be until a time; if it is still open then, it comes back.

    trackside incidents snooze 17 --for 2h --reason "the vendor is at it"
    """
    if (length is None) == (until is None):
        raise BadInput("--for", length, "either --for or --until")
    ends = instant_of(until, "--until") if until else datetime.now(UTC) + length_of(length or "")
    said = {"until": ends.isoformat(), "reason": reason}
    _say(number, "snooze", said, config, database_url)


@app.command()
def expected(
    number: Number,
    reason: Reason = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Call it expected: it is over, opens no more, and its run counts for what is normal."""
    _say(number, "expected", {"reason": reason}, config, database_url)


@app.command("new-normal")
def new_normal(
    number: Number,
    reason: Reason = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Call it the new normal: it is over, and what was normal before is forgotten."""
    _say(number, "new-normal", {"reason": reason}, config, database_url)


@app.command()
def reopen(
    number: Number,
    reason: Reason = "",
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Take back that it was called expected or the new normal."""
    _say(number, "reopen", {"reason": reason}, config, database_url)


@app.command()
def note(
    number: Number,
    text: Annotated[str, typer.Argument(help="What is to be kept in its history.")],
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Add a comment to its history."""
    _say(number, "note", {"reason": text}, config, database_url)


def _say(
    number: int, action: str, said: dict[str, str], config: str | None, database_url: str | None
) -> None:
    with hub_at_work(load(config, database_url=database_url)) as hub:
        told = hub.json("POST", f"/api/v1/incidents/{number}/{action}", json=said)
    last = told["history"][-1]
    by = f" by {last['by']}" if last["by"] else ""
    out.print(f"incident {number} is {_state(told)}: {last['transition']}{by}, {last['reason']}",
              markup=False, soft_wrap=True)  # fmt: skip


# -- what is shown ---------------------------------------------------------------------------------


def what(told: dict[str, Any]) -> str:
    """The job or dataset that something of the API is about."""
    name = told["job"] or told["dataset"]
    return (
        f"{name['namespace']}:{name['name']}"
        if name
        else str(told.get("orchestrator") or told.get("target") or "")
    )


def _line(one: dict[str, Any], now: datetime) -> tuple[str, ...]:
    return (
        str(one["id"]),
        f"{ago(one['since'], now)} ago",
        severity_of(one),
        _state(one) + (f", causes {one['children']}" if one["children"] else ""),
        escape(one["rule"]),
        escape(_name(one)),
        escape(one["reason"]),
    )


def _name(told: dict[str, Any]) -> str:
    """Without the namespace, which would take the room of the name."""
    name = told["job"] or told["dataset"]
    return str(name["name"] if name else told.get("orchestrator") or "")


def severity_of(one: dict[str, Any]) -> str:
    color = COLORS.get(one["severity"], "default")
    return f"[{color}]{one['severity']}[/]"


def _state(one: dict[str, Any]) -> str:
    if one["snoozedUntil"]:
        return f"snoozed until {clock(one['snoozedUntil'])}"
    return str(one["resolution"] or one["state"].lower()).replace("_", " ")


def _page(told: dict[str, Any]) -> None:
    out.print(f"[b]{escape(what(told))}[/] {severity_of(told)} {_state(told)}")
    out.print(escape(told["reason"]), soft_wrap=True)
    ended = f", over since {clock(told['resolvedAt'])}" if told["resolvedAt"] else ""
    out.print(f"rule {escape(told['rule'])}; since {clock(told['since'])}{ended}")
    if told["parentId"]:
        out.print(f"caused by incident {told['parentId']}")
    if told["children"]:
        out.print(f"causes {told['children']} more")
    for name, link in told["links"].items():
        if link:
            out.print(f"{name}: {link}", markup=False, soft_wrap=True)
    rows(
        ("", ""),
        [
            (escape(name), escape(str(value)))
            for name, value in told["evidence"].items()
            if value is not None
        ],
    )
    _downstream(told["impact"])
    out.print()
    history = [
        (clock(each["at"]), each["transition"], each["by"] or "", escape(each["reason"]))
        for each in told["history"]
    ]
    rows(("WHEN", "STEP", "BY", "WHY"), history)


def _downstream(impact: dict[str, Any] | None) -> None:
    if impact is None:
        return
    names = [f"{each['namespace']}:{each['name']}" for each in impact["jobs"] + impact["datasets"]]
    more = ", ..." if impact["truncated"] else ""
    if names:
        out.print(f"\ndownstream: {', '.join(names)}{more}", markup=False, soft_wrap=True)
    if whose := impact["teams"] + impact["owners"]:
        out.print(f"owned by: {', '.join(whose)}", markup=False, soft_wrap=True)
    if impact["breaches"]:
        out.print()
        head = ("BREACHES AT", "RULE", "OF", "PROBABLY", "DONE AT", "MUST BE DONE BY")
        rows(head, [_breach(each) for each in impact["breaches"]])


def _breach(told: dict[str, Any]) -> tuple[str, ...]:
    name = told["job"] or told["dataset"]
    chance = told["probability"]
    return (
        clock(told["breachAt"]),
        escape(told["rule"]),
        escape(f"{name['namespace']}:{name['name']}"),
        "?" if chance is None else f"{chance:.0%}",
        clock(told["doneAt"]) or "?",
        clock(told["mustBy"]) or "?",
    )


# -- times -----------------------------------------------------------------------------------------


def before(text: str, flag: str, now: datetime) -> str:
    """An instant, or so long ago."""
    at = now - length_of(text) if _LENGTH.fullmatch(text) else instant_of(text, flag)
    return at.isoformat()


def length_of(text: str) -> timedelta:
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        raise BadInput("--for", text, "a length of time, as in 30min, 2h or 3d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def instant_of(text: str, flag: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(flag, text, "a time, as in 2026-11-25T08:00, or 24h") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
