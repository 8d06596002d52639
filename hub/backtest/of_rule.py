"""A backtest of one rule: week by week, against labels, and against the rule as it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from hub.backtest.labels import Label, difference, labels_of, said_of
from hub.backtest.report import WEEK, Differences, RuleFigures, changes_of, figures_of, weekly
from hub.backtest.run import Past, Progress, past
from hub.errors import NotFound
from hub.evaluate.book import Book, Rule, book_of
from hub.model import Viewer
from hub.settings import Settings
from hub.store.closed import Closed, closed_to
from hub.store.db import Database
from hub.store.history import Told

_INSTANT: Final = timedelta(microseconds=1)


class Wanted(Struct, frozen=True):
    """A rule by its name, how many weeks are counted, and what of the rule is to be otherwise.

    rules, calendars: as they stand in trackside.yaml. changed: by setting; empty: the rule as it stands.
    """

    rule: str
    weeks: int
    viewer: Viewer
    rules: list[dict[str, Any]]
    calendars: list[dict[str, Any]]
    changed: dict[str, Any]
    step_s: float

    def books(self) -> tuple[Book, Book]:
        """The rules in force, and those that are tried. Raises ConfigError for what no rule can be."""
        current = _book(self.rules, self.calendars)
        declared = current.rules[self.rule].declared
        tried = declared.model_dump(mode="json", by_alias=True) | self.changed
        others = [one for one in self.rules if one.get("name") != self.rule]
        return current, _book([*others, tried], self.calendars)


class Week(Struct, frozen=True, rename="camel"):
    """Of what went wrong in the week that began then. real, not_real: by their labels.

    both, new, gone: told by the rule as it stands, too; only by what was tried; no longer told.
    """

    begin: datetime
    incidents: int
    real: int
    not_real: int
    both: int
    new: int
    gone: int


class RuleBacktest(Struct, frozen=True, rename="camel"):
    """What a rule would have told. current, changes: none where it was tried as it stands."""

    since: datetime
    until: datetime
    events: int
    tried: RuleFigures
    current: RuleFigures | None
    weeks: list[Week]
    changes: Differences | None


def backtest_of(db: Database, wanted: Wanted, progress: Progress) -> RuleBacktest:
    """Raises NotFound where there is no such rule, or nothing has come in. The store is only read."""
    current, tried = wanted.books()
    if wanted.rule not in tried.rules:
        raise NotFound(f"Rule '{wanted.rule}' is not in force.")
    same = is_same(current.rules[wanted.rule], tried.rules[wanted.rule])
    told = past(
        db,
        tried,
        current=None if same else current,
        step=timedelta(seconds=wanted.step_s),
        progress=progress,
    )
    with db.reading() as connection:
        closed = closed_to(connection, wanted.viewer)
    kind = tried.rules[wanted.rule].declared.kind
    return figures(told, (wanted.rule, kind), wanted.weeks, seen_past(closed))


def seen_past(closed: Closed) -> Callable[[Told], bool]:
    """Whether a viewer sees the subject of an incident."""
    names = frozenset(closed.names)
    return lambda one: one.team not in closed.teams and one.subject not in names


def figures(
    told: Past, name: tuple[str, str], weeks: int, sees: Callable[[Told], bool]
) -> RuleBacktest:
    """Of the last weeks of a history, and of what its viewer sees."""
    until = told.end + _INSTANT
    since = max(min(told.begin, told.earliest), until - weeks * WEEK)

    def mine(all_of_it: Sequence[Told]) -> list[Told]:
        return [
            one
            for one in all_of_it
            if one.rule == name[0] and since <= one.since < until and sees(one)
        ]

    labels = [
        label
        for label in labels_of([one for one in told.said if sees(one)])
        if label.kind == name[1] and since <= label.since < until
    ]
    per_week = weekly(until - since)
    found = mine(told.found.told)
    before = None if told.before is None else mine(told.before.told)
    return RuleBacktest(
        since,
        until,
        told.events,
        figures_of(name, found, labels, per_week),
        None if before is None else figures_of(name, before, labels, per_week),
        list(_weeks(since, until, found, found if before is None else before, labels)),
        None if before is None else changes_of(before, found),
    )


def _weeks(
    since: datetime,
    until: datetime,
    found: Sequence[Told],
    before: Sequence[Told],
    labels: Sequence[Label],
) -> Iterator[Week]:
    """From the latest back, and told from the earliest on: the first may be shorter."""
    count = max(1, -((since - until) // WEEK))
    begins = [until - (count - n) * WEEK for n in range(count)]
    fates = difference(before, found)
    said = list(zip(found, said_of(found, labels), strict=True))

    def of(listed: Sequence[Told], begin: datetime) -> int:
        return sum(begin <= one.since < begin + WEEK for one in listed)

    for begin in begins:
        yield Week(
            max(begin, since),
            of(found, begin),
            of([one for one, real in said if real], begin),
            of([one for one, real in said if real is False], begin),
            of([pair[1] for pair in fates.both], begin),
            of(fates.only_other, begin),
            of(fates.only_current, begin),
        )


def is_same(one: Rule, other: Rule) -> bool:
    """Whether they find the same: a setting that is left out is what it usually is."""
    config = type(one.kind).Config.model_validate
    bare: dict[str, Any] = {"settings": {}}
    return config(one.declared.settings) == config(
        other.declared.settings
    ) and one.declared.model_copy(update=bare) == other.declared.model_copy(update=bare)


def _book(rules: list[dict[str, Any]], calendars: list[dict[str, Any]]) -> Book:
    return book_of(Settings(rules=rules, calendars=calendars))
