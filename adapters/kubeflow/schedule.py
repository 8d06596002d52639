"""Recurring runs as schedules, as far as the hub can say the same.

Kubeflow reads crons by robfig/cron with the seconds first, in the time zone of its controller, and
counts intervals from the start that was declared, else from when the recurring run was made.
"""

from __future__ import annotations

from adapters.base.crons import PRESETS
from adapters.kubeflow.wire import CronSchedule, PeriodicSchedule, RecurringRun, moment
from hub.model import Schedule


def schedule_of(row: RecurringRun, zone: str) -> Schedule:
    most = _number(row.max_concurrency) or None
    trigger = row.trigger
    if trigger.cron_schedule is not None:
        return _cron(row, trigger.cron_schedule, zone, most)
    if trigger.periodic_schedule is not None:
        return _periodic(row, trigger.periodic_schedule, most)
    return Schedule("manual", max_active_runs=most)


def as_written(row: RecurringRun) -> str | None:
    """In Kubeflow's own words, for people."""
    cron, periodic = row.trigger.cron_schedule, row.trigger.periodic_schedule
    if cron is not None:
        return f"cron {cron.cron}"
    return None if periodic is None else f"every {_number(periodic.interval_second)} s"


def cron_of(text: str) -> str | None:
    """With the seconds last, or without where they are 0; None if the hub can't read it."""
    if text.strip() in PRESETS:
        return text.strip()
    fields = ["*" if field == "?" else field for field in text.split()]
    if len(fields) == 5:  # the weekday may be left out
        fields.append("*")
    if len(fields) != 6:
        return None
    seconds, *rest = fields
    return " ".join(rest if seconds == "0" else [*rest, seconds])


def _cron(row: RecurringRun, told: CronSchedule, zone: str, most: int | None) -> Schedule:
    expression = cron_of(told.cron)
    if expression is None:
        return Schedule("manual", max_active_runs=most)
    return Schedule(
        "cron",
        expression,
        zone,
        paused=row.status == "DISABLED",
        catchup=not row.no_catchup,
        max_active_runs=most,
        start_at=moment(told.start_time),
        end_at=moment(told.end_time),
        timing="shown",
    )


def _periodic(row: RecurringRun, told: PeriodicSchedule, most: int | None) -> Schedule:
    seconds = _number(told.interval_second)
    if seconds <= 0:
        return Schedule("manual", max_active_runs=most)
    return Schedule(
        "interval",
        f"PT{seconds}S",
        paused=row.status == "DISABLED",
        catchup=not row.no_catchup,
        max_active_runs=most,
        start_at=moment(told.start_time),
        end_at=moment(told.end_time),
        anchor=moment(told.start_time) or moment(row.created_at),
    )


def _number(value: str | int) -> int:
    """0 for what is none."""
    return int(value) if isinstance(value, int) or (value.isascii() and value.isdigit()) else 0
