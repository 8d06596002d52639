"""What rules may know of orchestrators, and of how their jobs do together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, bindparam, func, or_, select

from hub.model import EntityName, HealthStatus
from hub.rules.base import HOLD, Blind, Part, RollCall, Subject, Waiting
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

#: Samples of a pool that rules see at most, the latest.
SAMPLES = 500


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


def backlog(connection: Connection, key: int) -> dict[str, list[Waiting]]:
    """The latest samples of each pool, the oldest first."""
    pools = connection.scalars(
        select(backlog_sample.c.pool).where(backlog_sample.c.orchestrator_id == key).distinct()
    ).all()
    return {pool: _samples(connection, key, pool) for pool in pools}


def _samples(connection: Connection, key: int, pool: str) -> list[Waiting]:
    mine = backlog_sample.c
    rows = connection.execute(
        select(mine.at, mine.queued, mine.running, mine.capacity, mine.oldest_wait_s)
        .where(mine.orchestrator_id == key, mine.pool == pool)
        .order_by(mine.at.desc())
        .limit(SAMPLES)
    ).all()
    return [Waiting(*row) for row in reversed(rows)]


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
