"""A job runs much more often than its inputs are updated, or than what it writes is read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from msgspec import Struct

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
    gap_of,
    listed,
    pattern,
    spoken,
)
from hub.model import RunState

#: Such a part of its runs is in vain: it runs four times as often as it need.
PART: Final = 0.75
#: What was updated or read less often may come from where the hub hears little.
KNOWN: Final = 3


class _Vain(Struct, frozen=True):
    """Runs that could be judged, and those of them that were in vain."""

    runs: Sequence[RunSeen]
    vain: Sequence[RunSeen]

    @property
    def is_much(self) -> bool:
        return len(self.vain) >= LEAST and len(self.vain) >= PART * len(self.runs)


@pattern("needless_runs", "A schedule that nobody needs so tight")
def needless_runs(world: World, now: datetime) -> Iterator[Advice]:  # noqa: ARG001
    for job in world.jobs.values():
        if not job.on_clock or job.endless or len(job.clocked) < LEAST:
            continue
        unfed = _nothing_new(world, job)
        if unfed is not None and unfed.is_much:
            yield _unfed(world, job, unfed)
            continue
        unread = _nobody_read(world, job)
        if unread is not None and unread.is_much:
            yield _unread(world, job, unread)


def _nothing_new(world: World, job: JobSeen) -> _Vain | None:
    """Runs before which nothing that it reads was updated since the one before; None: not known."""
    inputs = [world.datasets[key] for key in job.reads - job.writes]
    if not inputs or not all(one.writers and len(one.updates) >= KNOWN for one in inputs):
        return None
    known = [at for one in inputs if (at := one.known_from()) is not None]
    ats = sorted(update.at for one in inputs for update in one.updates)
    return _between(job, ats, max(known, default=world.since))


def _between(job: JobSeen, ats: Sequence[datetime], known: datetime) -> _Vain:
    judged: list[RunSeen] = []
    vain: list[RunSeen] = []
    for before, run in pairwise(job.clocked):
        if before.start >= known:
            judged.append(run)
            if bisect_right(ats, before.start) == bisect_right(ats, run.start):
                vain.append(run)
    return _Vain(judged, vain)


def _nobody_read(world: World, job: JobSeen) -> _Vain | None:
    """Runs after which nobody had read what they wrote when the next one began; None: not known."""
    outputs = [world.datasets[key] for key in job.writes]
    if not outputs or not all(_is_read_here_alone(world, one) for one in outputs):
        return None
    readers = {key for one in outputs for key in one.readers} - {job.id}
    if not all(len(world.jobs[key].runs) >= KNOWN for key in readers):
        return None
    starts = sorted(run.start for key in readers for run in world.jobs[key].runs)
    known = max(world.jobs[key].runs[0].start for key in readers)
    judged: list[RunSeen] = []
    vain: list[RunSeen] = []
    for run, after in pairwise(job.clocked):
        if run.start >= known and run.state == RunState.COMPLETED:
            judged.append(run)
            if bisect_right(starts, run.start) == bisect_right(starts, after.end or after.start):
                vain.append(run)
    return _Vain(judged, vain)


def _is_read_here_alone(world: World, one: DatasetSeen) -> bool:
    """Jobs read it that are known, and nobody says that it is to be fresh for others."""
    outside = one.subscribers or one.wanted
    return (
        bool(one.readers)
        and not outside
        and not any(world.jobs[key].endless for key in one.readers)
    )


def _unfed(world: World, job: JobSeen, found: _Vain) -> Advice:
    inputs = [world.datasets[key] for key in sorted(job.reads - job.writes)]
    names = listed(one.name for one in inputs)
    return Advice(
        kind="needless_runs",
        job=job.name,
        team=job.team,
        says=f"{len(found.vain)} of {len(found.runs)} runs found nothing new: no input ({names}) "
        "had been updated since the run before",
        fix="launch it when its inputs are updated, by a subscription, or let it come as seldom as "
        "they do",
        evidence=_evidence(job, found),
        examples=_examples(job, found, "nothing new since the run before"),
        paste=Subscribe(
            job.name, job.orchestrator, job.team, sorted(one.name for one in inputs), any=True
        ),
        jobs=frozenset({job.id}),
        datasets=frozenset(one.id for one in inputs),
    )


def _unread(world: World, job: JobSeen, found: _Vain) -> Advice:
    outputs = [world.datasets[key] for key in sorted(job.writes)]
    readers = {key for one in outputs for key in one.readers} - {job.id}
    names = listed(world.jobs[key].name for key in readers)
    return Advice(
        kind="needless_runs",
        job=job.name,
        team=job.team,
        says=f"what {len(found.vain)} of {len(found.runs)} runs wrote was written again before "
        f"{names} read it, and no other job is known to read it",
        fix=f"let it come as often as {names}, shortly before; if people look at it in between, let "
        "a freshness policy or an offer of what it writes say so",
        evidence=_evidence(job, found),
        examples=_examples(job, found, "written again before it was read"),
        jobs=frozenset({job.id, *readers}),
        datasets=job.writes,
    )


def _evidence(job: JobSeen, found: _Vain) -> dict[str, object]:
    gap = gap_of([run.start for run in job.clocked])
    took = sum((run.end - run.start).total_seconds() for run in found.vain if run.end is not None)
    assert job.schedule is not None
    return {
        "runs": len(found.runs),
        "inVain": len(found.vain),
        "part": round(len(found.vain) / len(found.runs), 3),
        "schedule": job.schedule.expression,
        "every": spoken(gap.total_seconds()) if gap else None,
        "tookInVain": spoken(took),
    }


def _examples(job: JobSeen, found: _Vain, why: str) -> list[Example]:
    return [
        Example(f"started {run.start:%Y-%m-%d %H:%M} UTC: {why}", job.name, run.id)
        for run in list(reversed(found.vain))[:EXAMPLES]
    ]
