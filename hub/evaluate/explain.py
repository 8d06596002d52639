"""Which rules watch a job or a dataset: what they go by, what they wait for, what they say now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from hub.baselines.fit import FEWEST
from hub.evaluate.book import Book, Declared, Rule
from hub.evaluate.maintenance import Maintenance, within
from hub.evaluate.round import Found
from hub.evaluate.watch import Watch
from hub.model import EntityName, Evidence
from hub.rules.base import LEARNED, DatasetSeen, Fact, JobSeen, Subject, Verdict
from hub.schedules.days import Choice
from hub.schedules.spans import expected
from hub.store import expectations, facts
from hub.store.db import Connection
from hub.store.expectations import Wait
from hub.store.histories import histories_of
from hub.store.incident_steps import open_on

#: How far ahead the next slot is looked for.
AHEAD: Final = timedelta(days=400)


class Told(Struct, frozen=True, rename="camel"):
    """The base of all."""


class ScheduleTold(Told, frozen=True):
    """The schedule that rules go by, since when it holds, and when it demands the next run.

    origin: file, declared or learned. calendar: on which days alone it is due.
    """

    kind: str
    expression: str
    timezone: str
    paused: bool | None
    since: datetime
    next_due_at: datetime | None
    next_nominal_at: datetime | None
    origin: str
    calendar: str | None


class BaselineTold(Told, frozen=True):
    """What is normal for runs that start now. `runs` have taught it, of `needed` at least; where it is not
    known yet, so many there are by now. holdsUntil: when a rule looks then, it is learned anew.

    newNormalAt: runs before that don't count, for somebody has said so.
    """

    expected_s: float | None
    limit_s: float | None
    runs: int
    needed: int
    fitted_at: datetime | None
    holds_until: datetime | None
    new_normal_at: datetime | None


class FreshnessTold(Told, frozen=True):
    """How old the dataset may get as somebody declared."""

    max_lag_s: float | None
    last_update_at: datetime | None


class VerdictTold(Told, frozen=True):
    status: str
    key: str
    reason: str
    since: datetime | None
    evidence: Evidence


class OpenTold(Told, frozen=True):
    """An open incident of a rule."""

    id: int
    state: str
    severity: str
    reason: str
    since: datetime


class RuleTold(Told, frozen=True):
    """A rule; `why`: why it does not apply. waitsUntil: when it looks next though nothing happens,
    as it said when it last looked. looksAgainAt: the same if it looked now. error: why it can't say.
    calendar: the days on which alone it opens incidents, in words; today: whether this is one.
    """

    name: str
    kind: str
    severity: str
    dry_run: bool
    applies: bool
    why: str | None
    settings: dict[str, Any]
    goes_by: list[str]
    waits_until: datetime | None
    says: list[VerdictTold]
    error: str | None
    looks_again_at: datetime | None
    incidents: list[OpenTold]
    calendar: str | None
    today: bool


class WindowTold(Told, frozen=True):
    """A maintenance window of the subject. changesAt: when it begins, or while it holds, ends."""

    name: str
    reason: str
    holds: bool
    changes_at: datetime | None


class Explanation(Told, frozen=True):
    """`asOf`: up to when its orchestrator has told all; null: its first read is under way.
    watched: what is missing up to then is missing.
    """

    job: EntityName | None
    dataset: EntityName | None
    team: str | None
    inner: bool
    as_of: datetime | None
    watched: bool
    schedule: ScheduleTold | None
    baseline: BaselineTold | None
    freshness: FreshnessTold | None
    rules: list[RuleTold]
    maintenance: list[WindowTold]


def explain(
    connection: Connection,
    watch: Watch,
    book: Book,
    subject: Subject,
    key: int,
    now: datetime,
    shown: Callable[[Declared], bool],
) -> Explanation:
    """All of it for one subject that is there. shown: whether a rule that does not apply is told."""
    this, (row,) = watch.judged(connection, subject, key, now)
    found = {one.place.rule: one for one in this.found}
    waits = expectations.waits(connection, subject, [key])
    incidents = _open(connection, subject, key)
    told = [
        _applying(book.rules[name], one, waits.get((name, key)), incidents.get(name, []), now)
        for name, one in found.items()
    ]
    name, is_job = row.name, subject is Subject.JOB
    seen = [one.seen for one in found.values()]
    return Explanation(
        job=name if is_job else None,
        dataset=None if is_job else name,
        team=row.team,
        inner=row.inner,
        as_of=this.horizons.of(row.orchestrator_id),
        watched=this.horizons.watched(row.orchestrator_id),
        schedule=next((_schedule(one, now) for one in seen if _has_spans(one)), None),
        baseline=_baseline(connection, key, now) if _learns(book, found) else None,
        freshness=next((_freshness(one) for one in seen if isinstance(one, DatasetSeen)), None),
        rules=[*told, *_others(connection, book, row, subject, set(found), shown)],
        maintenance=list(_maintenance(this.windows, row, now)),
    )


def _maintenance(windows: Sequence[Maintenance], row: Any, now: datetime) -> Iterator[WindowTold]:
    """Those that hold or come yet."""
    for one in windows:
        holds, edge = one.covers(now), one.next_edge(now)
        if one.given.select.takes(within(row)) and (holds or edge is not None):
            yield WindowTold(one.given.name, one.given.reason, holds, edge)


# -- rules -------------------------------------------------------------------------------------


def _applying(
    rule: Rule, one: Found, wait: Wait | None, incidents: list[OpenTold], now: datetime
) -> RuleTold:
    return RuleTold(
        **_named(rule.declared),
        **_days(rule.days, now),
        applies=True,
        why=None,
        goes_by=sorted(rule.kind.needs),
        waits_until=None if wait is None else wait.due_at,
        says=[_verdict(each) for each in one.judgement.verdicts],
        error=one.error,
        looks_again_at=one.judgement.due_at,
        incidents=incidents,
    )


def _others(
    connection: Connection,
    book: Book,
    row: Any,
    subject: Subject,
    found: set[str],
    shown: Callable[[Declared], bool],
) -> Iterator[RuleTold]:
    """Rules that do not apply, each with the reason."""
    tags = facts.tags(connection, subject, [row.id]).get(row.id, set())
    for rule in book.rules.values():
        if rule.name not in found and shown(rule.declared):
            about = None if rule.subject is subject else f"it is about {rule.subject}s"
            yield _passive(rule.declared, about or rule.declared.select.why_not(row, tags) or "")
    for ended in book.ended:
        if shown(ended):
            yield _passive(ended, "it is turned off (enabled: false)")


def _passive(declared: Declared, why: str) -> RuleTold:
    return RuleTold(
        **_named(declared),
        calendar=None,
        today=False,
        applies=False,
        why=why,
        goes_by=[],
        waits_until=None,
        says=[],
        error=None,
        looks_again_at=None,
        incidents=[],
    )


def _days(days: Choice | None, now: datetime) -> dict[str, Any]:
    return {"calendar": days and days.words, "today": days is None or days.take(now)}


def _named(one: Declared) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "severity": one.severity,
        "dry_run": one.dry_run,
        "settings": one.settings,
    }


def _verdict(one: Verdict) -> VerdictTold:
    return VerdictTold(one.status, one.key, one.reason, one.since, one.evidence)


def _open(connection: Connection, subject: Subject, key: int) -> dict[str, list[OpenTold]]:
    found: dict[str, list[OpenTold]] = {}
    for held in open_on(connection, subject, key):
        one = held.incident
        told = OpenTold(held.id, one.state, one.severity, one.reason, one.since)
        found.setdefault(held.rule, []).append(told)
    return found


# -- what they go by ---------------------------------------------------------------------------


def _has_spans(seen: object) -> bool:
    return isinstance(seen, JobSeen) and bool(seen.spans)


def _schedule(seen: Any, now: datetime) -> ScheduleTold:
    last = seen.spans[-1]
    reach, slot = timedelta(hours=1), None
    while slot is None and reach < AHEAD:
        slot = next((s for s in expected(seen.spans, now, now + reach) if s.due_at > now), None)
        reach *= 8
    return ScheduleTold(
        last.schedule.kind,
        last.schedule.expression,
        last.schedule.timezone,
        last.schedule.paused,
        last.since,
        None if slot is None else slot.due_at,
        None if slot is None else slot.nominal_at,
        last.origin,
        last.days.words if last.days else None,
    )


def _learns(book: Book, found: dict[str, Found]) -> bool:
    needs = {fact for name in found for fact in book.rules[name].kind.needs}
    return Fact.BASELINE in LEARNED & needs


def _baseline(connection: Connection, key: int, now: datetime) -> BaselineTold:
    kept = facts.baselines(connection, [key], now).get(key)
    value = None if kept is None else kept.value
    reset = facts.new_normals(connection, Subject.JOB, [key], facts.OF_DURATION)
    return BaselineTold(
        None if value is None else round(value.expected(now), 1),
        None if value is None else round(value.limit(now), 1),
        value.samples if value else len(histories_of(connection, [key])[key].samples),
        FEWEST,
        None if kept is None else kept.fitted_at,
        None if kept is None else kept.holds_until,
        reset.get(key),
    )


def _freshness(seen: DatasetSeen) -> FreshnessTold:
    return FreshnessTold(seen.max_lag_s, seen.last_update_at)
