"""How partitions stand, as the read API shows it: a page with the runs and inputs by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from hub.model import EntityName, Viewer
from hub.schedules.grids import Cell, PartitionStatus, Tried
from hub.schedules.periods import Every
from hub.store.partition_status import Grid
from hub.store.reading import (
    Page,
    among,
    decode_cursor,
    encode_cursor,
    job_seen,
    kept_per_viewer,
    uuid_text,
)
from hub.store.tables import attempt, dataset, job, namespace
from hub.store.types import to_micros
from hub.store.views import View

_NO_TIME: Final = -(2**63)  # sorts behind all times: the latest are first


class PartitionRunView(View, frozen=True):
    """The attempt that made the partition, or failed to, or is about it; 0: nobody counts them."""

    run_id: str | None
    job: EntityName
    attempt: int
    state: str


class NewerView(View, frozen=True):
    """A partition of an input that was updated after the one that is made of it."""

    dataset: EntityName
    partition: str
    updated_at: datetime


class PartitionView(View, frozen=True):
    """One partition. `keys`: as those who told of it have called it. `begin`, `end`: null where
    its key is no time. `stale`: what is newer. `dueAt`: by when a missing one was due, if known.
    """

    partition: str
    keys: tuple[str, ...]
    begin: datetime | None
    end: datetime | None
    status: PartitionStatus
    updated_at: datetime | None
    first_updated_at: datetime | None
    updates: int
    rows: int | None
    bytes: int | None
    run: PartitionRunView | None
    stale: list[NewerView]
    due_at: datetime | None


class PartitionsView(View, frozen=True):
    """A page of partitions, the latest first, and of all that were asked for how many stand how.

    `every`: how far they lie apart; null: that is not known, and so none is missing. `truncated`:
    there are more than are looked at.
    """

    partitions: list[PartitionView]
    counts: dict[PartitionStatus, int]
    total_count: int
    every: Every | None
    timezone: str
    truncated: bool
    next_cursor: str | None


def page_of_grid(
    connection: Connection,
    viewer: Viewer,
    grid: Grid,
    page: Page,
    statuses: Sequence[PartitionStatus] = (),
) -> PartitionsView:
    """The page; `statuses`: only those that stand so, of all that are counted."""
    cells = [cell for cell in grid.cells if not statuses or cell.status in statuses]
    rest = _behind(cells, page)
    kept = rest[: page.limit]
    more = len(rest) > len(kept) and kept
    return PartitionsView(
        _views(connection, viewer, kept),
        grid.counts,
        len(cells),
        grid.layout.period.every if grid.layout.period else None,
        grid.layout.timezone,
        grid.truncated,
        encode_cursor(*_place(kept[-1])) if more else None,
    )


def _behind(cells: list[Cell], page: Page) -> list[Cell]:
    if page.after is None:
        return cells[page.offset :]
    micros, key = decode_cursor(page.after, tuple[int, str])
    return [cell for cell in cells if _later((micros, key), _place(cell))]


def _place(cell: Cell) -> tuple[int, str]:
    begin = cell.place.begin
    return _NO_TIME if begin is None else to_micros(begin), cell.place.key


def _later(one: tuple[int, str], other: tuple[int, str]) -> bool:
    """Whether the other stands behind the one."""
    return (-one[0], one[1]) < (-other[0], other[1])


def _views(connection: Connection, viewer: Viewer, cells: Sequence[Cell]) -> list[PartitionView]:
    attempts = {key for cell in cells if (key := _attempt_of(cell)) is not None}
    runs = _runs(connection, viewer, attempts)
    names = _names(connection, {one.input for cell in cells for one in cell.newer})
    return [_view(cell, runs, names) for cell in cells]


def _view(
    cell: Cell, runs: Mapping[int, PartitionRunView], names: Mapping[int, EntityName]
) -> PartitionView:
    written, attempt_id = cell.written, _attempt_of(cell)
    return PartitionView(
        cell.place.key,
        cell.keys,
        cell.place.begin,
        cell.place.end,
        cell.status,
        written.at if written else None,
        written.first_at if written else None,
        written.count if written else 0,
        written.rows if written else None,
        written.bytes if written else None,
        None if attempt_id is None else runs.get(attempt_id),
        [NewerView(names[one.input], one.key, one.at) for one in cell.newer],
        cell.due_at,
    )


def _attempt_of(cell: Cell) -> int | None:
    told: Tried | None = cell.tried
    if told is not None:
        return told.attempt
    return cell.written.attempt if cell.written else None


_DATASETS: Final[Select[Any]] = select(
    dataset.c.id, dataset.c.name, namespace.c.name.label("namespace")
).join(namespace, namespace.c.id == dataset.c.namespace_id)


@kept_per_viewer
def _attempts(viewer: Viewer) -> Select[Any]:
    """Those of jobs that the viewer may see."""
    return (
        select(
            attempt.c.id,
            attempt.c.uuid,
            attempt.c.no,
            attempt.c.state,
            job.c.name,
            namespace.c.name.label("namespace"),
        )
        .join(job, job.c.id == attempt.c.job_id)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .where(job_seen(viewer))
    )


def _runs(
    connection: Connection, viewer: Viewer, attempts: Iterable[int]
) -> dict[int, PartitionRunView]:
    """By attempt."""
    rows = among(connection, _attempts(viewer), attempt.c.id, attempts)
    return {
        row.id: PartitionRunView(
            uuid_text(row.uuid), EntityName(row.namespace, row.name), row.no, row.state
        )
        for row in rows
    }


def _names(connection: Connection, datasets: Iterable[int]) -> dict[int, EntityName]:
    rows = among(connection, _DATASETS, dataset.c.id, datasets)
    return {row.id: EntityName(row.namespace, row.name) for row in rows}
