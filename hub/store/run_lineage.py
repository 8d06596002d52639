"""Lineage of runs: which run made what this run read, and which runs read what it made.

A run read the version of a dataset that held at the time: the latest update by then, of the same
partition where both name one. A level of the walk is a handful of statements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, or_, select

from hub.model import Direction, Viewer
from hub.store.reading import PublicKind, among, dataset_seen, kept_per_viewer, public_uuid
from hub.store.runs import run_views_by_id
from hub.store.tables import dataset, dataset_update, namespace, run_dataset
from hub.store.views import RunView, View

#: Updates looked at, and readers of one update, at most.
MOST_READERS = 1000


class ReadDataset(View, frozen=True):
    """A dataset that a run read, and the run that had made it so."""

    namespace: str
    name: str
    version: str | None
    partition: str | None
    produced_by_run_id: str | None


class LineageRun(Struct, frozen=True):
    """A run of the walk and what it read."""

    run: RunView
    depth: int
    inputs: list[ReadDataset]


class _Read(NamedTuple):
    run_id: int
    namespace: str
    name: str
    partition: str
    update_id: int | None


def upstream(
    connection: Connection, viewer: Viewer, run_id: int, depth: int, limit: int
) -> list[LineageRun]:
    """The run, the runs that made what it read, and so on; `depth` counts from the run."""
    reached = {run_id: 0}
    reads: dict[int, list[_Read]] = defaultdict(list)
    makers: dict[int, int] = {}
    level = [run_id]
    for step in range(depth + 1):
        for each in _reads_of(connection, viewer, level):
            reads[each.run_id].append(each)
        makers |= _makers(connection, [r.update_id for key in level for r in reads[key]])
        above = {makers[r.update_id] for key in level for r in reads[key] if r.update_id in makers}
        level = _room(reached, above if step < depth else (), step + 1, limit)
        if not level:
            break
    return _shown(connection, viewer, reached, reads, makers)


def downstream(
    connection: Connection, viewer: Viewer, run_id: int, depth: int, limit: int
) -> list[LineageRun]:
    """The run, the runs that read what it made, and so on."""
    reached = {run_id: 0}
    level = [run_id]
    for step in range(depth):
        level = _room(reached, _readers(connection, level), step + 1, limit)
        if not level:
            break
    reads: dict[int, list[_Read]] = defaultdict(list)
    for each in _reads_of(connection, viewer, reached):
        reads[each.run_id].append(each)
    updates = [read.update_id for mine in reads.values() for read in mine]
    return _shown(connection, viewer, reached, reads, _makers(connection, updates))


def _room(reached: dict[int, int], keys: Iterable[int], depth: int, limit: int) -> list[int]:
    """Adds runs that are new, as long as there is room; those that were added."""
    fresh = [key for key in sorted(keys) if key not in reached][: limit - len(reached)]
    reached.update(dict.fromkeys(fresh, depth))
    return fresh


@kept_per_viewer
def _select_reads(viewer: Viewer) -> Select[Any]:
    return (
        select(
            run_dataset.c.run_id,
            namespace.c.name,
            dataset.c.name,
            run_dataset.c.partition_key,
            _update_read().label("update_id"),
        )
        .join(dataset, dataset.c.id == run_dataset.c.dataset_id)
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .where(run_dataset.c.direction == Direction.INPUT, dataset_seen(viewer))
        .order_by(run_dataset.c.at)
    )


def _reads_of(connection: Connection, viewer: Viewer, run_ids: Iterable[int]) -> list[_Read]:
    rows = among(connection, _select_reads(viewer), run_dataset.c.run_id, run_ids)
    # Each attempt tells for itself; the last word counts.
    last = {row[:4]: _Read(*row) for row in rows}
    return list(last.values())


def _update_read() -> ColumnElement[int]:
    """The latest update of the dataset that a run other than the reader had made by then."""
    latest = (
        select(dataset_update.c.id)
        .where(
            dataset_update.c.dataset_id == run_dataset.c.dataset_id,
            dataset_update.c.at <= run_dataset.c.at,
            or_(
                dataset_update.c.run_id.is_(None),
                dataset_update.c.run_id != run_dataset.c.run_id,
            ),
            or_(
                run_dataset.c.partition_key == "",
                dataset_update.c.partition_key.in_([run_dataset.c.partition_key, ""]),
            ),
        )
        .order_by(dataset_update.c.at.desc())
        .limit(1)
    )
    return latest.correlate(run_dataset).scalar_subquery()


_MAKERS = select(dataset_update.c.id, dataset_update.c.run_id).where(
    dataset_update.c.run_id.is_not(None)
)


def _makers(connection: Connection, update_ids: Iterable[int | None]) -> dict[int, int]:
    wanted = {key for key in update_ids if key is not None}
    rows = among(connection, _MAKERS, dataset_update.c.id, wanted)
    return {row.id: row.run_id for row in rows}


class _Made(NamedTuple):
    """An update that a run made."""

    id: int
    dataset_id: int
    partition: str
    at: datetime
    run_id: int


_MADE = (
    select(
        dataset_update.c.id,
        dataset_update.c.dataset_id,
        dataset_update.c.partition_key,
        dataset_update.c.at,
        run_dataset.c.run_id,
    )
    .select_from(run_dataset)
    .join(
        dataset_update,
        (dataset_update.c.dataset_id == run_dataset.c.dataset_id)
        & (dataset_update.c.cause == run_dataset.c.attempt_id),
    )
    .where(run_dataset.c.direction == Direction.OUTPUT)
    .distinct()
)


def _readers(connection: Connection, run_ids: Iterable[int]) -> set[int]:
    """The runs that read an update of these runs before the next one took its place."""
    found: set[int] = set()
    for row in among(connection, _MADE, run_dataset.c.run_id, run_ids):
        made = _Made(*row)
        found |= set(connection.scalars(_of_the_whole(connection, made)))
        found |= set(connection.scalars(_of_a_partition(made)))
    return found


def _of_the_whole(connection: Connection, made: _Made) -> Select[Any]:
    """Reads until the next update, of whatever partition, but for the run's that made that one."""
    statement = _reading(made).where(run_dataset.c.partition_key == "")
    later = select(dataset_update.c.at).where(
        dataset_update.c.dataset_id == made.dataset_id, dataset_update.c.at > made.at
    )
    until = connection.scalar(later.order_by(dataset_update.c.at).limit(1))
    return statement if until is None else statement.where(run_dataset.c.at <= until)


def _of_a_partition(made: _Made) -> Select[Any]:
    """Reads of the partition; if all of the dataset was made, of any."""
    mine = run_dataset.c.partition_key
    return _reading(made).where(mine == made.partition if made.partition else mine > "")


def _reading(made: _Made) -> Select[Any]:
    return (
        select(run_dataset.c.run_id)
        .where(
            run_dataset.c.dataset_id == made.dataset_id,
            run_dataset.c.direction == Direction.INPUT,
            run_dataset.c.at >= made.at,
            _update_read() == made.id,
        )
        .limit(MOST_READERS)
    )


def _shown(
    connection: Connection,
    viewer: Viewer,
    reached: dict[int, int],
    reads: dict[int, list[_Read]],
    makers: dict[int, int],
) -> list[LineageRun]:
    views = run_views_by_id(connection, viewer, [*{*reached, *makers.values()}])
    return [
        LineageRun(views[key], depth, [_read(read, makers, views) for read in reads[key]])
        for key, depth in reached.items()
        if key in views
    ]


def _read(read: _Read, makers: dict[int, int], views: dict[int, RunView]) -> ReadDataset:
    maker = None if read.update_id is None else views.get(makers.get(read.update_id, 0))
    version = None if not read.update_id else public_uuid(PublicKind.UPDATE, read.update_id)
    return ReadDataset(
        read.namespace,
        read.name,
        version,
        read.partition or None,
        None if maker is None else maker.id,
    )
