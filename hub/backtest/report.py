"""What a backtest found, as figures: by rule, by team, against labels and against the current rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from msgspec import Struct

from hub.backtest.calibration import Calibration
from hub.backtest.labels import NOT_REAL, Agreement, Label, agreement, difference
from hub.model import EntityName
from hub.store.history import Told

WEEK: Final = timedelta(weeks=1)
#: Incidents that a difference names.
NAMED: Final = 50


class Brief(Struct, frozen=True, rename="camel"):
    """One incident in a list."""

    rule: str
    kind: str
    subject: EntityName
    since: datetime
    opened_at: datetime
    resolved_at: datetime | None
    reason: str


class RuleFigures(Struct, frozen=True, rename="camel"):
    """One rule. caused: by an incident upstream, so that nobody is told of them apart.

    delay_s: from when it went wrong until it was told. ahead_s: from then until it was over, which
    for an overrun is how long before the end of the run it was told. Both are medians.
    """

    rule: str
    kind: str
    incidents: int
    per_week: float
    caused: int
    retracted: int
    open: int
    delay_s: float | None
    ahead_s: float | None
    agreement: Agreement


class TeamFigures(Struct, frozen=True, rename="camel"):
    """Incidents of one team that somebody would be told of; None: nobody's."""

    team: str | None
    incidents: int
    per_week: float


class Differences(Struct, frozen=True, rename="camel"):
    """Against the current rules. The lists are cut at fifty, the counts are not."""

    both: int
    only_current: int
    only_other: int
    gone: list[Brief]
    new: list[Brief]


class Report(Struct, frozen=True, rename="camel"):
    """What a rule book tells of a history. incidents, per_week: those that somebody is told of."""

    since: datetime
    until: datetime
    events: int
    incidents: int
    per_week: float
    rules: list[RuleFigures]
    teams: list[TeamFigures]
    agreement: Agreement
    calibration: Calibration | None
    changes: Differences | None = None


def report(
    told: Sequence[Told],
    labels: Sequence[Label],
    *,
    since: datetime,
    until: datetime,
    events: int,
    calibration: Calibration | None,
    current: Sequence[Told] | None = None,
) -> Report:
    """Of the incidents that opened between the two; `current`: those of the rules in force."""
    mine = [one for one in told if since <= one.opened_at < until]
    known = [one for one in labels if since <= one.since < until]
    alone = [one for one in mine if not (one.caused or one.dry_run)]
    per_week = weekly(until - since)
    changes = None
    if current is not None:
        changes = changes_of([one for one in current if since <= one.opened_at < until], mine)
    return Report(
        since,
        until,
        events,
        len(alone),
        per_week(len(alone)),
        [figures_of(*each, known, per_week) for each in _by_rule(mine)],
        _teams(alone, per_week),
        agreement(mine, known),
        calibration,
        changes,
    )


def weekly(length: timedelta) -> Callable[[int], float]:
    """So many in a week, of so many in all the time."""
    weeks = max(length / WEEK, 1e-9)
    return lambda count: round(count / weeks, 2)


def _by_rule(told: Iterable[Told]) -> list[tuple[tuple[str, str], list[Told]]]:
    found: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for one in told:
        found[one.rule, one.kind].append(one)
    return sorted(found.items())


def figures_of(
    name: tuple[str, str],
    told: Sequence[Told],
    labels: Sequence[Label],
    per_week: Callable[[int], float],
) -> RuleFigures:
    """Of one rule: its name and its kind, and what it told."""
    rule, kind = name
    over = [one for one in told if one.resolved_at is not None]
    real = [one for one in over if one.resolution not in NOT_REAL]
    return RuleFigures(
        rule,
        kind,
        len(told),
        per_week(len(told)),
        sum(one.caused for one in told),
        sum(one.resolution == "retracted" for one in told),
        len(told) - len(over),
        _middle([(one.opened_at - one.since).total_seconds() for one in told]),
        _middle([(_end(one) - one.opened_at).total_seconds() for one in real]),
        agreement(told, [label for label in labels if label.kind == kind]),
    )


def _end(one: Told) -> datetime:
    assert one.resolved_at is not None
    return one.resolved_at


def _middle(seconds: Sequence[float]) -> float | None:
    return round(median(seconds), 1) if seconds else None


def _teams(told: Sequence[Told], per_week: Callable[[int], float]) -> list[TeamFigures]:
    counts: Mapping[str | None, int] = Counter(one.team for one in told)
    found = sorted(counts.items(), key=lambda pair: -pair[1])
    return [TeamFigures(team, count, per_week(count)) for team, count in found]


def changes_of(current: Sequence[Told], other: Sequence[Told]) -> Differences:
    """What the one book told and the other did not."""
    found = difference(current, other)
    return Differences(
        len(found.both),
        len(found.only_current),
        len(found.only_other),
        [_brief(one) for one in found.only_current[:NAMED]],
        [_brief(one) for one in found.only_other[:NAMED]],
    )


def _brief(one: Told) -> Brief:
    return Brief(
        one.rule, one.kind, one.subject, one.since, one.opened_at, one.resolved_at, one.reason
    )
