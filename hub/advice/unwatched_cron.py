"""What cron runs unseen: lines that were told and never heard of, and jobs that nobody has declared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from hub.advice.base import EXAMPLES, LEAST, Advice, Example, JobSeen, World, pattern
from hub.model import Schedule
from hub.schedules.slots import timetable_of

#: So many slots must have gone by, and so long, since it was told; it may not be wrapped yet.
SLOTS: Final = 3
PATIENCE: Final = timedelta(days=1)
#: These are asked themselves what has run: silence says nothing of them.
ASKED: Final = frozenset({"airflow", "dagster"})


@pattern("unwatched_cron", "Cron that nobody watches")
def unwatched_cron(world: World, now: datetime) -> Iterator[Advice]:
    for job in world.jobs.values():
        if job.kind in ASKED or job.schedule is None or job.parent is not None:
            continue
        if job.told_by == "learned":
            if not job.owned and len(job.runs) >= LEAST:
                yield _unowned(job, job.schedule)
        elif job.on_clock and not job.heard and job.told_at is not None:
            slots = _gone_by(job.schedule, job.told_at, now)
            if slots >= SLOTS and now - job.told_at >= PATIENCE:
                yield _unheard(job, job.schedule, job.told_at, slots)


def _gone_by(schedule: Schedule, since: datetime, now: datetime) -> int:
    timetable = timetable_of(schedule)
    return 0 if timetable is None else len(timetable.between(since, now, SLOTS))


def _unheard(job: JobSeen, schedule: Schedule, since: datetime, slots: int) -> Advice:
    return Advice(
        kind="unwatched_cron",
        job=job.name,
        team=job.team,
        says=f"its schedule was told on {since:%Y-%m-%d}, and no run was ever heard of",
        fix="let its line tell of its runs: trackside cron wrap "
        f"--namespace {job.name.namespace} --only {job.name.name} --write; or take the line off "
        "if nobody needs it",
        evidence={
            "schedule": schedule.expression,
            "timezone": schedule.timezone,
            "toldAt": since.isoformat(),
            "slotsAtLeast": slots,
        },
        jobs=frozenset({job.id}),
    )


def _unowned(job: JobSeen, schedule: Schedule) -> Advice:
    return Advice(
        kind="unwatched_cron",
        job=job.name,
        says="runs as cron would start it; nobody declares its schedule, and nobody owns it",
        fix="say when it is to run, so that a run that is missing is told, and whose it is "
        "(an owner `team:NAME` in its ownership facet, or the team of its token)",
        evidence={
            "looksLike": schedule.expression,
            "timezone": schedule.timezone,
            "runs": len(job.runs),
        },
        examples=[
            Example(f"started {run.start:%Y-%m-%d %H:%M} UTC", job.name, run.id)
            for run in list(reversed(job.runs))[:EXAMPLES]
        ],
        paste=_declared(job, schedule),
        jobs=frozenset({job.id}),
    )


def _declared(job: JobSeen, schedule: Schedule) -> str:
    told = {schedule.kind: schedule.expression}
    if schedule.kind == "cron":
        told["timezone"] = schedule.timezone
    elif schedule.anchor is not None:
        told["anchor"] = schedule.anchor.isoformat()
    select = f"{{namespace: {_quoted(job.name.namespace)}, name: {_quoted(job.name.name)}}}"
    lines = [f"    {name}: {_quoted(value)}" for name, value in told.items()]
    return "\n".join(["schedules:", f"  - select: {select}", *lines, ""])


def _quoted(text: str) -> str:
    """As JSON writes it, which YAML reads whatever is in it."""
    return msgspec.json.encode(text).decode()
