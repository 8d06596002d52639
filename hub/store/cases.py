"""Incidents as whoever tells people of them looks at them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, func, select

from hub.errors import NotFound
from hub.model import IncidentState, Transition, Viewer
from hub.ports import About, Case, Cases, Membership, NotificationState, Standing
from hub.rules.base import Subject
from hub.store import facts
from hub.store.reading import among, dataset_seen, job_seen, json_list
from hub.store.silences import in_force
from hub.store.step_cursors import start_at_last_step, step_of
from hub.store.tables import (
    dataset,
    incident,
    incident_transition,
    job,
    look_again,
    membership,
    namespace,
    notification,
    orchestrator,
    target_health,
)
from hub.store.upsert import upsert

READER = "tell"

_job_space, _dataset_space = namespace.alias("job_space"), namespace.alias("dataset_space")
_own, _parent = orchestrator.alias("own"), incident.alias("parent")

#: An incident with all that routes ask of it.
ABOUT: Select[Any] = (
    select(
        incident,
        func.coalesce(_job_space.c.name, _dataset_space.c.name).label("namespace"),
        job.c.name.label("job"),
        dataset.c.name.label("dataset"),
        func.coalesce(job.c.owners, dataset.c.owners).label("owners"),
        func.coalesce(orchestrator.c.name, _own.c.name).label("orchestrator"),
        target_health.c.name.label("target"),
        _parent.c.reason.label("cause"),
        _parent.c.resolved_at.label("cause_over_at"),
    )
    .outerjoin(job, job.c.id == incident.c.job_id)
    .outerjoin(_job_space, _job_space.c.id == job.c.namespace_id)
    .outerjoin(dataset, dataset.c.id == incident.c.dataset_id)
    .outerjoin(_dataset_space, _dataset_space.c.id == dataset.c.namespace_id)
    .outerjoin(orchestrator, orchestrator.c.id == job.c.orchestrator_id)
    .outerjoin(_own, _own.c.id == incident.c.orchestrator_id)
    .outerjoin(target_health, target_health.c.id == incident.c.target_id)
    .outerjoin(_parent, _parent.c.id == incident.c.parent_id)
)


def read_cases(connection: Connection, now: datetime, limit: int, crowd_within: timedelta) -> Cases:
    """What has happened to incidents behind the cursor, and those that time brings back."""
    steps, cursor = _steps(connection, limit)
    due = connection.scalars(
        select(look_again.c.incident_id)
        .where(look_again.c.at <= now)
        .order_by(look_again.c.at)
        .limit(limit)
    ).all()
    wanted = {*steps, *due}
    if not wanted:
        return Cases(cursor=cursor)
    return Cases(
        cases=cases_of(connection, wanted, steps),
        cursor=cursor,
        silences=in_force(connection, now),
        groups=_groups(connection),
        begun=_begun(connection, now - crowd_within),
        more=len(due) >= limit or sum(map(len, steps.values())) > 0,
    )


def cases_of(
    connection: Connection,
    keys: Collection[int],
    steps: Mapping[int, list[Transition]] | None = None,
) -> list[Case]:
    rows = among(connection, ABOUT, incident.c.id, keys)
    abouts = abouts_of(connection, rows)
    parents = {row.parent_id for row in rows if row.parent_id is not None}
    told, severities = _told(connection, parents), _severities(connection, parents)
    parts = _memberships(connection, keys)
    return [
        Case(
            id=row.id,
            about=abouts[row.id],
            state=IncidentState(row.state),
            reason=row.reason,
            dry_run=row.dry_run,
            snoozed_until=row.snoozed_until,
            window=_window(row.evidence),
            parent=None if row.cause_over_at is not None else row.parent_id,
            parent_told=row.parent_id in told,
            parent_severity=severities.get(row.parent_id),
            steps=frozenset((steps or {}).get(row.id, ())),
            memberships=tuple(parts[row.id]),
        )
        for row in rows
    ]


def abouts_of(connection: Connection, rows: Iterable[Row[Any]]) -> dict[int, About]:
    """By incident, of rows of `ABOUT`."""
    rows = list(rows)
    jobs = facts.tags(connection, Subject.JOB, {r.job_id for r in rows if r.job_id is not None})
    data = facts.tags(
        connection, Subject.DATASET, {r.dataset_id for r in rows if r.dataset_id is not None}
    )
    return {
        row.id: _about(row, jobs.get(row.job_id, set()) | data.get(row.dataset_id, set()))
        for row in rows
    }


def _about(row: Row[Any], tags: Iterable[str]) -> About:
    return About(
        rule=row.rule,
        kind=row.kind,
        severity=row.severity,
        team=row.team,
        owners=tuple(_owner(one) for one in json_list(row.owners)),
        orchestrator=row.orchestrator,
        namespace=row.namespace,
        job=row.job,
        dataset=row.dataset,
        target=row.target,
        tags=frozenset(tags),
    )


def _window(evidence: str) -> str | None:
    """The maintenance window within which it happened, as rules mark it."""
    told = msgspec.json.decode(evidence).get("window") if '"window"' in evidence else None
    return told if isinstance(told, str) else None


def _owner(told: Any) -> str:
    return str(told.get("name", "")) if isinstance(told, dict) else str(told)


def _steps(connection: Connection, limit: int) -> tuple[dict[int, list[Transition]], int]:
    cursor = step_of(connection, READER)
    mine = incident_transition.c
    rows = connection.execute(
        select(mine.id, mine.incident_id, mine.transition)
        .where(mine.id > cursor)
        .order_by(mine.id)
        .limit(limit)
    ).all()
    found: dict[int, list[Transition]] = defaultdict(list)
    for row in rows:
        found[row.incident_id].append(Transition(row.transition))
    return found, rows[-1].id if rows else cursor


def _severities(connection: Connection, keys: Collection[int]) -> dict[int, str]:
    found = among(connection, select(incident.c.id, incident.c.severity), incident.c.id, keys)
    return {row.id: row.severity for row in found}


def _told(connection: Connection, parents: Collection[int]) -> set[int]:
    """Those of which somebody hears."""
    live = (
        select(membership.c.incident_id)
        .join(notification, notification.c.id == membership.c.notification_id)
        .where(notification.c.state != NotificationState.OVER)
    )
    return {row[0] for row in among(connection, live, membership.c.incident_id, parents)}


_MEMBERSHIPS = select(
    membership.c.incident_id,
    membership.c.standing,
    notification.c.id,
    notification.c.route,
    notification.c.targets,
    notification.c.state,
    notification.c.group_key,
).join(notification, notification.c.id == membership.c.notification_id)


def _memberships(
    connection: Connection, keys: Collection[int]
) -> defaultdict[int, list[Membership]]:
    found: defaultdict[int, list[Membership]] = defaultdict(list)
    for row in among(connection, _MEMBERSHIPS, membership.c.incident_id, keys):
        one = Membership(
            row.id,
            row.route,
            tuple(json_list(row.targets)),
            NotificationState(row.state),
            Standing(row.standing),
            row.group_key is None,
        )
        found[row.incident_id].append(one)
    return found


def _groups(connection: Connection) -> dict[str, int]:
    live = select(notification.c.group_key, notification.c.id).where(
        notification.c.group_key.is_not(None), notification.c.state != NotificationState.OVER
    )
    return {row[0]: row[1] for row in connection.execute(live)}


def _begun(connection: Connection, since: datetime) -> dict[str, int]:
    counted = (
        select(notification.c.route, func.count())
        .where(notification.c.begun_at > since)
        .group_by(notification.c.route)
    )
    return {row[0]: row[1] for row in connection.execute(counted)}


# -- what is kept ------------------------------------------------------------------------------


def look_at_open(connection: Connection, now: datetime) -> None:
    """Looks at every open incident again: what is told, or kept back, has changed."""
    _look(connection, select(incident.c.id).where(incident.c.resolved_at.is_(None)), now)


def look_at_caused_by(connection: Connection, parents: Collection[int], now: datetime) -> None:
    if parents:
        children = select(incident.c.id).where(
            incident.c.parent_id.in_(parents), incident.c.resolved_at.is_(None)
        )
        _look(connection, children, now)


def _look(connection: Connection, which: Select[Any], now: datetime) -> None:
    keys = connection.scalars(which).all()
    upsert(connection, look_again, [{"incident_id": key, "at": now} for key in keys])


def begin(connection: Connection, now: datetime) -> None:
    """A hub that tells for the first time tells what is open, and nothing of what was."""
    start_at_last_step(connection, READER)
    look_at_open(connection, now)


# -- what would be -----------------------------------------------------------------------------


def about_incident(connection: Connection, viewer: Viewer, key: int) -> About:
    """Raises NotFound."""
    seen = (
        select(incident.c.id)
        .outerjoin(job, job.c.id == incident.c.job_id)
        .outerjoin(dataset, dataset.c.id == incident.c.dataset_id)
        .where(
            incident.c.id == key,
            (incident.c.job_id.is_(None) | job_seen(viewer)),
            (incident.c.dataset_id.is_(None) | dataset_seen(viewer)),
        )
    )
    if connection.scalar(seen) is None:
        raise NotFound(f"Incident '{key}' not found.")
    rows = among(connection, ABOUT, incident.c.id, [key])
    return abouts_of(connection, rows)[key]


def about_job(connection: Connection, key: int, **told: Any) -> About:
    """As an incident of the job would be. told: rule, kind, severity."""
    statement = (
        select(job, namespace.c.name.label("namespace"), orchestrator.c.name.label("orchestrator"))
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .outerjoin(orchestrator, orchestrator.c.id == job.c.orchestrator_id)
        .where(job.c.id == key)
    )
    row = connection.execute(statement).one()
    return About(
        team=row.team,
        owners=tuple(_owner(one) for one in json_list(row.owners)),
        orchestrator=row.orchestrator,
        namespace=row.namespace,
        job=row.name,
        tags=frozenset(facts.tags(connection, Subject.JOB, [key]).get(key, ())),
        **told,
    )


def about_dataset(connection: Connection, key: int, **told: Any) -> About:
    """The same of a dataset."""
    statement = (
        select(dataset, namespace.c.name.label("namespace"))
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .where(dataset.c.id == key)
    )
    row = connection.execute(statement).one()
    return About(
        team=row.team,
        owners=tuple(_owner(one) for one in json_list(row.owners)),
        namespace=row.namespace,
        dataset=row.name,
        tags=frozenset(facts.tags(connection, Subject.DATASET, [key]).get(key, ())),
        **told,
    )
