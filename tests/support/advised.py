"""Small worlds for patterns of advice: jobs that run daily, and what they read and write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.advice import load
from hub.advice.base import (
    WINDOW,
    Advice,
    DatasetSeen,
    JobSeen,
    RunSeen,
    UpdateSeen,
    World,
    patterns,
)
from hub.model import EntityName, Schedule

load()

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAYS = 20
CRON = Schedule("cron", "0 4 * * *")


def day(number: int) -> datetime:
    """Midnight, so many days from the first of `DAYS`."""
    return datetime(2026, 11, 10, tzinfo=UTC) + timedelta(days=number)


def daily(
    hour: float, *, took: float = 10, days: Iterable[int] = range(DAYS), **more: Any
) -> list[RunSeen]:
    """Runs that start at an hour of each day and take so many minutes."""
    return [a_run(day(n) + timedelta(hours=hour), took=took, **more) for n in days]


def a_run(start: datetime, *, took: float | None = 10, **more: Any) -> RunSeen:
    end = None if took is None else start + timedelta(minutes=took)
    return RunSeen(f"run-{start:%d-%H%M%S}", start, end, **more)


def updates(at: Iterable[datetime], partition: str = "", **more: Any) -> list[UpdateSeen]:
    return [UpdateSeen(one, partition=partition, **more) for one in at]


def ends(runs: Sequence[RunSeen]) -> list[datetime]:
    return [run.end for run in runs if run.end is not None]


def job(key: int, name: str = "", **more: Any) -> JobSeen:
    """One of team `shop` at Airflow, that a cron expression starts unless something else is told."""
    told: dict[str, Any] = {
        "team": "shop",
        "owned": True,
        "orchestrator": "airflow",
        "schedule": CRON,
    }
    told |= {"told_by": "declared", "told_at": day(0)}
    return JobSeen(id=key, name=EntityName("airflow", name or f"job{key}"), **(told | more))


def dataset(key: int, name: str = "", **more: Any) -> DatasetSeen:
    return DatasetSeen(id=key, name=EntityName("db", name or f"data{key}"), **more)


def world(jobs: Iterable[JobSeen] = (), datasets: Iterable[DatasetSeen] = (), **more: Any) -> World:
    return World(
        since=NOW - WINDOW,
        jobs={one.id: one for one in jobs},
        datasets={one.id: one for one in datasets},
        **more,
    )


def advice(kind: str, seen: World) -> list[Advice]:
    """What one pattern finds."""
    return list(patterns.get(kind).find(seen, NOW))
