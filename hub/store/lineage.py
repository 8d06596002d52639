"""Lineage of jobs and datasets: a walk level by level, each level one or two statements.

Jobs and datasets alternate. The walk goes from the datasets reached so far to the jobs that touch
them and loads all edges of those jobs at once; a visited set keeps every node to one look.
An edge is current while it is as new as the latest run of its job that named datasets; `as_of`
asks instead for the edges that held at that instant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from msgspec import Struct
from sqlalchemy import Connection, Select, and_, bindparam, exists, select

from hub.model import Direction, RunState, Viewer
from hub.store.jobs import current_edge
from hub.store.reading import among, dataset_seen, job_seen, kept_per_viewer
from hub.store.tables import dataset, edge, job, run, run_dataset

_near_edge = edge.alias("near")


class Way(StrEnum):
    """Where a walk goes.

    UPSTREAM and DOWNSTREAM follow the data. BOTH is Marquez's neighbourhood: from a dataset to
    all jobs that touch it and from a job to all its datasets, so that it also finds the siblings
    that only share an input and are neither upstream nor downstream.
    """

    UPSTREAM = "UPSTREAM"
    DOWNSTREAM = "DOWNSTREAM"
    BOTH = "BOTH"


class Edge(NamedTuple):
    job_id: int
    direction: str
    dataset_id: int


class Graph(Struct, frozen=True):
    """Ids of what was reached and the edges among them; `truncated`: more than the limit."""

    jobs: set[int]
    datasets: set[int]
    edges: list[Edge]
    truncated: bool


class _Source(Protocol):
    """Where a walk's edges come from: now, or as of an instant."""

    def of_jobs(self, job_ids: Iterable[int]) -> list[Edge]: ...
    def touching(self, dataset_ids: Iterable[int], sides: tuple[Direction, ...]) -> list[Edge]:
        """All edges of the jobs that touch the datasets on these sides."""
        ...


def walk(
    connection: Connection,
    viewer: Viewer,
    *,
    job_id: int | None = None,
    dataset_id: int | None = None,
    way: Way = Way.BOTH,
    depth: int = 20,
    limit: int = 1000,
    as_of: datetime | None = None,
) -> Graph:
    """The graph around a job or a dataset.

    `depth` counts jobs beyond the first ones: those next to the dataset we start from, or the job
    itself, are at depth 0. At most `limit` nodes; the nearest are kept.
    """
    source: _Source = (
        _Now(connection, viewer) if as_of is None else _Then(connection, viewer, as_of)
    )
    found = _Found(limit, way)
    if dataset_id is not None:
        found.datasets.add(dataset_id)
        frontier = {dataset_id}
        depth += 1
    else:
        assert job_id is not None
        found.jobs.add(job_id)
        frontier = found.take_edges(source.of_jobs([job_id]))
    for _ in range(depth):
        if not frontier or found.truncated:
            break
        frontier = found.take(source.touching(frontier, _near[way]), frontier)
    return Graph(found.jobs, found.datasets, list(found.edges), found.truncated)


# The side of a dataset on which the next jobs are, and of a job on which the next datasets are.
_near = {
    Way.UPSTREAM: (Direction.OUTPUT,),
    Way.DOWNSTREAM: (Direction.INPUT,),
    Way.BOTH: (Direction.INPUT, Direction.OUTPUT),
}
_far = {
    Way.UPSTREAM: {Direction.INPUT},
    Way.DOWNSTREAM: {Direction.OUTPUT},
    Way.BOTH: {Direction.INPUT, Direction.OUTPUT},
}


class _Found:
    """What a walk has reached."""

    def __init__(self, limit: int, way: Way) -> None:
        self.limit = limit
        self.way = way
        self.jobs: set[int] = set()
        self.datasets: set[int] = set()
        self.edges: dict[Edge, None] = {}
        self.truncated = False

    def take(self, edges: list[Edge], frontier: set[int]) -> set[int]:
        """Takes jobs that are new and their edges; the datasets reached through them."""
        known = set(self.jobs)
        near = [each for each in edges if each.dataset_id in frontier and self._is_near(each)]
        reached = [each for each in near if self._room(self.jobs, each.job_id)]
        self.edges.update(dict.fromkeys(reached))
        fresh = {each.job_id for each in reached} - known
        return self.take_edges(each for each in edges if each.job_id in fresh)

    def take_edges(self, edges: Iterable[Edge]) -> set[int]:
        """Takes the edges that lead on from their job; the datasets that are new."""
        known = set(self.datasets)
        ahead = [each for each in edges if each.direction in _far[self.way]]
        taken = [each for each in ahead if self._room(self.datasets, each.dataset_id)]
        self.edges.update(dict.fromkeys(taken))
        return {each.dataset_id for each in taken} - known

    def _is_near(self, each: Edge) -> bool:
        return each.direction in _near[self.way]

    def _room(self, reached: set[int], key: int) -> bool:
        """Adds a node; False when it is new and the limit is reached."""
        if key not in reached and len(self.jobs) + len(self.datasets) >= self.limit:
            self.truncated = True
            return False
        reached.add(key)
        return True


@kept_per_viewer
def _current(viewer: Viewer) -> Select[Any]:
    return (
        select(edge.c.job_id, edge.c.direction, edge.c.dataset_id)
        .join(job, job.c.id == edge.c.job_id)
        .join(dataset, dataset.c.id == edge.c.dataset_id)
        .where(current_edge(), job_seen(viewer), dataset_seen(viewer))
    )


@lru_cache(maxsize=256)
def _current_near(viewer: Viewer, sides: tuple[Direction, ...]) -> Select[Any]:
    return (
        _current(viewer)
        .join(_near_edge, _near_edge.c.job_id == edge.c.job_id)
        .where(_near_edge.c.direction.in_(sides), current_edge(_near_edge))
    )


class _Now:
    """Current edges."""

    def __init__(self, connection: Connection, viewer: Viewer) -> None:
        self._connection = connection
        self._viewer = viewer

    def of_jobs(self, job_ids: Iterable[int]) -> list[Edge]:
        rows = among(self._connection, _current(self._viewer), edge.c.job_id, job_ids)
        return [Edge(*row) for row in rows]

    def touching(self, dataset_ids: Iterable[int], sides: tuple[Direction, ...]) -> list[Edge]:
        statement = _current_near(self._viewer, sides)
        rows = among(self._connection, statement, _near_edge.c.dataset_id, dataset_ids)
        return [Edge(*row) for row in rows]


_AT = bindparam("at", type_=edge.c.first_at.type)


@lru_cache(maxsize=4)
def _seen_by_then(sides: tuple[Direction, ...]) -> Select[Any]:
    return select(edge.c.job_id).where(edge.c.direction.in_(sides), edge.c.first_at <= _AT)


@kept_per_viewer
def _touched_last(viewer: Viewer) -> Select[Any]:
    """What the latest run of each job touched that had completed by then and named datasets.

    A dataset that may not be seen is NULL: that the job has such a run counts all the same.
    """
    latest = (
        select(run.c.id)
        .where(
            run.c.job_id == job.c.id,
            run.c.sort_at <= _AT,
            run.c.state == RunState.COMPLETED,
            run.c.ended_at <= _AT,
            exists().where(run_dataset.c.run_id == run.c.id),
        )
        .order_by(run.c.sort_at.desc())
        .limit(1)
        .correlate(job)
        .scalar_subquery()
    )
    of_run = run.c.id == latest
    named = run_dataset.c.run_id == run.c.id
    seen = and_(dataset.c.id == run_dataset.c.dataset_id, dataset_seen(viewer))
    return (
        select(run.c.job_id, run.c.ended_at, run_dataset.c.direction, dataset.c.id)
        .select_from(job.join(run, of_run).join(run_dataset, named).outerjoin(dataset, seen))
        .where(job_seen(viewer))
    )


@kept_per_viewer
def _edges_by_then(viewer: Viewer) -> Select[Any]:
    return (
        select(edge.c.job_id, edge.c.direction, edge.c.dataset_id, edge.c.last_at)
        .join(job, job.c.id == edge.c.job_id)
        .join(dataset, dataset.c.id == edge.c.dataset_id)
        .where(edge.c.first_at <= _AT, job_seen(viewer), dataset_seen(viewer))
    )


class _Then:
    """The edges as of an instant: of each job's latest completed run by then, and those seen
    before and after it. A job that had not completed by then has the edges seen by then.
    """

    def __init__(self, connection: Connection, viewer: Viewer, at: datetime) -> None:
        self._connection = connection
        self._at = at
        self._viewer = viewer

    def touching(self, dataset_ids: Iterable[int], sides: tuple[Direction, ...]) -> list[Edge]:
        rows = self._among(_seen_by_then(sides), edge.c.dataset_id, dataset_ids)
        return self.of_jobs({row.job_id for row in rows})

    def of_jobs(self, job_ids: Iterable[int]) -> list[Edge]:
        return list(self._edges(list(job_ids)))

    def _edges(self, job_ids: list[int]) -> Iterator[Edge]:
        ended = {}
        for row in self._among(_touched_last(self._viewer), job.c.id, job_ids):
            ended[row.job_id] = row.ended_at
            if row.id is not None:
                yield Edge(row.job_id, row.direction, row.id)
        for row in self._among(_edges_by_then(self._viewer), edge.c.job_id, job_ids):
            if row.job_id not in ended or row.last_at >= ended[row.job_id]:
                yield Edge(row.job_id, row.direction, row.dataset_id)

    def _among(self, statement: Select[Any], column: Any, keys: Iterable[int]) -> list[Any]:
        return among(self._connection, statement, column, keys, at=self._at)


def edges_at(
    connection: Connection,
    viewer: Viewer,
    dataset_ids: Iterable[int],
    as_of: datetime | None = None,
) -> list[Edge]:
    """All edges of the jobs that touch the datasets, shown or not."""
    source: _Source = (
        _Now(connection, viewer) if as_of is None else _Then(connection, viewer, as_of)
    )
    return source.touching(dataset_ids, _near[Way.BOTH])


def neighbours(graph: Graph) -> tuple[dict[int, list[Edge]], dict[int, list[Edge]]]:
    """The edges of each job and of each dataset of the graph, where both ends are in it."""
    of_jobs: dict[int, list[Edge]] = defaultdict(list)
    of_datasets: dict[int, list[Edge]] = defaultdict(list)
    for each in graph.edges:
        if each.job_id in graph.jobs and each.dataset_id in graph.datasets:
            of_jobs[each.job_id].append(each)
            of_datasets[each.dataset_id].append(each)
    return of_jobs, of_datasets
