"""Incidents: kept with their history, and read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace
from sqlalchemy import Column, Connection, Row, Select, and_, func, or_, select

from hub.errors import NotFound
from hub.model import EntityName, Incident, IncidentState, Resolution, Step, Viewer
from hub.store.access import next_id
from hub.store.neighbours import Neighbours
from hub.store.reading import Page, Slice, among, cut, dataset_seen, job_seen, newest_first
from hub.store.tables import (
    dataset,
    incident,
    incident_transition,
    job,
    namespace,
    orchestrator,
)
from hub.store.views import View

_job_space, _dataset_space = namespace.alias("job_space"), namespace.alias("dataset_space")
_children = incident.alias("children")


class Place(Struct, frozen=True):
    """What an incident is about. `kind` is the rule's, `subject_kind` the subject's sort."""

    rule: str
    kind: str
    subject_kind: str
    subject_id: int
    team: str | None
    severity: str
    dry_run: bool


#: Jobs and datasets downstream that an incident keeps, the nearest.
KEPT = 200


class Held(Struct, frozen=True):
    """An incident as it is kept."""

    id: int
    incident: Incident


# -- writing: in a transaction of the evaluating loop, or of a person's action ------------------


def find_incident(connection: Connection, place: Place, key: str) -> Held | None:
    """The incident of this rule, subject and key; nobody else moves it until the transaction ends."""
    mine = incident.c
    statement = select(incident).where(
        mine.rule == place.rule,
        mine.subject_kind == place.subject_kind,
        mine.subject_id == place.subject_id,
        mine.key == key,
    )
    row = connection.execute(statement.with_for_update()).first()
    return None if row is None else _held(row)


def hold_incident(connection: Connection, key: int) -> Held:
    """The incident with this id; nobody else moves it until the transaction ends."""
    row = connection.execute(select(incident).where(incident.c.id == key).with_for_update()).one()
    return _held(row)


def open_incident(
    connection: Connection, place: Place, made: Step, below: Neighbours | None, now: datetime
) -> int:
    """Enters an incident that was not there; its id."""
    number = next_id(connection, "incident")
    whose = {f"{place.subject_kind}_id": place.subject_id}
    connection.execute(
        incident.insert().values(
            id=number,
            **msgspec.structs.asdict(place),
            **whose,
            key=made.incident.key,
            impact=None if below is None else _text(_nearest(below)),
            **_moving(made.incident, now),
        )
    )
    _note(connection, number, made, now, None)
    return number


def move_incident(
    connection: Connection, key: int, made: Step, now: datetime, by: str | None = None
) -> None:
    """Keeps where the incident stands now, and how it got there."""
    connection.execute(
        incident.update().where(incident.c.id == key).values(**_moving(made.incident, now))
    )
    _note(connection, key, made, now, by)


def open_causes(
    connection: Connection, around: Neighbours, orchestrator_id: int | None = None
) -> list[int]:
    """Open incidents on these that have no cause themselves, the first first.

    With an orchestrator, those that say that it is silent come before all others.
    """
    silent = _SILENT.where(incident.c.orchestrator_id == orchestrator_id)
    found = [] if orchestrator_id is None else list(connection.scalars(silent))
    rows = [
        row
        for column, keys in (
            (incident.c.job_id, around.jobs),
            (incident.c.dataset_id, around.datasets),
        )
        for row in among(connection, _OPEN_ROOTS, column, keys)
    ]
    return found + [row.id for row in sorted(rows, key=lambda row: (row.since, row.id))]


def open_on_jobs_of(connection: Connection, orchestrator_id: int, since: datetime) -> list[int]:
    """Open incidents without a cause on jobs of the orchestrator that went wrong since then."""
    statement = _OPEN_ROOTS.join(job, job.c.id == incident.c.job_id).where(
        job.c.orchestrator_id == orchestrator_id, incident.c.since >= since
    )
    return [row.id for row in connection.execute(statement.order_by(incident.c.id))]


def open_of_other_rules(connection: Connection, rules: Mapping[str, str]) -> list[Held]:
    """Open incidents of rules that are not among these (name: kind)."""
    rows = connection.execute(select(incident).where(incident.c.resolved_at.is_(None)))
    return [_held(row) for row in rows if rules.get(row.rule) != row.kind]


def open_of(connection: Connection, rule: str, kind: str, subject: int) -> list[Held]:
    """Open incidents of this rule on this subject."""
    mine = (
        incident.c.rule == rule,
        incident.c.subject_kind == kind,
        incident.c.subject_id == subject,
        incident.c.resolved_at.is_(None),
    )
    return [_held(row) for row in connection.execute(select(incident).where(*mine))]


def open_children(connection: Connection, parent: int) -> list[Held]:
    """Open incidents whose cause is this one."""
    mine = select(incident).where(incident.c.parent_id == parent, incident.c.resolved_at.is_(None))
    return [
        _held(row) for row in connection.execute(mine.order_by(incident.c.id).with_for_update())
    ]


_OPEN_ROOTS = select(incident.c.id, incident.c.since).where(
    incident.c.resolved_at.is_(None), incident.c.parent_id.is_(None), incident.c.dry_run.is_(False)
)


_SILENT = select(incident.c.id).where(
    incident.c.resolved_at.is_(None),
    incident.c.kind == "orchestrator_silent",
    incident.c.dry_run.is_(False),
)


def _nearest(below: Neighbours) -> Neighbours:
    jobs, datasets = below.jobs[:KEPT], below.datasets[:KEPT]
    cut_off = below.truncated or len(jobs) < len(below.jobs) or len(datasets) < len(below.datasets)
    return Neighbours(jobs, datasets, cut_off)


def _moving(one: Incident, now: datetime) -> dict[str, Any]:
    return {
        "state": one.state,
        "reason": one.reason,
        "evidence": _text(one.evidence),
        "since": one.since,
        "opened_at": one.opened_at,
        "resolved_at": one.resolved_at,
        "resolution": one.resolution,
        "parent_id": one.parent,
        "updated_at": now,
    }


def _note(connection: Connection, key: int, made: Step, now: datetime, by: str | None) -> None:
    last = select(func.max(incident_transition.c.version)).where(
        incident_transition.c.incident_id == key
    )
    connection.execute(
        incident_transition.insert().values(
            id=next_id(connection, "incident_transition"),
            incident_id=key,
            at=now,
            transition=made.transition,
            by=by,
            reason=made.reason,
            evidence=_text(made.evidence),
            version=1 + (connection.scalar(last) or 0),
        )
    )


def _held(row: Row[Any]) -> Held:
    return Held(
        row.id,
        Incident(
            key=row.key,
            state=IncidentState(row.state),
            reason=row.reason,
            evidence=msgspec.json.decode(row.evidence),
            since=row.since,
            opened_at=row.opened_at,
            resolved_at=row.resolved_at,
            resolution=None if row.resolution is None else Resolution(row.resolution),
            parent=row.parent_id,
        ),
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


# -- reading -----------------------------------------------------------------------------------


class TransitionView(View, frozen=True):
    """One step of an incident. `by`: the person; None: the hub itself."""

    at: datetime
    transition: str
    by: str | None
    reason: str
    evidence: Raw


class ImpactView(View, frozen=True):
    """What was downstream when the incident opened, the nearest first. `truncated`: and more."""

    jobs: list[EntityName]
    datasets: list[EntityName]
    truncated: bool


class IncidentView(View, frozen=True):
    """An incident. Its subject is the job, dataset or orchestrator; `parentId`: the incident that caused it.

    children: incidents that it causes. impact and history: of one incident, None in lists.
    """

    id: int
    rule: str
    kind: str
    job: EntityName | None
    dataset: EntityName | None
    orchestrator: str | None
    team: str | None
    severity: str
    state: str
    reason: str
    evidence: Raw
    since: datetime
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    parent_id: int | None
    children: int
    impact: ImpactView | None
    dry_run: bool
    updated_at: datetime
    history: list[TransitionView] | None


class Filter(Struct, frozen=True):
    """Which incidents; None: all."""

    open: bool | None = None
    job_id: int | None = None
    dataset_id: int | None = None
    orchestrator_id: int | None = None
    rule: str | None = None
    team: str | None = None
    roots: bool = False


def list_incidents(
    connection: Connection, viewer: Viewer, wanted: Filter, page: Page
) -> Slice[IncidentView]:
    """Incidents, those that opened last first."""
    statement = newest_first(
        _wanted(_seen(viewer), wanted), page, incident.c.opened_at, incident.c.id
    )
    rows = connection.execute(statement).all()
    kept, following = cut(rows, page, lambda row: (row.opened_at, row.id))
    return Slice([_view(row) for row in kept], following)


def get_incident(connection: Connection, viewer: Viewer, key: int) -> IncidentView:
    """One incident with its history; raises NotFound."""
    row = connection.execute(_seen(viewer).where(incident.c.id == key)).first()
    if row is None:
        raise NotFound(f"Incident '{key}' not found.")
    statement = select(incident_transition).where(incident_transition.c.incident_id == key)
    history = [
        TransitionView(one.at, one.transition, one.by, one.reason, Raw(one.evidence))
        for one in connection.execute(statement.order_by(incident_transition.c.id))
    ]
    return replace(_view(row), history=history, impact=_impact(connection, viewer, row.impact))


def _impact(connection: Connection, viewer: Viewer, kept: str | None) -> ImpactView | None:
    """By name, as far as the viewer may see it."""
    if kept is None:
        return None
    below = msgspec.json.decode(kept, type=Neighbours)
    jobs = select(job.c.id, namespace.c.name, job.c.name)
    data = select(dataset.c.id, namespace.c.name, dataset.c.name)
    return ImpactView(
        _named(
            connection,
            jobs.join(namespace, namespace.c.id == job.c.namespace_id).where(job_seen(viewer)),
            job.c.id,
            below.jobs,
        ),
        _named(
            connection,
            data.join(namespace, namespace.c.id == dataset.c.namespace_id).where(
                dataset_seen(viewer)
            ),
            dataset.c.id,
            below.datasets,
        ),
        below.truncated,
    )


def _named(
    connection: Connection, statement: Select[Any], key: Column[Any], keys: list[int]
) -> list[EntityName]:
    names = {row[0]: EntityName(row[1], row[2]) for row in among(connection, statement, key, keys)}
    return [names[one] for one in keys if one in names]


def _seen(viewer: Viewer) -> Select[Any]:
    children = select(func.count()).where(_children.c.parent_id == incident.c.id).scalar_subquery()
    return (
        select(
            incident,
            children.label("children"),
            _job_space.c.name.label("job_namespace"),
            job.c.name.label("job_name"),
            _dataset_space.c.name.label("dataset_namespace"),
            dataset.c.name.label("dataset_name"),
            orchestrator.c.name.label("orchestrator_name"),
        )
        .outerjoin(job, job.c.id == incident.c.job_id)
        .outerjoin(_job_space, _job_space.c.id == job.c.namespace_id)
        .outerjoin(dataset, dataset.c.id == incident.c.dataset_id)
        .outerjoin(_dataset_space, _dataset_space.c.id == dataset.c.namespace_id)
        .outerjoin(orchestrator, orchestrator.c.id == incident.c.orchestrator_id)
        .where(
            or_(
                orchestrator.c.id.is_not(None),
                and_(job.c.id.is_not(None), job_seen(viewer)),
                and_(dataset.c.id.is_not(None), dataset_seen(viewer)),
            )
        )
    )


def _wanted(statement: Select[Any], wanted: Filter) -> Select[Any]:
    mine = incident.c
    if wanted.open is not None:
        over = mine.resolved_at
        statement = statement.where(over.is_(None) if wanted.open else over.is_not(None))
    if wanted.roots:
        statement = statement.where(mine.parent_id.is_(None))
    for name in ("job_id", "dataset_id", "orchestrator_id", "rule", "team"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(mine[name] == value)
    return statement


def _view(row: Row[Any]) -> IncidentView:
    return IncidentView(
        row.id,
        row.rule,
        row.kind,
        _name(row.job_namespace, row.job_name),
        _name(row.dataset_namespace, row.dataset_name),
        row.orchestrator_name,
        row.team,
        row.severity,
        row.state,
        row.reason,
        Raw(row.evidence),
        row.since,
        row.opened_at,
        row.resolved_at,
        row.resolution,
        row.parent_id,
        row.children,
        None,
        row.dry_run,
        row.updated_at,
        None,
    )


def _name(space: str | None, name: str | None) -> EntityName | None:
    return None if space is None or name is None else EntityName(space, name)
