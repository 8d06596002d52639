"""What stands up- and downstream of a job or dataset, as people know jobs: Dags, not their tasks.

Edges belong to the jobs that touch the data, which are often tasks; a walk goes from a job to all
that lives within it, over the data, and back to the outermost jobs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Connection, select

from hub.model import Direction
from hub.store.jobs import current_edge
from hub.store.reading import among
from hub.store.tables import edge, job

_NESTING = 4  # jobs within jobs that are looked through

_INNER = select(job.c.id, job.c.parent_job_id).where(job.c.hidden.is_(False))
_OUTER = select(job.c.id, job.c.parent_job_id)
_EDGES = (
    select(edge.c.job_id, edge.c.dataset_id, edge.c.direction)
    .join(job, job.c.id == edge.c.job_id)
    .where(current_edge())
)
_TOUCHED = select(edge.c.dataset_id).join(job, job.c.id == edge.c.job_id).where(current_edge())
_TOUCHING = select(edge.c.job_id).join(job, job.c.id == edge.c.job_id).where(current_edge())


class Neighbours(Struct, frozen=True):
    """Outermost jobs and datasets, the nearest first. `truncated`: there are more."""

    jobs: list[int]
    datasets: list[int]
    truncated: bool = False


def downstream(
    connection: Connection,
    *,
    jobs: Iterable[int] = (),
    datasets: Iterable[int] = (),
    limit: int = 1000,
) -> Neighbours:
    """Who reads what the jobs write, or the datasets, and so on; without those asked for."""
    return _walk(connection, list(jobs), list(datasets), Direction.OUTPUT, Direction.INPUT, limit)


def upstream(
    connection: Connection,
    *,
    jobs: Iterable[int] = (),
    datasets: Iterable[int] = (),
    limit: int = 1000,
) -> Neighbours:
    """Who writes what the jobs read, or the datasets, and so on; without those asked for."""
    return _walk(connection, list(jobs), list(datasets), Direction.INPUT, Direction.OUTPUT, limit)


class Flow(Struct, frozen=True):
    """The datasets that a job touches, also in jobs within it."""

    reads: list[int]
    writes: list[int]


def flows(connection: Connection, jobs: Iterable[int]) -> dict[int, Flow]:
    """What each of these outermost jobs reads and writes."""
    outer = {key: key for key in jobs}
    found: dict[int, Flow] = defaultdict(lambda: Flow([], []))
    level = list(outer)
    for _ in range(_NESTING):
        rows = among(connection, _INNER, job.c.parent_job_id, level)
        fresh = {row.id: outer[row.parent_job_id] for row in rows if row.id not in outer}
        outer |= fresh
        level = list(fresh)
    for row in among(connection, _EDGES, edge.c.job_id, outer):
        flow = found[outer[row.job_id]]
        (flow.reads if row.direction == Direction.INPUT else flow.writes).append(row.dataset_id)
    return found


def makers_of(connection: Connection, dataset: int) -> list[int]:
    """The outermost jobs that write a dataset."""
    return _touching(connection, [dataset], Direction.OUTPUT)


def readers_of(connection: Connection, dataset: int) -> list[int]:
    """The outermost jobs that read a dataset."""
    return _touching(connection, [dataset], Direction.INPUT)


def jobs_of(connection: Connection, orchestrator_id: int, limit: int = 1000) -> list[int]:
    """Outermost jobs of an orchestrator."""
    mine = (
        job.c.orchestrator_id == orchestrator_id,
        job.c.hidden.is_(False),
        job.c.parent_job_id.is_(None),
    )
    return list(connection.scalars(select(job.c.id).where(*mine).order_by(job.c.id).limit(limit)))


def _walk(
    connection: Connection,
    jobs: list[int],
    datasets: list[int],
    near: Direction,
    far: Direction,
    limit: int,
) -> Neighbours:
    seen, data = dict.fromkeys(jobs), dict.fromkeys(datasets)
    level, fresh = jobs, datasets
    while (level or fresh) and len(seen) + len(data) < limit:
        touched = _touched(connection, level, near)
        room = max(0, limit - len(seen) - len(data))
        fresh = [*fresh, *[key for key in touched if key not in data][:room]]
        data |= dict.fromkeys(fresh)
        level = [key for key in _touching(connection, fresh, far) if key not in seen][:limit]
        seen |= dict.fromkeys(level)
        fresh = []
    return Neighbours(
        [key for key in seen if key not in jobs],
        [key for key in data if key not in datasets],
        bool(level),
    )


def _touched(connection: Connection, jobs: list[int], side: Direction) -> list[int]:
    family = _family(connection, jobs)
    statement = _TOUCHED_BY[side]
    return list(
        dict.fromkeys(row[0] for row in among(connection, statement, edge.c.job_id, family))
    )


def _touching(connection: Connection, datasets: list[int], side: Direction) -> list[int]:
    rows = among(connection, _TOUCHING_BY[side], edge.c.dataset_id, datasets)
    return outermost(connection, dict.fromkeys(row[0] for row in rows))


_TOUCHED_BY = {side: _TOUCHED.where(edge.c.direction == side) for side in Direction}
_TOUCHING_BY = {side: _TOUCHING.where(edge.c.direction == side) for side in Direction}


def _family(connection: Connection, jobs: list[int]) -> list[int]:
    """The jobs and all that live within them."""
    found, level = dict.fromkeys(jobs), jobs
    for _ in range(_NESTING):
        rows = among(connection, _INNER, job.c.parent_job_id, level)
        level = [row[0] for row in rows if row[0] not in found]
        if not level:
            break
        found |= dict.fromkeys(level)
    return list(found)


def outermost(connection: Connection, jobs: Iterable[int]) -> list[int]:
    """The jobs in which they live, or they themselves, each once, in their order."""
    order = list(jobs)
    place = {key: key for key in order}
    for _ in range(_NESTING):
        rows = among(connection, _OUTER, job.c.id, set(place.values()))
        parents = {row.id: row.parent_job_id for row in rows if row.parent_job_id is not None}
        if not parents:
            break
        place = {key: parents.get(at, at) for key, at in place.items()}
    return list(dict.fromkeys(place[key] for key in order))
