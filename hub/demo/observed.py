"""What OpenLineage has no word for: declared schedules, backlog, health, watermarks, policies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from hub.demo.chance import luck
from hub.demo.facets import Json, iso
from hub.demo.jobs import AIRFLOW, DAGSTER, ENGINE, HOST, JOBS
from hub.demo.nouns import Cron, Every, Job, Span
from hub.demo.tables import TABLES

SAMPLED: Final = timedelta(hours=72)
SAMPLE_EVERY: Final = timedelta(minutes=30)
JAM: Final = timedelta(hours=3)

#: (orchestrator, pool, slots, usually running, whether it is jammed today)
_POOLS: Final = (
    (AIRFLOW, "default_pool", 32, 9, True),
    (AIRFLOW, "warehouse", 4, 2, False),
    (DAGSTER, "run_queue", 10, 3, False),
    (ENGINE, "bank", 2, 1, False),
)
_HEALTH: Final = (
    (AIRFLOW, "", "HEALTHY", None),
    (AIRFLOW, "scheduler", "HEALTHY", None),
    (AIRFLOW, "triggerer", "DEGRADED", "last heartbeat 94 s ago"),
    (DAGSTER, "", "HEALTHY", None),
    (HOST, "", "HEALTHY", None),
    (ENGINE, "", "HEALTHY", None),
)
_LEGACY: Final = Job(
    DAGSTER, "legacy_sync", "analytics", "Switched off in spring.", Cron("0 4 * * *"), ()
)


def observations(now: datetime, weeks: int = 3, seed: int = 1) -> Iterator[tuple[str, Json]]:
    """(orchestrator, observation), oldest first."""
    span = Span(now, weeks)
    yield from _schedules(span)
    yield from _policies(span)
    for orchestrator, pool, capacity, usual, jammed in _POOLS:
        for at in _samples(now):
            load = _load(at, span, seed, pool, usual, jammed=jammed)
            yield orchestrator, _backlog(at, pool, capacity, load)
    for orchestrator, part, status, detail in _HEALTH:
        yield orchestrator, {
            "type": "health", "status": status, "part": part, "detail": detail,
            "observed_at": iso(now),
        }  # fmt: skip
    yield (
        DAGSTER,
        {
            "type": "watermark",
            "complete_to": iso(now - timedelta(seconds=40)),
            "observed_at": iso(now),
        },
    )


def _schedules(span: Span) -> Iterator[tuple[str, Json]]:
    """Airflow tells its schedules in its events; the others are observed."""
    for job in (*JOBS, _LEGACY):
        if job.orchestrator != AIRFLOW and (schedule := _schedule(job, span)):
            yield (
                job.orchestrator,
                {
                    "type": "schedule",
                    "job": {"namespace": job.orchestrator, "name": job.name},
                    "schedule": schedule,
                    "observed_at": iso(span.monday),
                },
            )


def _schedule(job: Job, span: Span) -> Json | None:
    match job.schedule:
        case Cron(expression, zone):
            kind = {"kind": "cron", "expression": expression, "timezone": zone}
        case Every(minutes):
            kind = {"kind": "interval", "expression": f"PT{minutes * 60}S"}
            kind["anchor"] = iso(span.start)
        case _:
            return None
    if job.orchestrator == DAGSTER:
        kind["timing"] = "tick"
    return {**kind, "paused": job is _LEGACY, "catchup": False, "max_active_runs": 1}


def _policies(span: Span) -> Iterator[tuple[str, Json]]:
    for table in TABLES.values():
        if table.max_age_h is not None:
            yield (
                AIRFLOW,
                {
                    "type": "freshness_policy",
                    "dataset": {"namespace": table.namespace, "name": table.name},
                    "max_lag_s": table.max_age_h * 3600,
                    "observed_at": iso(span.monday),
                },
            )


def _samples(now: datetime) -> Iterator[datetime]:
    """On the half hours, so that a sample taken twice is the same."""
    last = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    at = last - SAMPLED
    while at <= last:
        yield at
        at += SAMPLE_EVERY


def _load(at: datetime, span: Span, seed: int, pool: str, usual: int, *, jammed: bool) -> int:
    """How much wants to run; today's jam grows to the end."""
    busy = usual * (2 if at.hour in {2, 3, 4, 5} else 1)
    noise = luck(seed, pool, iso(at)).uniform(0.6, 1.4)
    late = max(0.0, (at - (span.now - JAM)) / timedelta(hours=1)) if jammed else 0.0
    return round(busy * noise + 18 * late)


def _backlog(at: datetime, pool: str, capacity: int, load: int) -> Json:
    queued = max(0, load - capacity)
    return {
        "type": "backlog",
        "pool": pool,
        "queued": queued,
        "running": min(load, capacity),
        "capacity": capacity,
        "oldest_wait_s": queued * 45.0,
        "observed_at": iso(at),
    }
