"""What a job has not done cannot be made up for: its runs are of no partition, or catchup is off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from hub.advice.base import (
    EXAMPLES,
    LEAST,
    Advice,
    Example,
    JobSeen,
    World,
    gap_of,
    listed,
    pattern,
)
from hub.model import RunState
from hub.schedules.slots import Slot
from hub.schedules.spans import expected

#: So many slots must have been lost that nobody made up for; of one nobody needs to speak.
LOST: Final = 2
#: A hole is wider than this many usual gaps.
HOLE: Final = 1.5
#: What runs more often is nothing that people make up for.
RARE: Final = timedelta(minutes=50)


@pattern("no_backfill", "What was missed can't be made up for")
def no_backfill(world: World, now: datetime) -> Iterator[Advice]:  # noqa: ARG001
    for job in world.jobs.values():
        if not job.on_clock or job.endless or not job.writes or len(job.clocked) < LEAST:
            continue
        starts = [run.start for run in job.clocked]
        gap = gap_of(starts)
        if gap is None or gap < RARE:
            continue
        if _is_unpartitioned(world, job):
            yield from _of_no_partition(world, job)
        elif job.schedule is not None and job.schedule.catchup is False:
            yield from _not_caught_up(world, job, gap)


def _is_unpartitioned(world: World, job: JobSeen) -> bool:
    """No run says what it is of, no update either, and what it writes is not all made anew."""
    said = any(run.nominal or run.partition for run in job.runs)
    updates = [update for key in job.writes for update in world.datasets[key].updates]
    told = any(update.partition or update.overwrote for update in updates)
    return bool(updates) and not said and not told


def _of_no_partition(world: World, job: JobSeen) -> Iterator[Advice]:
    failed = [run for run in job.clocked if run.state in {RunState.FAILED, RunState.ABORTED}]
    if len(failed) < LOST:
        return
    written = listed(world.datasets[key].name for key in job.writes)
    yield Advice(
        kind="no_backfill",
        job=job.name,
        team=job.team,
        says=f"{len(failed)} of its {len(job.clocked)} latest runs failed, and neither runs nor "
        f"updates of {written} say which time they are of: nobody can have those made anew",
        fix="give each run the time or partition that it is of (nominalTime or a partition key in "
        "its events), write that partition alone, and read no clock; then trackside backfill can "
        "make it anew",
        evidence={"runs": len(job.clocked), "failedRuns": len(failed), "partitioned": False},
        examples=[
            Example(f"failed {run.start:%Y-%m-%d %H:%M} UTC", job.name, run.id)
            for run in list(reversed(failed))[:EXAMPLES]
        ],
        jobs=frozenset({job.id}),
        datasets=job.writes,
    )


def _not_caught_up(world: World, job: JobSeen, gap: timedelta) -> Iterator[Advice]:
    lost = [slot for slot in _lost(job, gap) if not _unheard(world, slot)]
    if len(lost) < LOST:
        return
    assert job.schedule is not None
    yield Advice(
        kind="no_backfill",
        job=job.name,
        team=job.team,
        says=f"{len(lost)} slots had no run, and none came later: its schedule has catchup off",
        fix="turn catchup on (catchup=True in Airflow) if each slot's data is needed, with "
        "max_active_runs to keep it slow; for what is lost: trackside backfill",
        evidence={
            "runs": len(job.clocked),
            "slotsWithoutRun": len(lost),
            "schedule": job.schedule.expression,
            "catchup": False,
        },
        examples=[
            Example(f"no run of {slot.nominal_at:%Y-%m-%d %H:%M} UTC", job.name)
            for slot in lost[-EXAMPLES:]
        ],
        jobs=frozenset({job.id}),
    )


def _unheard(world: World, slot: Slot) -> bool:
    """Its run may have come while no hub was there."""
    return any(begin <= slot.due_at <= end for begin, end in world.deaf)


def _lost(job: JobSeen, gap: timedelta) -> Iterator[Slot]:
    """Slots in holes between runs, by the schedule as it was then; what has a run by now is none."""
    made = {run.nominal for run in job.runs}
    for before, after in pairwise(job.clocked):
        if after.start - before.start > HOLE * gap:
            edge = gap / 4
            for slot in expected(job.spans, before.start + edge, after.start - edge):
                if slot.nominal_at not in made:
                    yield slot
