"""Work pools and their queues: what waits there, how long, how much may run, whether anybody works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from adapters.base.parts import Look
from adapters.prefect.site import Site
from adapters.prefect.wire import CANCELLING, PENDING, RUNNING, SCHEDULED, FlowRun, Pool, Queue
from hub.model import BacklogObserved, HealthObserved, HealthStatus
from hub.ports import Json

#: Runs of deployments that no work pool has: a process serves these itself (flow.serve()).
SERVED: Final = "served deployments"
#: So long runs wait before it is called a trouble that nobody takes them.
PATIENCE: Final = timedelta(seconds=60)
_TAKEN: Final = frozenset({PENDING, RUNNING, CANCELLING})
_DEFAULT: Final = "default"


def look(site: Site, state: Json) -> Look:  # noqa: ARG001
    """As of the flow runs that were just read as open."""
    pools, date = site.api.page("/work_pools/filter", Pool, {})
    queues, _ = site.api.page("/work_queues/filter", Queue, {})
    now = date or site.as_of
    seen = [*_pools(site, pools, now), *_queues(site, queues, now), _served(site, now)]
    parts = [_health(site, pool, now) for pool in pools]
    return Look(observations=[*seen, *parts, _whole(site, parts)])


def _pools(site: Site, pools: Sequence[Pool], now: datetime) -> Iterator[BacklogObserved]:
    for pool in pools:
        rows = [row for row in site.open if row.work_pool_name == pool.name]
        yield _sample(site, pool.name, rows, pool.concurrency_limit, now)


def _queues(site: Site, queues: Sequence[Queue], now: datetime) -> Iterator[BacklogObserved]:
    """But the one that each pool has by itself, which is the pool over again."""
    for queue in queues:
        if queue.work_pool_name is None or (
            queue.name == _DEFAULT and queue.concurrency_limit is None
        ):
            continue
        name = f"{queue.work_pool_name}/{queue.name}"
        mine = (queue.work_pool_name, queue.name)
        rows = [row for row in site.open if (row.work_pool_name, row.work_queue_name) == mine]
        yield _sample(site, name, rows, queue.concurrency_limit, now)


def _served(site: Site, now: datetime) -> BacklogObserved:
    rows = [row for row in site.open if row.deployment_id and row.work_pool_name is None]
    return _sample(site, SERVED, rows, None, now)


def _sample(
    site: Site, name: str, rows: Sequence[FlowRun], limit: int | None, now: datetime
) -> BacklogObserved:
    waiting = [row for row in rows if _type(row) == SCHEDULED]
    return BacklogObserved(
        name,
        len(waiting),
        site.as_of,
        running=sum(_type(row) in _TAKEN for row in rows),
        capacity=limit,
        oldest_wait_s=_oldest(waiting, now),
    )


def _type(row: FlowRun) -> str | None:
    return row.state.type if row.state else None


def _oldest(rows: Sequence[FlowRun], now: datetime) -> float | None:
    since = [row.expected_start_time for row in rows]
    known = [at for at in since if at is not None]
    return max((now - min(known)).total_seconds(), 0.0) if known else None


def _health(site: Site, pool: Pool, now: datetime) -> HealthObserved:
    """A pool that nobody works for is a trouble only while something waits in it."""
    rows = [r for r in site.open if r.work_pool_name == pool.name and _type(r) == SCHEDULED]
    waits_s = _oldest(rows, now) or 0.0
    part = f"work pool {pool.name}"
    if waits_s < PATIENCE.total_seconds():
        return HealthObserved(HealthStatus.HEALTHY, site.as_of, part)
    if pool.is_paused:
        told = f"it is paused, and {len(rows)} runs wait"
        return HealthObserved(HealthStatus.DEGRADED, site.as_of, part, told)
    if pool.status == "NOT_READY":
        told = f"no worker is online, and {len(rows)} runs wait"
        return HealthObserved(HealthStatus.DOWN, site.as_of, part, told)
    return HealthObserved(HealthStatus.HEALTHY, site.as_of, part)


def _whole(site: Site, parts: Sequence[HealthObserved]) -> HealthObserved:
    ill = [one for one in parts if one.status is not HealthStatus.HEALTHY]
    told = "; ".join(f"{one.part}: {one.detail}" for one in ill[:5])
    status = HealthStatus.DEGRADED if ill else HealthStatus.HEALTHY
    return HealthObserved(status, site.as_of, detail=told or None)
