"""Advice that people want to hear no more of, and what of it a viewer may not see."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, Row, delete, select

from hub.model import EntityName, Viewer
from hub.store.reading import kept_from
from hub.store.tables import advice_dismissal as t
from hub.store.tables import dataset, job
from hub.store.upsert import upsert
from hub.store.views import View


class Dismissal(View, frozen=True):
    """Who wants to hear no more of a piece of advice, and why."""

    why: str
    by: str
    at: datetime


def dismissals(connection: Connection) -> dict[str, Dismissal]:
    """All of them, by the key of what they dismiss."""
    return {row.key: _held(row) for row in connection.execute(select(t))}


def dismiss(connection: Connection, key: str, kind: str, about: EntityName, one: Dismissal) -> None:
    """Again: the later reason holds."""
    upsert(
        connection,
        t,
        [
            {
                "key": key,
                "kind": kind,
                "namespace": about.namespace,
                "name": about.name,
                "why": one.why,
                "dismissed_by": one.by,
                "dismissed_at": one.at,
            }
        ],
    )


def take_back(connection: Connection, key: str) -> bool:
    """Whether it was dismissed."""
    return bool(connection.execute(delete(t).where(t.c.key == key)).rowcount)


def _held(row: Row[tuple[object, ...]]) -> Dismissal:
    return Dismissal(row.why, row.dismissed_by, row.dismissed_at)


class ClosedKeys(Struct, frozen=True):
    """Jobs and datasets of private teams that a viewer does not belong to."""

    jobs: frozenset[int] = frozenset()
    datasets: frozenset[int] = frozenset()


def closed_keys(connection: Connection, viewer: Viewer) -> ClosedKeys:
    if viewer.all:
        return ClosedKeys()
    return ClosedKeys(
        *(
            frozenset(connection.scalars(select(owned.c.id).where(kept_from(viewer, owned.c.team))))
            for owned in (job, dataset)
        )
    )
