"""What a store keeps of the past, as it is needed to go through it once more."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, select

from hub.model import EntityName, Schedule, Transition
from hub.schedules.spans import Span
from hub.store.reading import among
from hub.store.tables import (
    dataset,
    freshness_policy,
    incident,
    incident_transition,
    job,
    lineage_event,
    namespace,
    orchestrator,
    run,
    schedule_span,
    watermark,
)
from hub.store.types import to_micros


class Order(Struct, frozen=True):
    """All raw events in the order of their arrival, column by column; times in microseconds."""

    ids: array[int]
    received: array[int]
    told: array[int]
    orchestrators: array[int]
    jobs: array[int]  # 0: none
    datasets: array[int]


class Policy(Struct, frozen=True):
    """A freshness policy as it stands, and since when its dataset is known."""

    dataset: EntityName
    orchestrator: str | None
    known_at: datetime
    max_lag_s: float
    cron: str | None
    timezone: str


class Told(Struct, frozen=True, kw_only=True):
    """An incident with the name of its subject; `team`: whose subject it is."""

    id: int
    rule: str
    kind: str
    sort: str  # of the subject: job, dataset, orchestrator
    subject: EntityName
    key: str
    team: str | None
    severity: str
    state: str
    reason: str
    since: datetime
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    caused: bool  # by an incident upstream
    dry_run: bool
    acknowledged: bool  # by a person, at any time


def arrival_order(connection: Connection, until: datetime | None) -> Order:
    """Those that arrived before `until`."""
    t = lineage_event.c
    wanted = select(
        t.id, t.received_at, t.event_time, t.orchestrator_id, t.job_id, t.dataset_id
    ).order_by(t.received_at, t.id)
    if until is not None:
        wanted = wanted.where(t.received_at < until)
    order = Order(*(array("q") for _ in Order.__struct_fields__))
    for row in connection.execute(wanted):
        order.ids.append(row[0])
        order.received.append(to_micros(row[1]))
        order.told.append(to_micros(row[2]))
        order.orchestrators.append(row[3])
        order.jobs.append(row[4] or 0)
        order.datasets.append(row[5] or 0)
    return order


def payloads(connection: Connection, ids: Iterable[int]) -> dict[int, bytes]:
    """The events' JSON, as zstd bytes."""
    wanted = select(lineage_event.c.id, lineage_event.c.payload)
    return {row.id: row.payload for row in among(connection, wanted, lineage_event.c.id, ids)}


def teams(connection: Connection) -> tuple[dict[int, str], dict[int, str]]:
    """The teams that jobs and datasets have now, by their number."""
    return _teams(connection, job), _teams(connection, dataset)


def _teams(connection: Connection, table: Any) -> dict[int, str]:
    mine = select(table.c.id, table.c.team).where(table.c.team.is_not(None))
    return {row.id: row.team for row in connection.execute(mine)}


def watched(connection: Connection) -> set[int]:
    """The orchestrators that have handed in a watermark."""
    return set(connection.scalars(select(watermark.c.orchestrator_id).distinct()))


def declared_spans(connection: Connection) -> list[tuple[EntityName, str | None, str | None, Span]]:
    """Every schedule that ever held, with its job, and the job's orchestrator and team.

    Without those that were learned.
    """
    t = schedule_span.c
    wanted = (
        select(
            namespace.c.name, job.c.name, orchestrator.c.name, job.c.team,
            t.since, t.until, t.schedule,
        )
        .join(job, job.c.id == t.job_id)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .outerjoin(orchestrator, orchestrator.c.id == job.c.orchestrator_id)
        .where(func.coalesce(t.origin, "declared") != "learned")
        .order_by(t.since, job.c.id)
    )  # fmt: skip
    found = []
    for space, name, whose, team, since, until, schedule in connection.execute(wanted):
        what = msgspec.json.decode(schedule, type=Schedule)
        found.append((EntityName(space, name), whose, team, Span(what, since, until)))
    return found


def policies(connection: Connection) -> list[Policy]:
    """The policies as they stand; what they were before is not kept."""
    p = freshness_policy.c
    wanted = (
        select(
            namespace.c.name, dataset.c.name, orchestrator.c.name, dataset.c.created_at,
            p.max_lag_s, p.cron, p.timezone,
        )
        .join(dataset, dataset.c.id == p.dataset_id)
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .outerjoin(orchestrator, orchestrator.c.id == namespace.c.orchestrator_id)
        .order_by(dataset.c.created_at, dataset.c.id)
    )  # fmt: skip
    rows = connection.execute(wanted)
    return [Policy(EntityName(space, name), *rest) for space, name, *rest in rows]


def told(connection: Connection) -> list[Told]:
    """All incidents, in the order in which they opened."""
    t = incident.c
    acknowledged = (
        select(func.count())
        .where(
            incident_transition.c.incident_id == t.id,
            incident_transition.c.transition == Transition.ACKNOWLEDGED,
        )
        .scalar_subquery()
    )
    names = {
        "job": _names(connection, job),
        "dataset": _names(connection, dataset),
        "orchestrator": _orchestrators(connection),
    }
    found = []
    for row in connection.execute(
        select(incident, acknowledged.label("acknowledged")).order_by(t.opened_at, t.id)
    ):
        subject = names.get(row.subject_kind, {}).get(row.subject_id)
        if subject is None:
            continue  # of what has been removed since
        found.append(
            Told(
                id=row.id,
                rule=row.rule,
                kind=row.kind,
                sort=row.subject_kind,
                subject=subject,
                key=row.key,
                team=row.team,
                severity=row.severity,
                state=row.state,
                reason=row.reason,
                since=row.since,
                opened_at=row.opened_at,
                resolved_at=row.resolved_at,
                resolution=row.resolution,
                caused=row.parent_id is not None,
                dry_run=row.dry_run,
                acknowledged=row.acknowledged > 0,
            )
        )
    return found


def _names(connection: Connection, table: Any) -> dict[int, EntityName]:
    wanted = select(table.c.id, namespace.c.name, table.c.name).join(
        namespace, namespace.c.id == table.c.namespace_id
    )
    return {row[0]: EntityName(row[1], row[2]) for row in connection.execute(wanted)}


def _orchestrators(connection: Connection) -> dict[int, EntityName]:
    return {row.id: EntityName("", row.name) for row in connection.execute(select(orchestrator))}


class Took(Struct, frozen=True):
    """A run that completed: when it was to run or began, and how long it took, in seconds."""

    job: int
    at: datetime
    began: datetime
    seconds: float


def completed(connection: Connection) -> list[Took]:
    """Every run that completed, by job, in the order in which they ran."""
    r = run.c
    wanted = (
        select(r.job_id, r.started_at, r.ended_at, r.nominal_start)
        .where(r.state == "COMPLETED", r.started_at.is_not(None), r.ended_at > r.started_at)
        .order_by(r.job_id, r.sort_at)
    )
    return [
        Took(row[0], row[3] or row[1], row[1], (row[2] - row[1]).total_seconds())
        for row in connection.execute(wanted)
    ]
