"""Observations into rows: what orchestrators say of themselves, and schedules they declare."""

from __future__ import annotations

from hub.model import (
    BacklogObserved,
    ChangeKind,
    FreshnessPolicyObserved,
    HealthObserved,
    ScheduleObserved,
    WatermarkObserved,
)
from hub.record.batch import Batch
from hub.record.incoming import IncomingObservation
from hub.store import observed
from hub.store.ledger import ChangeRow
from hub.store.types import to_micros


def names(items: list[IncomingObservation]) -> tuple[set, set]:  # type: ignore[type-arg]
    """(jobs, datasets) the observations name."""
    jobs = {i.observation.job for i in items if isinstance(i.observation, ScheduleObserved)}
    datasets = {
        i.observation.dataset for i in items if isinstance(i.observation, FreshnessPolicyObserved)
    }
    return jobs, datasets


def apply(batch: Batch, item: IncomingObservation) -> None:
    """Applies one observation; the latest one of its kind and subject holds."""
    seen = item.observation
    at = to_micros(seen.observed_at)
    if isinstance(seen, ScheduleObserved):
        job = batch.job_named(seen.job, item.sender)
        batch.describer.declare(job, seen.schedule, at, "observation", batch.now)
    elif isinstance(seen, FreshnessPolicyObserved):
        dataset = batch.dataset_named(seen.dataset)
        row = (dataset.id, seen.max_lag_s, seen.cron, seen.timezone, at)
        if observed.put_policy(batch.work.bulk, row):
            _tell(batch, ChangeKind.FRESHNESS_POLICY_CHANGED, dataset.id)
    else:
        _apply_to_orchestrator(batch, item, seen, at)


def _apply_to_orchestrator(
    batch: Batch,
    item: IncomingObservation,
    seen: BacklogObserved | HealthObserved | WatermarkObserved,
    at: int,
) -> None:
    name = item.orchestrator or item.sender.orchestrator or "default"
    number = batch.work.namespaces.orchestrator(name, "engine")
    bulk = batch.work.bulk
    if isinstance(seen, BacklogObserved):
        sizes = (seen.queued, seen.running, seen.capacity, seen.oldest_wait_s)
        observed.add_backlog(bulk, (number, seen.pool, at, *sizes))
    elif isinstance(seen, WatermarkObserved):
        observed.put_watermark(bulk, (number, seen.stream, to_micros(seen.complete_to), at))
    elif observed.put_health(bulk, (number, seen.part, seen.status.value, seen.detail, at)):
        detail = f'{{"orchestrator_id":{number},"status":"{seen.status.value}"}}'
        change = ChangeRow(batch.now, ChangeKind.ORCHESTRATOR_HEALTH_CHANGED, detail=detail)
        batch.ledger.changes.append(change)


def _tell(batch: Batch, kind: ChangeKind, dataset: int) -> None:
    batch.ledger.changes.append(ChangeRow(batch.now, kind, dataset_id=dataset))
