"""What waits: for a slot of a pool, for the executor, and Dag runs for their turn.

A task that waits for a slot is `scheduled`, not `queued`; a task of a pool that does not exist waits
for ever and is in no pool's figures. Tasks without a state only wait for others: no backlog.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from adapters.airflow.events import stamp
from adapters.airflow.site import Site
from adapters.airflow.wire import DagRun, DagRuns, Pool, Pools, TaskInstance, TaskInstances
from adapters.base.parts import Look
from hub.model import BacklogObserved
from hub.ports import Json

#: The pool of Dag runs that wait for their turn (max_active_runs, a paused Dag, a dead scheduler).
DAG_RUNS: Final = "dag runs"
#: Task instances whose age is looked at, the oldest rows first.
SEEN: Final = 500


def look(site: Site, state: Json) -> Look:
    """state: `unknown`, the pools that do not exist and had tasks waiting, to tell when it is over."""
    pools = site.api.get("/pools", Pools, {"limit": 100})
    body = {"state": ["scheduled", "queued"], "page_limit": SEEN}
    if not site.api.is_old:
        body["order_by"] = "id"
    answer = site.api.ask("POST", _TASKS, json=body, repeat=True)
    waiting = site.api.read(answer, _TASKS, TaskInstances)
    now = answer.date or site.as_of
    by_pool = _by_pool(waiting.task_instances)
    seen = [_pool(pool, by_pool.get(pool.name, []), now, site.as_of) for pool in pools.pools]
    complete = len(pools.pools) >= pools.total_entries
    unknown = sorted(set(by_pool) - {pool.name for pool in pools.pools}) if complete else []
    all_seen = len(waiting.task_instances) >= waiting.total_entries
    over = [name for name in state.get("unknown", []) if name not in unknown] if all_seen else []
    seen += [_unknown(name, by_pool.get(name, []), now, site.as_of) for name in [*unknown, *over]]
    return Look(observations=[*seen, _dag_runs(site, now)], state={"unknown": unknown})


_TASKS: Final = "/dags/~/dagRuns/~/taskInstances/list"


def _by_pool(waiting: Iterable[TaskInstance]) -> Mapping[str, list[TaskInstance]]:
    found: dict[str, list[TaskInstance]] = {}
    for row in waiting:
        found.setdefault(row.pool or "default_pool", []).append(row)
    return found


def _pool(pool: Pool, rows: Sequence[TaskInstance], now: datetime, at: datetime) -> BacklogObserved:
    return BacklogObserved(
        pool.name,
        max(pool.queued_slots + pool.scheduled_slots, 0),
        at,
        running=pool.running_slots,
        capacity=pool.slots if pool.slots >= 0 else None,  # -1: no limit
        oldest_wait_s=_oldest(rows, now),
    )


def _unknown(
    name: str, rows: Sequence[TaskInstance], now: datetime, at: datetime
) -> BacklogObserved:
    """A pool that tasks name and nobody made: none of them will ever run."""
    oldest = _oldest(rows, now)
    return BacklogObserved(name, len(rows), at, running=0, capacity=0, oldest_wait_s=oldest)


def _oldest(rows: Iterable[TaskInstance], now: datetime) -> float | None:
    since = [time for row in rows if (time := row.scheduled_when or row.queued_when)]
    return max((now - min(since)).total_seconds(), 0.0) if since else None


def _dag_runs(site: Site, now: datetime) -> BacklogObserved:
    """Runs that are due: one that is meant for later does not wait yet."""
    order = {"order_by": "id"} if site.api.is_old else {"order_by": "run_after"}
    due = {} if site.api.is_old else {"run_after_lte": stamp(now)}
    page = site.api.get("/dags/~/dagRuns", DagRuns, {"state": "queued", "limit": 1, **order, **due})
    waits = [_waits(row, now) for row in page.dag_runs]
    return BacklogObserved(
        DAG_RUNS, page.total_entries, site.as_of, oldest_wait_s=max(waits, default=None)
    )


def _waits(row: DagRun, now: datetime) -> float:
    times = [time for time in (row.queued_at, row.run_after) if time is not None]
    since = max(times) if times else row.data_interval_end or row.logical_date or now
    return max((now - since).total_seconds(), 0.0)
