"""Observations into rows: what orchestrators say of themselves, and schedules they declare."""

from __future__ import annotations

from collections.abc import Sequence

from hub.model import (
    BackfillObserved,
    BacklogObserved,
    ChangeKind,
    EntityName,
    FreshnessPolicyObserved,
    HealthObserved,
    PartitionsObserved,
    ScheduleObserved,
    WatermarkObserved,
)
from hub.record.batch import Batch
from hub.record.incoming import AHEAD, IncomingObservation, Sender, not_ahead
from hub.record.terms import to_json
from hub.store import observed
from hub.store.bulk import Row
from hub.store.ledger import ChangeRow
from hub.store.partitions_told import pack, statuses_told
from hub.store.types import to_micros


def names(
    items: Sequence[IncomingObservation],
) -> tuple[dict[EntityName, Sender], set[EntityName]]:
    """The jobs (with who speaks of them) and the datasets that the observations name."""
    jobs, datasets = {}, set()
    for item in items:
        if isinstance(item.observation, ScheduleObserved):
            jobs[item.observation.job] = item.sender
        elif isinstance(item.observation, FreshnessPolicyObserved | PartitionsObserved):
            datasets.add(item.observation.dataset)
    return jobs, datasets


def apply(batch: Batch, item: IncomingObservation) -> None:
    """Applies one observation; the latest one of its kind and subject holds."""
    seen = item.observation
    told_at = to_micros(seen.observed_at)
    at = not_ahead(told_at, item.received_at)
    if isinstance(seen, ScheduleObserved):
        job = batch.cast.job(seen.job)
        if at != told_at:
            batch.ledger.warn(job.id, "$.observed_at", AHEAD, at)
        batch.jobs.declare(job, seen.schedule, at, "observation", batch.now)
    elif isinstance(seen, FreshnessPolicyObserved):
        dataset = batch.cast.dataset(seen.dataset).id
        row = (dataset, seen.max_lag_s, seen.cron, seen.timezone, at)
        if observed.put_policy(batch.work.bulk, row):
            kind = ChangeKind.FRESHNESS_POLICY_CHANGED
            batch.ledger.changes.append(ChangeRow(batch.now, kind, dataset_id=dataset))
    elif isinstance(seen, PartitionsObserved):
        observed.put_partitions(batch.work.bulk, _partitions(batch, seen, at))
    else:
        _apply_to_orchestrator(batch, item, seen, at)


def _partitions(batch: Batch, seen: PartitionsObserved, at: int) -> Row:
    told = (batch.cast.dataset(seen.dataset).id, seen.definition, seen.truncated)
    return (*told, pack(statuses_told(seen)), at)


def _apply_to_orchestrator(
    batch: Batch,
    item: IncomingObservation,
    seen: BacklogObserved | BackfillObserved | HealthObserved | WatermarkObserved,
    at: int,
) -> None:
    name = item.orchestrator or item.sender.orchestrator or "default"
    number = batch.work.namespaces.orchestrator(name)
    bulk = batch.work.bulk
    if isinstance(seen, BacklogObserved):
        sizes = (seen.queued, seen.running, seen.capacity, seen.oldest_wait_s)
        observed.add_backlog(bulk, (number, seen.pool, at, *sizes))
    elif isinstance(seen, BackfillObserved):
        begun, ended = (to_micros(one) if one else None for one in (seen.begun_at, seen.ended_at))
        what = (seen.natural_id, seen.state, seen.about, seen.partitions, begun, ended)
        observed.put_backfill(bulk, (number, *what, at))
    elif isinstance(seen, WatermarkObserved):
        observed.put_watermark(bulk, (number, seen.stream, to_micros(seen.complete_to), at))
    elif observed.put_health(bulk, (number, seen.part, seen.status.value, seen.detail, at)):
        told = {"orchestrator_id": number, "part": seen.part, "status": seen.status.value}
        kind, detail = ChangeKind.ORCHESTRATOR_HEALTH_CHANGED, to_json(told).decode()
        batch.ledger.changes.append(ChangeRow(batch.now, kind, detail=detail))
