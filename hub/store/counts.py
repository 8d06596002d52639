"""How many jobs and datasets there are, without counting them."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection, Select, func, select, union

from hub.model import Viewer
from hub.store.reading import kept_from, kept_per_viewer
from hub.store.tables import counter, dataset, job

Counted = Literal["jobs", "datasets"]
_ENTITY: dict[str, Any] = {"jobs": job, "datasets": dataset}


def total_of(
    connection: Connection, viewer: Viewer, what: Counted, namespace_id: int | None = None
) -> int:
    """How many the viewer can list, in one namespace or in all.

    The writers keep count. What is hidden or private to others is rare, has indexes of its own
    and is taken off.
    """
    total = recorded(connection, what, namespace_id)
    unlisted = select(func.count()).select_from(_unlisted(viewer, what).subquery())
    if namespace_id is not None:
        listed = _unlisted(viewer, what).subquery()
        unlisted = select(func.count()).where(listed.c.namespace_id == namespace_id)
    return max(0, total - int(connection.scalar(unlisted) or 0))


def recorded(connection: Connection, what: str, namespace_id: int | None = None) -> int:
    """How many there are, whoever may see them."""
    counted = select(func.sum(counter.c.value)).where(counter.c.name == what)
    if namespace_id is not None:
        counted = counted.where(counter.c.scope_id == namespace_id)
    return int(connection.scalar(counted) or 0)


@kept_per_viewer
def _by_viewer(viewer: Viewer, entity: Any) -> Any:
    counted = select(entity.c.id, entity.c.namespace_id)
    if entity is dataset:
        # A name that means another dataset was never counted. (+ 0: SQLite would take the index of
        # that column, which nearly all rows match.)
        counted = counted.where((entity.c.canonical_id + 0).is_(None))
    hidden = counted.where(entity.c.hidden.is_(True))
    if viewer.all:
        return hidden
    closed = kept_from(viewer, entity.c.team) & entity.c.team.is_not(None)
    # Apart, each along its own index; united, so that none counts twice.
    return union(hidden, counted.where(closed))


def _unlisted(viewer: Viewer, what: Counted) -> Select[Any]:
    unlisted: Select[Any] = _by_viewer(viewer, _ENTITY[what])
    return unlisted
