"""What waits: runs in the queue, and steps for a slot of their pool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from adapters.dagster.pulse import Pool, Pulse
from adapters.dagster.wire import moment
from hub.model import BacklogObserved

RUN_QUEUE: Final = "run queue"
_STARTING: Final = "STARTING"


def backlog(pulse: Pulse, now: datetime, observed_at: datetime) -> Iterator[BacklogObserved]:
    """`now` by Dagster's clock, which waits are measured with."""
    yield _run_queue(pulse, now, observed_at)
    for pool in pulse.instance.concurrency_limits or ():
        yield _pool(pool, now, observed_at)


def _run_queue(pulse: Pulse, now: datetime, observed_at: datetime) -> BacklogObserved:
    """A run that is starting has left the queue and holds a place."""
    seen = pulse.waiting.results
    starting = sum(run.status == _STARTING for run in seen)
    waiting = [run.creation_time for run in seen if run.status != _STARTING]
    config = pulse.instance.run_queue_config
    limit = config.max_concurrent_runs if config else None
    return BacklogObserved(
        RUN_QUEUE,
        max((pulse.waiting.count or len(seen)) - starting, 0),
        observed_at,
        running=(pulse.running.count or 0) + starting,
        capacity=limit if limit is not None and limit >= 0 else None,
        oldest_wait_s=_longest(waiting, now),
    )


def _pool(pool: Pool, now: datetime, observed_at: datetime) -> BacklogObserved:
    waiting = [step for step in pool.pending_steps if step.assigned_timestamp is None]
    queued = pool.pending_step_count
    return BacklogObserved(
        pool.concurrency_key,
        len(waiting) if queued is None else queued,
        observed_at,
        running=pool.active_slot_count,
        capacity=pool.slot_count if pool.limit is None else pool.limit,
        oldest_wait_s=_longest((step.enqueued_timestamp for step in waiting), now),
    )


def _longest(since: Iterable[float | None], now: datetime) -> float | None:
    """Seconds; none waits: None."""
    times = [at for at in map(moment, since) if at is not None]
    return max((now - min(times)).total_seconds(), 0.0) if times else None
