"""What a gate answered at a time that is past, by the updates, checks and incidents of then.

Freshness policies are those of now: their history is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Select, and_, func, or_, select

from hub.gates import AWAITED_OF, GateAnswer, GateFacts, GateSpec, IncidentSeen, judge
from hub.model import IncidentState
from hub.rules.base import Subject
from hub.store import gates
from hub.store.gates import INCIDENTS, NAMES, UPDATES, LatestUpdate
from hub.store.tables import check_result, dataset, incident, incident_transition
from hub.store.tables import dataset_update as update


def past_gate(
    connection: Connection, dataset_id: int, partition: str, spec: GateSpec, at: datetime
) -> GateAnswer:
    """Its `again_at`: when something happened next that it may have answered otherwise for."""
    facts = _facts(connection, dataset_id, partition, at)
    found = judge(spec, facts, at)
    if found.passed:
        return found
    times = [one for one in (found.again_at, *_news(connection, dataset_id, at)) if one is not None]
    return replace(found, again_at=min(times, default=None))


def _facts(connection: Connection, key: int, partition: str, at: datetime) -> GateFacts:
    recent = _updates(connection, key, at, AWAITED_OF + 1)
    named = _updates(connection, key, at, 1, partition) if partition else recent
    mine = named[0] if named else None
    latest = {} if mine is None else {(key, partition): mine}
    known = gates.results_of(connection, [(key, partition)], {key: recent}, latest)
    results = [one for one in known[key] if one.check.at <= at]
    return GateFacts(
        name=connection.execute(NAMES.where(dataset.c.id == key)).one().name,
        partition=partition,
        updated_at=None if mine is None else mine.at,
        rows=None if mine is None else mine.rows,
        last_update_at=recent[0].at if recent else None,
        checks=gates.checks_since(results, partition, mine),
        awaited=gates.awaited_of(results, recent),
        incidents=_incidents(connection, key, mine, at),
        policy=gates.policies_of(connection, [key]).get(key),
    )


def _updates(
    connection: Connection, key: int, at: datetime, limit: int, partition: str | None = None
) -> list[LatestUpdate]:
    """The latest first."""
    mine: Select[Any] = UPDATES.where(update.c.dataset_id == key, update.c.at <= at)
    if partition is not None:
        mine = mine.where(update.c.partition_key == partition)
    rows = connection.execute(mine.order_by(update.c.at.desc(), update.c.id.desc()).limit(limit))
    return [gates.update_of(row) for row in rows]


def _incidents(
    connection: Connection, key: int, latest: LatestUpdate | None, at: datetime
) -> list[IncidentSeen]:
    """Those that were open then, of the dataset and of the jobs that had updated it."""
    jobs = {latest.job_id, latest.parent_job_id} - {None} if latest else set()
    last = (
        select(func.max(incident_transition.c.id))
        .where(incident_transition.c.incident_id == incident.c.id, incident_transition.c.at <= at)
        .correlate(incident)
        .scalar_subquery()
    )
    of_jobs = and_(incident.c.subject_kind == Subject.JOB, incident.c.job_id.in_(jobs))
    then: Select[Any] = INCIDENTS.join(incident_transition, incident_transition.c.id == last).where(
        or_(incident.c.dataset_id == key, of_jobs),
        incident_transition.c.state != IncidentState.RESOLVED,
    )
    return [gates.incident_of(row, frozenset()) for row in connection.execute(then)]


def _news(connection: Connection, key: int, at: datetime) -> Iterator[datetime | None]:
    """When the next check reported, and when the next thing happened to an incident."""
    checks = select(func.min(check_result.c.at))
    yield connection.scalar(checks.where(check_result.c.dataset_id == key, check_result.c.at > at))
    steps: Any = select(func.min(incident_transition.c.at)).join(
        incident, incident.c.id == incident_transition.c.incident_id
    )
    yield connection.scalar(
        steps.where(incident.c.dataset_id == key, incident_transition.c.at > at)
    )
