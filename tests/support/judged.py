"""Jobs and runs as rules see them, in minutes around noon of a Wednesday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hub.model import EntityName, RunState, Schedule
from hub.rules.base import JobSeen, Judgement, RunSeen, Status
from hub.schedules.spans import Span

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOURLY = Span(Schedule("cron", "0 * * * *"), NOON - timedelta(days=30))


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def run(
    begin: float | None,
    end: float | None = None,
    state: RunState | None = None,
    *,
    name: str = "",
    number: int | None = None,
    queued: float | None = None,
    **more: Any,
) -> RunSeen:
    """A run from a minute to a minute; without an end it runs, without a begin it waits."""
    first = begin if begin is not None else queued if queued is not None else (end or 0.0)
    default = RunState.NEW if begin is None else RunState.RUNNING
    return RunSeen(
        id=number if number is not None else round(first * 60) + 1_000_000,
        natural_id=name or f"run {first:g}",
        state=state or (RunState.COMPLETED if end is not None else default),
        attempt=1,
        sort_at=at(first),
        started_at=None if begin is None else at(begin),
        ended_at=None if end is None else at(end),
        **more,
    )


def seen(*runs: RunSeen, **more: Any) -> JobSeen:
    """A job with these runs, however they are given."""
    latest = sorted(runs, key=lambda one: (one.sort_at, one.id), reverse=True)
    return JobSeen(EntityName("prod", "load"), latest, **more)


def told(judgement: Judgement) -> list[tuple[Status, str]]:
    return [(one.status, one.key) for one in judgement.verdicts]


def statuses(judgement: Judgement) -> list[Status]:
    return [one.status for one in judgement.verdicts]
