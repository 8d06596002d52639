"""Why a run was started, and what it has started: from launch to updates, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, or_, select

from hub.model import Direction, EntityName, Viewer
from hub.store.launch_causes import CauseView, causes
from hub.store.launch_views import LaunchView, Wanted, list_launches
from hub.store.reading import Page, dataset_seen
from hub.store.tables import dataset, namespace, run, run_dataset
from hub.store.views import View

#: So many launches and updates of one run are told.
MOST: Final = 200


class WrittenView(View, frozen=True):
    """A dataset that a run, or a run within it, has written."""

    dataset: EntityName
    partition: str | None
    at: datetime


class RunCauses(View, frozen=True):
    """launch: what started the run, if the hub did; causes: the updates for which it was started.

    effects: what it has written. reruns: launches that try it again.
    """

    launch: LaunchView | None
    causes: list[CauseView]
    effects: list[WrittenView]
    reruns: list[LaunchView]


def run_causes(connection: Connection, viewer: Viewer, run_id: int, now: datetime) -> RunCauses:
    started = list_launches(connection, viewer, Wanted(run=run_id), Page(1), now).items
    again = list_launches(connection, viewer, Wanted(rerun_of_run=run_id), Page(MOST), now).items
    first = started[0] if started else None
    return RunCauses(
        first,
        causes(connection, viewer, first.cause) if first else [],
        _written(connection, viewer, run_id),
        list(again),
    )


def _written(connection: Connection, viewer: Viewer, run_id: int) -> list[WrittenView]:
    within = select(run.c.id).where(or_(run.c.id == run_id, run.c.parent_run_id == run_id))
    statement = (
        select(
            namespace.c.name.label("space"),
            dataset.c.name,
            run_dataset.c.partition_key,
            run_dataset.c.at,
        )
        .join(dataset, dataset.c.id == run_dataset.c.dataset_id)
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .where(
            run_dataset.c.run_id.in_(within),
            run_dataset.c.direction == Direction.OUTPUT,
            dataset_seen(viewer),
        )
        .order_by(run_dataset.c.at)
        .limit(MOST)
    )
    rows: Sequence[Any] = connection.execute(statement).all()
    return [
        WrittenView(EntityName(row.space, row.name), row.partition_key or None, row.at)
        for row in rows
    ]
