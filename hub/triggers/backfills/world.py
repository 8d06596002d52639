"""Reads what a backfill is planned over: lineage, how partitions stand, how long jobs take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from hub.errors import BadInput
from hub.model import EntityName, Viewer
from hub.schedules.grids import Cell, PartitionStatus
from hub.schedules.stretches import Cut
from hub.store.backfill_facts import makers_by_attempt
from hub.store.db import Connection
from hub.store.facts import JobRow, baselines, job_rows
from hub.store.names import find_dataset
from hub.store.neighbours import flows, makers_of, readers_of
from hub.store.partition_status import Grid, Wanted, dataset_grid
from hub.store.predictions import datasets_hit, jobs_hit
from hub.triggers.backfills.graph import WHOLE, Asked, Dataset, Graph, Job, Part, Way
from hub.triggers.backfills.keys import keys_between, keys_named
from hub.triggers.backfills.spec import Backfill
from hub.triggers.partitions import FanOut, Mapping_, TimeWindow

#: Datasets that a plan looks at.
MOST_DATASETS: Final = 200


#: Tells of a job, by its row, why it can't be launched; None: it can.
Judge = Callable[[JobRow], str | None]


class Read(NamedTuple):
    """What is there, and what of it is asked for."""

    graph: Graph
    asked: Asked


def read_world(
    connection: Connection, viewer: Viewer, wanted: Backfill, judge: Judge, now: datetime
) -> Read:
    """Raises NotFound for a dataset that is not there, BadInput for partitions that can't be."""
    return _World(connection, viewer, wanted, judge, now).read()


class _World:
    def __init__(
        self,
        connection: Connection,
        viewer: Viewer,
        wanted: Backfill,
        judge: Judge,
        now: datetime,
    ) -> None:
        self._connection, self._viewer, self._wanted = connection, viewer, wanted
        self._judge, self._now = judge, now
        self._notes: list[str] = []

    def read(self) -> Read:
        root = find_dataset(self._connection, self._viewer, self._wanted.dataset.entity)
        levels, jobs = self._walk(root)
        names = {
            key: hit.name
            for key, hit in datasets_hit(self._connection, self._viewer, list(levels)).items()
        }
        mappings = self._mappings(names)
        cuts = _cuts(mappings)
        grids = {key: self._grid(key, root, cuts.get(key)) for key in names}
        datasets = {
            key: self._dataset(key, names[key], levels[key], grid) for key, grid in grids.items()
        }
        graph = Graph(datasets, self._jobs(jobs), self._notes)
        keys = self._keys(datasets[root], grids[root])
        way, rerun = self._wanted.direction, self._wanted.rerun
        most = self._wanted.max_steps
        return Read(graph, Asked(root, keys, way, rerun, mappings, most))

    # -- lineage -----------------------------------------------------------------------------------

    def _walk(self, root: int) -> tuple[dict[int, int], list[int]]:
        """Datasets with how far away they are, and the jobs between them."""
        levels, jobs, level = {root: 0}, dict.fromkeys(makers_of(self._connection, root)), [root]
        for away in range(
            1, 1 + (MOST_DATASETS if self._wanted.levels is None else self._wanted.levels)
        ):
            level, between = self._step(level, levels)
            jobs |= dict.fromkeys(between)
            levels |= dict.fromkeys(level, away)
            if len(levels) > MOST_DATASETS:
                raise BadInput("levels", self._wanted.levels, f"at most {MOST_DATASETS} datasets")
            if not level:
                break
        for key in levels:
            jobs |= dict.fromkeys(makers_of(self._connection, key))
        return levels, list(jobs)

    def _step(self, level: list[int], seen: Mapping[int, int]) -> tuple[list[int], list[int]]:
        """The datasets one further, and the jobs on the way."""
        up = self._wanted.direction is Way.UPSTREAM
        near = makers_of if up else readers_of
        jobs = list(dict.fromkeys(job for key in level for job in near(self._connection, key)))
        found = flows(self._connection, jobs)
        far = (key for job in jobs for key in (found[job].reads if up else found[job].writes))
        return [key for key in dict.fromkeys(far) if key not in seen], jobs

    def _mappings(self, names: Mapping[int, EntityName]) -> dict[tuple[int, int], Mapping_]:
        keys = {name: key for key, name in names.items()}
        found = {}
        for index, one in enumerate(self._wanted.mappings):
            for side in (one.input, one.output):
                if side.entity not in keys:
                    told = f"{side.namespace}/{side.name}"
                    raise BadInput(
                        f"mappings.{index}", told, "a dataset that this backfill reaches"
                    )
            found[keys[one.input.entity], keys[one.output.entity]] = one.parsed
        return found

    def _jobs(self, keys: list[int]) -> dict[int, Job]:
        seen = jobs_hit(self._connection, self._viewer, keys)
        touched = flows(self._connection, seen)
        learned = baselines(self._connection, seen, self._now)
        found = {}
        for row in job_rows(self._connection, seen):
            told = self._judge(row)
            normal = learned[row.id].value if row.id in learned else None
            found[row.id] = Job(
                row.id,
                row.name,
                row.orchestrator,
                tuple(dict.fromkeys(touched[row.id].reads)),
                tuple(dict.fromkeys(touched[row.id].writes)),
                told,
                None if normal is None else round(normal.expected(self._now), 3),
            )
        return found

    # -- partitions --------------------------------------------------------------------------------

    def _grid(self, key: int, root: int, cut: Cut | None) -> Grid:
        every = self._wanted.every if key == root else None
        zone = self._wanted.timezone
        if cut is not None:
            every, zone = every or cut.every, cut.timezone
        return dataset_grid(
            self._connection, self._viewer, key, Wanted(self._now, None, None, every, zone)
        )

    def _dataset(self, key: int, name: EntityName, level: int, grid: Grid) -> Dataset:
        if grid.truncated:
            self._notes.append(
                f"{name.namespace}/{name.name} has more partitions than are looked at"
            )
        whole = not grid.cells and grid.layout.cut is None
        if whole:
            parts = {WHOLE: Part(PartitionStatus.COMPLETE, WHOLE)}
            return Dataset(key, name, level, grid.layout, parts, None, whole)
        made = makers_by_attempt(self._connection, filter(None, map(_attempt_of, grid.cells)))
        latest = next((key for cell in grid.cells for key in cell.keys), None)
        shown = Dataset(key, name, level, grid.layout, {}, latest)
        parts = {}
        for cell in grid.cells:
            by = made.get(_attempt_of(cell) or 0)
            told = cell.keys[0] if cell.keys else shown.told(cell.place.key)
            running = by is not None and cell.status is PartitionStatus.RUNNING
            parts[cell.place.key] = Part(
                cell.status,
                told,
                by.run if by is not None and running else None,
                None if by is None else by.job,
            )
        return Dataset(key, name, level, grid.layout, parts, latest)

    def _keys(self, root: Dataset, grid: Grid) -> list[str]:
        told = self._wanted
        if told.since is not None and told.to is not None:
            return keys_between(grid.layout, grid.cells, told.since, told.to, self._now)
        if told.partitions:
            return keys_named(grid.layout, told.partitions)
        if root.whole:
            return [WHOLE]
        raise BadInput("partitions", None, "`partitions`, or `from` and `to`: it has partitions")


def _cuts(mappings: Mapping[tuple[int, int], Mapping_]) -> dict[int, Cut]:
    """How time is cut, of those of which a mapping says it."""
    found = {}
    for (source, to), mapping in mappings.items():
        if isinstance(mapping, TimeWindow | FanOut):
            found[source], found[to] = mapping.source, mapping.to
    return found


def _attempt_of(cell: Cell) -> int | None:
    if cell.tried is not None:
        return cell.tried.attempt
    return cell.written.attempt if cell.written else None
