"""Incidents and their transitions, as the read API shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    exists,
    func,
    or_,
    select,
)

from hub.errors import NotFound
from hub.model import Viewer
from hub.store.column_impact import columns_named
from hub.store.impact import Impact
from hub.store.incident_views import (
    ImpactView,
    IncidentView,
    StreamedView,
    streamed_of,
    transition_of,
    views_of,
)
from hub.store.predictions import breaches_of, datasets_hit, jobs_hit
from hub.store.reading import (
    Page,
    Slice,
    cut,
    dataset_seen,
    job_seen,
    newest_first,
)
from hub.store.tables import (
    dataset,
    incident,
    incident_transition,
    job,
    namespace,
    orchestrator,
    target_health,
)

_job_space, _dataset_space = namespace.alias("job_space"), namespace.alias("dataset_space")
_children, _parent = incident.alias("children"), incident.alias("parent")
_its_job, _its_dataset = job.alias("its_job"), dataset.alias("its_dataset")


class Filter(Struct, frozen=True):
    """Which incidents; None: all. since, until: when they opened, until exclusive."""

    open: bool | None = None
    job_id: int | None = None
    dataset_id: int | None = None
    orchestrator_id: int | None = None
    rule: str | None = None
    team: str | None = None
    roots: bool = False
    kind: str | None = None
    severity: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    namespace: str | None = None
    orchestrator: str | None = None
    text: str | None = None
    parent_id: int | None = None
    kinds: tuple[str, ...] | None = None


# -- one and many ------------------------------------------------------------------------------


def list_incidents(
    connection: Connection, viewer: Viewer, wanted: Filter, page: Page
) -> Slice[IncidentView]:
    """Incidents, those that opened last first."""
    statement = newest_first(
        _wanted(_seen(viewer), viewer, wanted), page, incident.c.opened_at, incident.c.id
    )
    rows = connection.execute(statement).all()
    kept, following = cut(rows, page, lambda row: (row.opened_at, row.id))
    return Slice(views_of(connection, kept), following)


def get_incident(connection: Connection, viewer: Viewer, key: int) -> IncidentView:
    """One incident with its history; raises NotFound."""
    row = connection.execute(_seen(viewer).where(incident.c.id == key)).first()
    if row is None:
        raise NotFound(f"Incident '{key}' not found.")
    (view,) = views_of(connection, [row])
    statement = _steps(viewer).where(incident_transition.c.incident_id == key)
    history = [
        transition_of(one)
        for one in connection.execute(statement.order_by(incident_transition.c.id))
    ]
    return replace(view, history=history, impact=_impact(connection, viewer, row.impact))


def list_transitions(
    connection: Connection, viewer: Viewer, after: int, limit: int
) -> tuple[list[StreamedView], int]:
    """Transitions of all incidents that follow the one with the id `after`, the oldest first.

    Their ids grow in the order in which they were committed. And the last id that was looked at:
    with it, ask again for what follows; what the viewer may not see is passed over.
    """
    mine = incident_transition.c
    last = select(mine.id).where(mine.id > after).order_by(mine.id).limit(limit).subquery()
    end = connection.scalar(select(func.max(last.c.id)))
    if end is None:
        return [], after
    statement = _streamed(viewer).where(mine.id > after, mine.id <= end).order_by(mine.id)
    return streamed_of(connection, connection.execute(statement).all()), int(end)


def latest_transition(connection: Connection) -> int:
    """The id of the latest transition, 0 if there is none."""
    return int(connection.scalar(select(func.max(incident_transition.c.id))) or 0)


# -- what is downstream ------------------------------------------------------------------------


def _impact(connection: Connection, viewer: Viewer, kept: str | None) -> ImpactView | None:
    """By name, as far as the viewer may see it."""
    if kept is None:
        return None
    below = msgspec.json.decode(kept, type=Impact)
    jobs = jobs_hit(connection, viewer, below.jobs)
    data = datasets_hit(connection, viewer, below.datasets)
    hit, predicted = [*jobs.values(), *data.values()], below.predicted
    return ImpactView(
        [one.name for one in jobs.values()],
        [one.name for one in data.values()],
        columns_named(connection, viewer, below.columns),
        below.truncated,
        list(dict.fromkeys(one.team for one in hit if one.team is not None)),
        list(dict.fromkeys(owner for one in hit for owner in one.owners)),
        breaches_of(connection, viewer, predicted),
        None if predicted is None else predicted.at,
        None if predicted is None else predicted.basis,
    )


# -- who sees what -----------------------------------------------------------------------------


def _seen(viewer: Viewer) -> Select[Any]:
    """Incidents that the viewer may see, with what they are about."""
    children = (
        select(func.count())
        .where(_children.c.parent_id == incident.c.id, _open_to(viewer, _children))
        .scalar_subquery()
    )
    mine = select(
        incident, *_ABOUT, children.label("children"), _cause(viewer, incident).label("cause")
    )
    return _about(viewer, mine)


def _streamed(viewer: Viewer) -> Select[Any]:
    told = select(
        incident_transition,
        *_ABOUT,
        incident.c.rule,
        incident.c.kind,
        incident.c.key,
        incident.c.job_id,
        incident.c.team,
        incident.c.dry_run,
        _cause(viewer, incident_transition).label("cause"),
    )
    return _about(viewer, told.join(incident, incident.c.id == incident_transition.c.incident_id))


def _steps(viewer: Viewer) -> Select[Any]:
    return select(incident_transition, _cause(viewer, incident_transition).label("cause"))


_ABOUT = (
    _job_space.c.name.label("job_namespace"),
    job.c.name.label("job_name"),
    _dataset_space.c.name.label("dataset_namespace"),
    dataset.c.name.label("dataset_name"),
    orchestrator.c.name.label("orchestrator_name"),
    target_health.c.name.label("target_name"),
)


def _about(viewer: Viewer, statement: Select[Any]) -> Select[Any]:
    return (
        statement.outerjoin(job, job.c.id == incident.c.job_id)
        .outerjoin(_job_space, _job_space.c.id == job.c.namespace_id)
        .outerjoin(dataset, dataset.c.id == incident.c.dataset_id)
        .outerjoin(_dataset_space, _dataset_space.c.id == dataset.c.namespace_id)
        .outerjoin(orchestrator, orchestrator.c.id == incident.c.orchestrator_id)
        .outerjoin(target_health, target_health.c.id == incident.c.target_id)
        .where(
            or_(
                orchestrator.c.id.is_not(None),
                target_health.c.id.is_not(None),
                and_(job.c.id.is_not(None), job_seen(viewer)),
                and_(dataset.c.id.is_not(None), dataset_seen(viewer)),
            )
        )
    )


def _open_to(viewer: Viewer, one: Any) -> ColumnElement[bool]:
    """Whether the viewer may see another incident."""
    return or_(
        one.c.orchestrator_id.is_not(None),
        one.c.target_id.is_not(None),
        exists().where(_its_job.c.id == one.c.job_id, job_seen(viewer, _its_job)),
        exists().where(_its_dataset.c.id == one.c.dataset_id, dataset_seen(viewer, _its_dataset)),
    )


def _cause(viewer: Viewer, of: Any) -> ColumnElement[int | None]:
    """The incident that is its cause, if the viewer may see that one."""
    seen = exists().where(_parent.c.id == of.c.parent_id, _open_to(viewer, _parent))
    return case((seen, of.c.parent_id))


# -- which -------------------------------------------------------------------------------------


def _wanted(statement: Select[Any], viewer: Viewer, wanted: Filter) -> Select[Any]:
    asked = {name: getattr(wanted, name) for name in Filter.__struct_fields__}
    equal = (incident.c[name] == asked[name] for name in _EQUAL if asked[name] is not None)
    more = (_CONDITIONS[name](asked[name]) for name in _CONDITIONS if asked[name] is not None)
    cause = _cause(viewer, incident)
    if wanted.roots:
        statement = statement.where(cause.is_(None))
    if wanted.parent_id is not None:
        statement = statement.where(cause == wanted.parent_id)
    return statement.where(*equal, *more)


def _is_open(wanted: bool) -> ColumnElement[bool]:  # noqa: FBT001
    over = incident.c.resolved_at
    return over.is_(None) if wanted else over.is_not(None)


def _of_orchestrator(name: str) -> ColumnElement[bool]:
    named = select(orchestrator.c.id).where(orchestrator.c.name == name)
    return or_(job.c.orchestrator_id.in_(named), incident.c.orchestrator_id.in_(named))


_EQUAL: Final = (
    "job_id",
    "dataset_id",
    "orchestrator_id",
    "rule",
    "team",
    "kind",
    "severity",
    "state",
)


def _says(text: str) -> ColumnElement[bool]:
    """The text stands in what is wrong or in the name of what it is wrong with."""
    columns = (incident.c.reason, job.c.name, dataset.c.name)
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


_CONDITIONS: Final[dict[str, Callable[[Any], ColumnElement[bool]]]] = {
    "open": _is_open,
    "since": lambda at: incident.c.opened_at >= at,
    "until": lambda at: incident.c.opened_at < at,
    "namespace": lambda name: func.coalesce(_job_space.c.name, _dataset_space.c.name) == name,
    "orchestrator": _of_orchestrator,
    "text": _says,
    "kinds": incident.c.kind.in_,
}
