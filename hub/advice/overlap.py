"""A run of a job starts while the one before still runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from hub.advice.base import (
    EXAMPLES,
    LEAST,
    Advice,
    Example,
    JobSeen,
    RunSeen,
    World,
    gap_of,
    pattern,
    spoken,
)

#: Clocks of two hosts differ by less.
CLEAR: Final = timedelta(minutes=1)
#: So many, and such a part of its runs; a single slow night is no habit.
OFTEN: Final = 3
PART: Final = 0.1
#: Runs that start closer together than this part of the usual gap are made up for, not too slow.
CLOSE: Final = 0.5

Pair = tuple[RunSeen, RunSeen]


@pattern("overlap", "Runs of a job overlap")
def overlap(world: World, now: datetime) -> Iterator[Advice]:  # noqa: ARG001
    for job in world.jobs.values():
        runs = job.clocked
        meant = job.schedule is not None and (job.schedule.max_active_runs or 0) > 1
        if not job.on_clock or job.endless or meant or len(runs) < LEAST:
            continue
        pairs = _overlapping(runs)
        if len(pairs) >= max(OFTEN, PART * len(runs)):
            yield _told(job, runs, pairs)


def _overlapping(runs: Sequence[RunSeen]) -> list[Pair]:
    gap = gap_of([run.start for run in runs]) or timedelta()
    return [
        (before, run)
        for before, run in pairwise(runs)
        if before.end is not None
        and before.end - run.start >= CLEAR
        and run.start - before.start >= CLOSE * gap
    ]


def _shared(pair: Pair) -> float:
    before, run = pair
    assert before.end is not None
    return (min(before.end, run.end or before.end) - run.start).total_seconds()


def _told(job: JobSeen, runs: Sequence[RunSeen], pairs: Sequence[Pair]) -> Advice:
    worst = sorted(pairs, key=_shared, reverse=True)
    assert job.schedule is not None
    return Advice(
        kind="overlap",
        job=job.name,
        team=job.team,
        says=f"{len(pairs)} of its {len(runs)} latest runs started while the one before still "
        f"ran, for up to {spoken(_shared(worst[0]))}",
        fix="let one run at a time: max_active_runs=1 in Airflow, a concurrency key or limit in "
        "Dagster, `limits: {concurrency: 1}` of a subscription, flock in a crontab; or let it come "
        "more rarely than it takes",
        evidence={
            "runs": len(runs),
            "overlaps": len(pairs),
            "longestS": _shared(worst[0]),
            "schedule": job.schedule.expression,
            "maxActiveRuns": job.schedule.max_active_runs,
        },
        examples=[
            Example(
                f"started {run.start:%Y-%m-%d %H:%M} UTC, {spoken(_shared((before, run)))} before "
                "the one before had ended",
                job.name,
                run.id,
            )
            for before, run in worst[:EXAMPLES]
        ],
        jobs=frozenset({job.id}),
    )
