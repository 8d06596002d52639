"""Of a chain of jobs most of the time goes by while none of them runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from msgspec import Struct

from hub.advice.base import (
    EXAMPLES,
    LEAST,
    Advice,
    Example,
    JobSeen,
    RunSeen,
    World,
    pattern,
    spoken,
)
from hub.advice.following import MOST, followed

#: Two jobs are a pair, of which `guessed_start` tells.
JOBS: Final = 3
#: Chains longer than this are cut: what is at their begin is another story.
LONGEST: Final = 12
#: So much of the time, and so long, must nothing run.
PART: Final = 0.3
LONG: Final = timedelta(minutes=30)


class _Link(Struct, frozen=True):
    """By run of a job, the run of another that wrote the last of what it reads."""

    by_run: Mapping[str, tuple[int, RunSeen]]


class _Walk(Struct, frozen=True):
    """A chain as it ran once, the last job first."""

    steps: Sequence[tuple[int, RunSeen]]

    @property
    def path(self) -> tuple[int, ...]:
        return tuple(job for job, _ in reversed(self.steps))

    @property
    def span_s(self) -> float:
        last, first = self.steps[0][1], self.steps[-1][1]
        return ((last.end or last.start) - first.start).total_seconds()

    @property
    def waits(self) -> list[float]:
        """Seconds before each job but the first in which nothing ran, in their order."""
        order = list(reversed(self.steps))
        pairs = pairwise(order)
        return [
            max(0.0, (run.start - (before.end or before.start)).total_seconds())
            for (_, before), (_, run) in pairs
        ]

    @property
    def idle_s(self) -> float:
        return sum(self.waits)


class _Chain(Struct, frozen=True):
    """The way that a chain usually takes. waits: seconds before each job but the first."""

    path: Sequence[JobSeen]
    walks: Sequence[_Walk]

    @property
    def idle_s(self) -> float:
        return median(walk.idle_s for walk in self.walks)

    @property
    def span_s(self) -> float:
        return median(walk.span_s for walk in self.walks)

    @property
    def part(self) -> float:
        return median(walk.idle_s / walk.span_s for walk in self.walks)

    @property
    def waits(self) -> list[float]:
        return [median(each) for each in zip(*(walk.waits for walk in self.walks), strict=True)]

    @property
    def longest(self) -> tuple[float, JobSeen]:
        """The longest wait, and the job before which it is."""
        return max(zip(self.waits, self.path[1:], strict=True), key=lambda pair: pair[0])


@pattern("idle_chain", "A chain of jobs that mostly waits")
def idle_chain(world: World, now: datetime) -> Iterator[Advice]:  # noqa: ARG001
    links = {job.id: link for job in world.jobs.values() if (link := _link(world, job))}
    inner = {key for link in links.values() for key, _ in link.by_run.values()}
    worst: dict[int, _Chain] = {}
    for key in sorted(links.keys() - inner):
        walks = [_walk(links, key, run) for run in world.jobs[key].runs if run.end is not None]
        chain = _chain(world, walks)
        if chain is None or chain.part < PART or chain.idle_s < LONG.total_seconds():
            continue
        # Chains that share their longest wait are told of once, by the one that waits most.
        before = chain.longest[1].id
        if before not in worst or worst[before].idle_s < chain.idle_s:
            worst[before] = chain
    for chain in worst.values():
        yield _told(chain)


def _chain(world: World, walks: Sequence[_Walk]) -> _Chain | None:
    """None: it is short, or seldom goes one way."""
    ways = Counter(walk.path for walk in walks)
    usual = max(ways, key=lambda way: (ways[way], len(way)), default=())
    mine = [walk for walk in walks if walk.path == usual and walk.span_s > 0]
    if len(usual) < JOBS or len(mine) < LEAST:
        return None
    return _Chain([world.jobs[key] for key in usual], mine)


def _link(world: World, job: JobSeen) -> _Link | None:
    """None: its runs do not follow those of others one for one."""
    if len(job.runs) < LEAST or job.endless:
        return None
    found = followed(world, job, job.runs)
    by_run: dict[str, tuple[int, RunSeen]] = {}
    for place, run in enumerate(job.runs):
        arrived = [(at, one) for one in found if (at := one.arrived[place]) is not None]
        if arrived and (at_last := max(arrived, key=lambda pair: pair[0])):
            at, one = at_last
            if run.start - at > MOST:
                continue
            before = _running_at(world, one.dataset.writers - {job.id}, at)
            if before is not None and before[1].start < run.start:
                by_run[run.id] = before
    return _Link(by_run) if by_run else None


def _running_at(world: World, jobs: frozenset[int], at: datetime) -> tuple[int, RunSeen] | None:
    """The run that wrote something then."""
    for key in sorted(jobs):
        for run in reversed(world.jobs[key].runs):
            if run.end is not None and run.start <= at <= run.end:
                return key, run
    return None


def _walk(links: Mapping[int, _Link], job: int, run: RunSeen) -> _Walk:
    steps = [(job, run)]
    while len(steps) < LONGEST:
        link = links.get(steps[-1][0])
        before = link.by_run.get(steps[-1][1].id) if link else None
        if before is None or before[0] in {key for key, _ in steps}:
            break
        steps.append(before)
    return _Walk(steps)


def _told(chain: _Chain) -> Advice:
    path, last = chain.path, chain.path[-1]
    longest, before = chain.longest
    return Advice(
        kind="idle_chain",
        job=last.name,
        team=last.team,
        says=f"ends a chain of {len(path)} jobs that usually takes {spoken(chain.span_s)}; for "
        f"{spoken(chain.idle_s)} of it ({chain.part:.0%}) none of them runs",
        fix=f"begin with the longest wait, {spoken(longest)} before {before.name.name}: let the "
        "update of what it reads launch it, by a subscription, not the clock",
        evidence={
            "chain": [one.name.name for one in path],
            "runs": len(chain.walks),
            "spanS": round(chain.span_s, 1),
            "idleS": round(chain.idle_s, 1),
            "idlePart": round(chain.part, 3),
            "waits": {
                one.name.name: spoken(wait) for one, wait in zip(path[1:], chain.waits, strict=True)
            },
        },
        examples=[_example(last, walk) for walk in list(reversed(chain.walks))[:EXAMPLES]],
        jobs=frozenset(one.id for one in path),
    )


def _example(last: JobSeen, walk: _Walk) -> Example:
    run = walk.steps[0][1]
    told = (
        f"{spoken(walk.idle_s)} of {spoken(walk.span_s)} idle, ended {run.end:%Y-%m-%d %H:%M} UTC"
    )
    return Example(told, last.name, run.id)
