"""`trackside backtest`: what rules would have told of the history in a store."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
import typer

from hub.backtest.report import Brief, Report, RuleFigures
from hub.backtest.run import backtest
from hub.commands.common import ConfigFile, DatabaseUrl, err, load, out, progress, rows
from hub.errors import ConfigError
from hub.evaluate.book import book_of
from hub.main import opened
from hub.rules.base import spoken

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
#: What a gate can hold the report against.
GATES: Final[Mapping[str, Callable[[Report], float | None]]] = {
    "precision": lambda told: told.agreement.precision,
    "recall": lambda told: told.agreement.recall,
    "per_week": lambda told: told.per_week,
    "brier": lambda told: told.calibration.brier if told.calibration else None,
    "new": lambda told: told.changes.only_other if told.changes else None,
    "gone": lambda told: told.changes.only_current if told.changes else None,
}
_WORDS: Final = {operator.lt: "under", operator.gt: "over"}


def command(
    rules: Annotated[
        str | None,
        typer.Option(
            "--rules",
            metavar="FILE",
            help="A trackside.yaml whose rules are tried; the present ones.",
        ),
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="Count from here on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="As if it were then (UTC).")] = None,
    step: Annotated[
        str, typer.Option(help="How exact the times of incidents are: 30s, 5m, 1h.")
    ] = "1m",
    fail_under: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="Exit 1 below that. Repeat; see --fail-over."),
    ] = None,
    fail_over: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help=f"Exit 1 above that. Of {', '.join(GATES)}."),
    ] = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Replay what a store keeps through rules, and tell what they would have told.

    Nothing is written into the store, and nobody is told anything. A hub may go on working.

    The rules in force:    trackside backtest --since 2026-10-01
    Rules to be tried:     trackside backtest --rules new.yaml
    In CI, on a backup:    trackside backtest --rules new.yaml --fail-under recall=0.95
                             --fail-over per_week=10 --database-url sqlite:///backup.db
    """
    gates = [*_gates(fail_under, operator.lt), *_gates(fail_over, operator.gt)]
    settings, length = load(config, database_url=database_url), _length(step)
    current = book_of(settings)
    tried = None if rules is None else book_of(load(rules, database_url=database_url))
    with opened(settings) as db, progress() as bars:
        task = bars.add_task("events", total=None)
        found = backtest(
            db,
            tried or current,
            current=None if tried is None else current,
            since=_utc(since),
            until=_utc(until),
            step=length,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _show(found)
    broken = [problem for gate in gates if (problem := gate(found))]
    for problem in broken:
        err.print(f"[bold red]failed:[/] {problem}")
    if broken:
        raise typer.Exit(1)


# -- gates --------------------------------------------------------------------------------------

Gate = Callable[[Report], str | None]


def _gates(told: Sequence[str] | None, beyond: Callable[[Any, Any], bool]) -> Iterator[Gate]:
    for one in told or ():
        name, _, number = one.partition("=")
        try:
            bound = float(number)
        except ValueError:
            bound = None
        if name not in GATES or bound is None:
            raise ConfigError(
                f"--fail-{_WORDS[beyond]} {one}: expected NAME=NUMBER, NAME one of "
                + ", ".join(GATES)
            )
        yield _gate(name, bound, beyond)


def _gate(name: str, bound: float, beyond: Callable[[Any, Any], bool]) -> Gate:
    def check(found: Report) -> str | None:
        value = GATES[name](found)
        if value is None:
            return f"{name} is not known: there is nothing to tell it from"
        return f"{name} is {value:g}, {_WORDS[beyond]} {bound:g}" if beyond(value, bound) else None

    return check


# -- the table ----------------------------------------------------------------------------------


def _show(found: Report) -> None:
    days = (found.until - found.since) / timedelta(days=1)
    out.print(
        f"{found.events:,} events; {found.incidents:,} incidents to tell in {days:.1f} days, "
        f"{found.per_week:g} a week\n"
    )
    title = ("RULE", "INCIDENTS", "A WEEK", "CAUSED", "RETRACTED", "OPEN", "TOLD AFTER", "OVER AFTER",
             "LABELLED", "PRECISION", "RECALL")  # fmt: skip
    rows(title, [_row(rule) for rule in found.rules])
    out.print()
    rows(
        ("TEAM", "INCIDENTS", "A WEEK"),
        [(t.team or "-", t.incidents, t.per_week) for t in found.teams],
    )
    if found.calibration is not None:
        _show_calibration(found)
    if found.changes is not None:
        _show_changes(found)


def _row(rule: RuleFigures) -> tuple[object, ...]:
    told = rule.agreement
    return (
        rule.rule,
        rule.incidents,
        rule.per_week,
        rule.caused,
        rule.retracted,
        rule.open,
        *("-" if s is None else spoken(s) for s in (rule.delay_s, rule.ahead_s)),
        told.labelled,
        *("-" if share is None else f"{share:.2f}" for share in (told.precision, told.recall)),
    )


def _show_calibration(found: Report) -> None:
    assert found.calibration is not None
    told = found.calibration
    out.print(
        f"\nPredicted overruns: Brier score {told.brier:.3f} over {told.predictions:,} predictions; "
        f"who always says the same has {told.reference:.3f}"
    )
    rows(
        ("PREDICTED", "IN THE MEAN", "CAME TRUE", "PREDICTIONS"),
        [(f"{b.low:.1f} to {b.high:.1f}", b.predicted, b.observed, b.count) for b in told.bins],
    )


def _show_changes(found: Report) -> None:
    assert found.changes is not None
    told = found.changes
    out.print(
        f"\nAgainst the present rules: {told.both:,} told by both, {told.only_other:,} new, "
        f"{told.only_current:,} no longer told"
    )
    for sign, listed in (("+", told.new), ("-", told.gone)):
        for one in listed:
            out.print(f"{sign} {_line(one)}", markup=False, soft_wrap=True)


def _line(one: Brief) -> str:
    name = f"{one.subject.namespace}/{one.subject.name}"
    return f"{one.since:%Y-%m-%d %H:%M} {one.rule} {name}: {one.reason}"


# -- what is typed ------------------------------------------------------------------------------


def _utc(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def _length(told: str) -> timedelta:
    match = re.fullmatch(r"(\d+)([smh])", told)
    if match is None or not int(match[1]):
        raise ConfigError(f"--step {told}: expected a number with s, m or h, as in 5m")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
