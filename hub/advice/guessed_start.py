"""A job starts by the clock, so long after another that what it reads is probably there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Final

from hub.advice.base import (
    EXAMPLES,
    LEAST,
    Advice,
    DatasetSeen,
    Example,
    JobSeen,
    RunSeen,
    Subscribe,
    World,
    listed,
    pattern,
    spoken,
)
from hub.advice.following import MOST, Follow, followed

#: Less is nothing to gain, unless it starts too early at times.
WORTH: Final = timedelta(minutes=5)
#: A margin is near constant if its middle half lies within so much, or this part of it.
STEADY: Final = timedelta(minutes=10)
STEADY_PART: Final = 0.5
#: What starts too early more often than this waits inside for its data, or wants yesterday's.
MOSTLY: Final = 1 / 3

Margin = tuple[RunSeen, float]


@pattern("guessed_start", "A start that is guessed by the clock")
def guessed_start(world: World, now: datetime) -> Iterator[Advice]:  # noqa: ARG001
    for job in world.jobs.values():
        runs = job.clocked
        if job.on_clock and not job.launched_by and not job.endless and len(runs) >= LEAST:
            found = followed(world, job, runs)
            margins = _margins(runs, found)
            if len(margins) >= LEAST and _is_guess(margins):
                yield _told(world, job, found, margins)


def _margins(runs: Sequence[RunSeen], found: Sequence[Follow]) -> list[Margin]:
    """Of each run whose inputs are all known: seconds from the last of them to its start."""
    each = zip(runs, zip(*(one.arrived for one in found), strict=True), strict=True)
    margins = []
    for run, arrived in each if found else ():
        known = [at for at in arrived if at is not None]
        if len(known) == len(arrived):
            margins.append((run, (run.start - max(known)).total_seconds()))
    return margins


def _is_guess(margins: Sequence[Margin]) -> bool:
    lengths = [length for _, length in margins]
    early, usual = _early(margins), median(lengths)
    low, _, high = quantiles(lengths, n=4)
    steady = high - low <= max(STEADY.total_seconds(), STEADY_PART * usual)
    worth = usual >= WORTH.total_seconds() or len(early) > 1
    near = 0 < usual <= MOST.total_seconds()
    return near and steady and worth and len(early) <= MOSTLY * len(margins)


def _early(margins: Sequence[Margin]) -> list[Margin]:
    return [one for one in margins if one[1] < 0]


def _told(world: World, job: JobSeen, found: Sequence[Follow], margins: Sequence[Margin]) -> Advice:
    inputs = [one.dataset for one in found]
    makers = frozenset().union(*(one.writers for one in inputs)) - {job.id}
    usual, early = median(length for _, length in margins), _early(margins)
    read = listed(one.name for one in inputs)
    writers = listed(world.jobs[key].name for key in makers)
    same = _same_partition(job.clocked, found)
    assert job.schedule is not None
    return Advice(
        kind="guessed_start",
        job=job.name,
        team=job.team,
        says=f"starts by the clock, usually {spoken(usual)} after {read}, written by {writers}"
        + (f"; {len(early)} of {len(margins)} runs started before it was there" if early else ""),
        fix=f"let updates of {read} launch it, by a subscription, and take its schedule off: it "
        f"starts {spoken(usual)} earlier, and never before its data is there"
        + _besides(world, job, inputs, same=same),
        evidence={
            "schedule": job.schedule.expression,
            "runs": len(margins),
            "medianMarginS": round(usual, 1),
            "tooEarly": len(early),
            "writtenBy": sorted(world.jobs[key].name.name for key in makers),
        },
        examples=[_example(job, one) for one in (*early, *reversed(margins))[:EXAMPLES]],
        saves_s=round(usual, 1),
        paste=Subscribe(
            job.name,
            job.orchestrator,
            job.team,
            sorted(one.name for one in inputs),
            same_partition=same,
        ),
        jobs=frozenset({job.id, *makers}),
        datasets=frozenset(job.reads | {one.id for one in inputs}),
    )


def _besides(world: World, job: JobSeen, inputs: Sequence[DatasetSeen], *, same: bool) -> str:
    """What a person has to think of."""
    told = ""
    others = job.reads - job.writes - {one.id for one in inputs}
    if others:
        names = listed(world.datasets[key].name for key in others)
        told += f"; what else it reads comes at times of its own and is not waited for: {names}"
    if job.clocked[-1].partition is not None and not same:
        told += "; its runs are of partitions: say under `partitions` which one an update is for"
    return told


def _example(job: JobSeen, margin: Margin) -> Example:
    run, length = margin
    after = f"{spoken(length)} after" if length >= 0 else f"{spoken(-length)} before"
    return Example(f"started {run.start:%Y-%m-%d %H:%M} UTC, {after} its data", job.name, run.id)


def _same_partition(runs: Sequence[RunSeen], found: Sequence[Follow]) -> bool:
    """Runs have a partition, and it is always that of what they follow."""
    latest = runs[-1].partition
    return latest is not None and all(
        one.dataset.updates[-1].partition and _spelt_of(runs, one) for one in found
    )


def _spelt_of(runs: Sequence[RunSeen], one: Follow) -> bool:
    by_time = {update.at: update.partition for update in one.dataset.updates}
    pairs = zip(runs, one.arrived, strict=True)
    return all(by_time[at] == run.partition for run, at in pairs if at is not None)
