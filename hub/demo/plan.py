"""What happens in a run: when it starts, what fails, what is tried again, how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from hub.demo.chance import luck
from hub.demo.nouns import Cause, Job, Run, Span, Step, Trouble, Try

RETRY_DELAY = timedelta(minutes=2)
ABORTED = 0.004
STUCK_H = 3


def plan(job: Job, slot: datetime, seed: int, span: Span, causes: tuple[Cause, ...] = ()) -> Run:
    """The run of one slot."""
    chance = luck(seed, job.orchestrator, job.name, slot.isoformat())
    start = slot + timedelta(seconds=2 + chance.expovariate(1 / 15))
    stuck = job.trouble is Trouble.STUCK and is_latest(slot, span)
    tries = tuple(_tries(job, start, chance, _pace(job, slot, span), stuck=stuck))
    last = tries[-1]
    end = None if last.end is None else last.end + timedelta(seconds=1 + chance.random())
    wrote = not (job.trouble is Trouble.SILENT and slot >= span.silence)
    return Run(job, slot, start, end, last.ending, tries, wrote, causes)


def is_latest(slot: datetime, span: Span) -> bool:
    """Whether this is the slot of a daily job that today's trouble befalls."""
    age = span.now - slot
    return timedelta(hours=STUCK_H) <= age < timedelta(hours=STUCK_H + 24)


def _pace(job: Job, slot: datetime, span: Span) -> float:
    """How much longer than usual everything takes."""
    weekend = 0.8 if slot.weekday() >= 5 else 1.0
    if job.trouble is not Trouble.CREEP:
        return weekend
    return weekend * (1 + 0.05 * max(0.0, (slot - span.creep) / timedelta(days=1)))


def _tries(job: Job, at: datetime, chance: Random, pace: float, *, stuck: bool) -> Iterator[Try]:
    """The steps one after the other, each until it is done or nobody tries again."""
    for step in job.steps:
        for number in range(1, job.retries + 2):
            hangs = stuck and step is job.steps[-1]
            one = _attempt(step, number, at, chance, pace, hangs=hangs)
            yield one
            if one.end is None or one.ending == "ABORT":
                return
            at = one.end + (RETRY_DELAY if one.error else timedelta(seconds=1 + chance.random()))
            if one.error is None:
                break
        else:
            return


def _attempt(
    step: Step, number: int, at: datetime, chance: Random, pace: float, *, hangs: bool
) -> Try:
    fate, noise = chance.random(), chance.lognormvariate(0, 0.15)
    took = timedelta(minutes=step.minutes * pace * noise)
    if hangs:
        return Try(step, number, at, None, None)
    # What failed once is likelier to fail again: half of the failures are not the network's.
    fails = step.fails if number == 1 else 0.4
    if fate < fails:
        return Try(
            step, number, at, at + took * chance.random(), "FAIL", chance.choice(step.errors)
        )
    if fate > 1 - ABORTED:
        return Try(step, number, at, at + took * chance.random(), "ABORT")
    return Try(step, number, at, at + took, "COMPLETE")
