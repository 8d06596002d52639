"""What rules may know of orchestrators, and of how their jobs do together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from hub.model import EntityName, HealthStatus
from hub.rules.base import HOLD, STALE, Blind, Part, Queue, RollCall, Subject, Waiting
from hub.store.expectations import NOBODY
from hub.store.reading import among
from hub.store.tables import (
    backlog_sample,
    expectation,
    health,
    incident,
    orchestrator,
    poll,
    watermark,
)
from hub.store.types import to_micros

#: Samples of a pool that rules see at most, the latest.
SAMPLES = 30
#: Days before, and how far around the same time of day, that tell what is usual.
DAYS = 7
AROUND = timedelta(minutes=45)


class OrchestratorRow(Struct, frozen=True):
    """An orchestrator as rules are chosen for it. asked: it is polled."""

    id: int
    name: EntityName  # in no namespace
    last_event_at: datetime | None
    asked: bool
    complete_to: datetime | None
    failures: int
    error: str | None
    team: str | None = None
    inner: bool = False
    job: EntityName | None = None

    @property
    def orchestrator(self) -> str:
        return self.name.name

    @property
    def orchestrator_id(self) -> int:
        """Whose watermark holds it back: nobody's, or its own would hide that it is silent."""
        return NOBODY


_ROWS = (
    select(
        orchestrator.c.id,
        orchestrator.c.name,
        orchestrator.c.last_event_at,
        poll.c.orchestrator.label("polled"),
        poll.c.failures,
        poll.c.error,
        watermark.c.complete_to,
    )
    .outerjoin(poll, poll.c.orchestrator == orchestrator.c.name)
    .outerjoin(
        watermark, (watermark.c.orchestrator_id == orchestrator.c.id) & (watermark.c.stream == "")
    )
)


def orchestrator_ids(connection: Connection) -> list[int]:
    return list(connection.scalars(select(orchestrator.c.id)))


def orchestrator_rows(connection: Connection, keys: Iterable[int]) -> list[OrchestratorRow]:
    return [
        OrchestratorRow(
            row.id,
            EntityName("", row.name),
            row.last_event_at,
            row.polled is not None,
            row.complete_to,
            row.failures or 0,
            row.error,
        )
        for row in among(connection, _ROWS, orchestrator.c.id, keys)
    ]


def parts(connection: Connection, keys: Iterable[int]) -> dict[int, list[Part]]:
    """How their parts are."""
    found: dict[int, list[Part]] = defaultdict(list)
    for row in among(connection, select(health), health.c.orchestrator_id, keys):
        found[row.orchestrator_id].append(Part(row.part, HealthStatus(row.status), row.detail))
    return found


def backlog(connection: Connection, key: int, now: datetime) -> dict[str, Queue]:
    """Of each pool that had work waiting lately. The cost is that of its pools, not of its history."""
    found: dict[str, Queue] = {}
    for pool, last in connection.execute(_POOLS, {"whose": key}).all():
        if last is None or last < now - STALE:
            continue
        given = {"whose": key, "pool": pool, "now": to_micros(last)}
        rows = connection.execute(_SAMPLES, given).all()
        peaks = [peak for _, peak in connection.execute(_PEAKS, given) if peak is not None]
        found[pool] = Queue([Waiting(*row) for row in reversed(rows)], peaks)
    return found


_mine = backlog_sample.c
_first = (
    select(func.min(_mine.pool).label("pool"))
    .where(_mine.orchestrator_id == bindparam("whose"))
    .cte("pools", recursive=True)
)
_next = (
    select(func.min(_mine.pool))
    .where(_mine.orchestrator_id == bindparam("whose"), _mine.pool > _first.c.pool)
    .correlate(_first)
    .scalar_subquery()
)
_pools = _first.union_all(select(_next).where(_first.c.pool.is_not(None)))
#: Each pool with its latest sample, one step of the index each.
_POOLS = select(
    _pools.c.pool,
    select(func.max(_mine.at))
    .where(_mine.orchestrator_id == bindparam("whose"), _mine.pool == _pools.c.pool)
    .correlate(_pools)
    .scalar_subquery(),
).where(_pools.c.pool.is_not(None))
_SAMPLES = (
    select(_mine.at, _mine.queued, _mine.running, _mine.capacity, _mine.oldest_wait_s)
    .where(_mine.orchestrator_id == bindparam("whose"), _mine.pool == bindparam("pool"))
    .order_by(_mine.at.desc())
    .limit(SAMPLES)
)
_DAY_US = timedelta(days=1) // timedelta(microseconds=1)
_AROUND_US = AROUND // timedelta(microseconds=1)
_one = select(literal(1).label("day")).cte("days", recursive=True)
_days = _one.union_all(select(_one.c.day + 1).where(_one.c.day < DAYS))
_then = bindparam("now", type_=BigInteger) - _days.c.day * literal(_DAY_US, BigInteger)
_at_us = type_coerce(_mine.at, BigInteger)
#: The most that waited at this time of day, of each day before, the latest day first.
_PEAKS = select(
    _days.c.day,
    select(func.max(_mine.queued))
    .where(
        _mine.orchestrator_id == bindparam("whose"),
        _mine.pool == bindparam("pool"),
        _at_us >= _then - _AROUND_US,
        _at_us <= _then + _AROUND_US,
    )
    .correlate(_days)
    .scalar_subquery(),
).order_by(_days.c.day)


# -- how the jobs of orchestrators do together -------------------------------------------------


def roll_calls(
    connection: Connection, keys: Iterable[int], rules: Iterable[str], now: datetime
) -> dict[int, RollCall]:
    """By the expectations of these rules (DESIGN D6)."""
    given, whose = {"rules": list(rules)}, list(keys)
    held = {row[0]: row for row in among(connection, _HELD, _OF, whose, **given)}
    soon = dict(
        tuple(row) for row in among(connection, _AWAITED, _OF, whose, soon=now + HOLD, **given)
    )
    found = {}
    for key in whose:
        _, missing, since = held.get(key, (key, 0, None))
        met = 0
        if since is not None:
            met = connection.scalar(_MET, {"whose": key, "since": since, **given}) or 0
        found[key] = RollCall(soon.get(key, 0), missing, met, since)
    return found


_OF = expectation.c.orchestrator_id
_JOBS = func.count(expectation.c.subject_id.distinct())
_CALLED = select(_OF, _JOBS).where(
    expectation.c.rule.in_(bindparam("rules", expanding=True)),
    expectation.c.subject_kind == Subject.JOB,
)
_HELD = _CALLED.add_columns(func.min(expectation.c.slot_at)).where(expectation.c.held).group_by(_OF)
_AWAITED = _CALLED.where(
    or_(expectation.c.due_at <= bindparam("soon"), expectation.c.held)
).group_by(_OF)
_MET = _CALLED.with_only_columns(_JOBS).where(
    bindparam("whose") == _OF, expectation.c.met_at >= bindparam("since")
)


def unheard(
    connection: Connection, keys: Iterable[int], since: datetime
) -> Mapping[int, list[Blind]]:
    """When an orchestrator was silent, by the incidents of the kind that says so."""
    found: dict[int, list[Blind]] = defaultdict(list)
    for key, begun, ended in among(
        connection, _UNHEARD, incident.c.orchestrator_id, keys, after=since
    ):
        found[key].append(Blind(begun, ended, "its orchestrator was silent"))
    return found


_UNHEARD = select(incident.c.orchestrator_id, incident.c.since, incident.c.resolved_at).where(
    incident.c.kind == "orchestrator_silent",
    incident.c.dry_run.is_(False),
    or_(incident.c.resolved_at.is_(None), incident.c.resolved_at > bindparam("after")),
)
