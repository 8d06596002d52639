"""How many jobs and datasets there are, without counting them."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import ColumnElement, Connection, func, or_, select

from hub.model import Viewer
from hub.store.reading import kept_from
from hub.store.tables import counter, dataset, job

Counted = Literal["jobs", "datasets"]


def total_of(
    connection: Connection, viewer: Viewer, what: Counted, namespace_id: int | None = None
) -> int:
    """How many the viewer can list, in one namespace or in all.

    The writers count what was ever recorded; what is not listed (hidden, aliases, private to
    others) is rare, has indexes of its own and is taken off.
    """
    recorded = select(func.sum(counter.c.value)).where(counter.c.name == what)
    if namespace_id is not None:
        recorded = recorded.where(counter.c.scope_id == namespace_id)
    total = int(connection.scalar(recorded) or 0)
    return max(0, total - _unlisted(connection, viewer, what, namespace_id))


def _unlisted(
    connection: Connection, viewer: Viewer, what: Counted, namespace_id: int | None
) -> int:
    entity = job if what == "jobs" else dataset
    reasons: list[ColumnElement[bool]] = [entity.c.hidden.is_(True)]
    if what == "datasets":
        reasons.append(dataset.c.canonical_id.is_not(None))
    if not viewer.all:
        reasons.append(kept_from(viewer, entity.c.team))
    statement = select(func.count()).where(or_(*reasons))
    if namespace_id is not None:
        statement = statement.where(entity.c.namespace_id == namespace_id)
    return int(connection.scalar(statement) or 0)
