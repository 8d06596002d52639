"""What goes wrong in a fleet, with the label of what has to be told. One line per kind of rule.

A kind that a rule learns is added to INJECTIONS (what is done to the runs) or to ORACLES (what
follows from the runs as they are).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from benchmarks.detection.fleet import Fleet, History, Job, Run
from hub.model import EntityName

HOUR: Final = timedelta(hours=1)
#: Runs of a job before its first fault, and between two: what is learned must be there.
BEFORE: Final = 14
BETWEEN: Final = 12
#: A breach that is over so soon is not worth a word, and may be over before it is heard of.
BRIEF: Final = timedelta(minutes=5)


class Fault(Struct, frozen=True):
    """A label: what is wrong with whom, and when. `also`: kinds that may tell of it, too."""

    kind: str
    subject: EntityName
    since: datetime
    until: datetime
    also: frozenset[str] = frozenset()


class Injection(Struct, frozen=True):
    """How a fault of one kind is made of run `i`; returns from when to when it is wrong."""

    inject: Callable[[History, int, random.Random], tuple[datetime, datetime]]
    fits: Callable[[Job], bool] = lambda _: True
    also: frozenset[str] = frozenset()
    share: float = 1.0


def _miss(history: History, i: int, chance: random.Random) -> tuple[datetime, datetime]:  # noqa: ARG001
    run = history.runs[i]
    run.begin = run.seconds = None
    return run.slot.due_at, _next_begin(history, i)


def _fail(history: History, i: int, chance: random.Random) -> tuple[datetime, datetime]:  # noqa: ARG001
    run = history.runs[i]
    run.state, run.updates = "FAIL", False
    return _ended(run), _next_end(history, i)


def _lengthen(history: History, i: int, chance: random.Random) -> tuple[datetime, datetime]:
    """Two, three or five times as long as usual, at least by some minutes."""
    run = history.runs[i]
    assert run.begin is not None
    assert run.seconds is not None
    usual = run.seconds
    run.seconds = max(usual * chance.choice((2.0, 3.0, 5.0)), usual + 300)
    return run.begin + timedelta(seconds=usual), _ended(run)


def _delay(history: History, i: int, chance: random.Random) -> tuple[datetime, datetime]:
    """It begins late by twenty minutes to an hour."""
    run = history.runs[i]
    run.begin = run.slot.due_at + timedelta(minutes=chance.uniform(20, 60))
    return run.slot.due_at, run.begin


INJECTIONS: Final[Mapping[str, Injection]] = {
    "missed_schedule": Injection(
        _miss, fits=lambda job: job.orchestrator.polled, also=frozenset({"late_start"})
    ),
    "failed_run": Injection(_fail),
    "overrun": Injection(_lengthen),
    "late_start": Injection(
        _delay,
        fits=lambda job: job.every != "hourly" and job.orchestrator.polled,
        also=frozenset({"missed_schedule"}),
    ),
}


def stale(history: History, end: datetime) -> Iterator[Fault]:
    """The periods in which the output of a job is older than its policy allows."""
    job = history.job
    if job.lag_s is None:
        return
    updates = [run.end for run in history.runs if run.updates and run.end and run.end < end]
    for before, after in zip(updates, [*updates[1:], end], strict=True):
        since = before + timedelta(seconds=job.lag_s)
        if after - since > BRIEF:
            yield Fault("freshness", job.output, since, after)


ORACLES: Final[Mapping[str, Callable[[History, datetime], Iterator[Fault]]]] = {
    "freshness": stale,
}


def put_faults(
    made: Fleet, seed: int, share: float = 0.02, *, before: int = BEFORE, between: int = BETWEEN
) -> list[Fault]:
    """Puts faults of every kind into the runs; about `share` of the runs are at fault."""
    chance = random.Random(seed)
    kinds, weights = list(INJECTIONS), [one.share for one in INJECTIONS.values()]
    found: list[Fault] = []
    for history in made.histories:
        i = before + chance.randrange(between)
        while i < len(history.runs) - 2:
            kind = chance.choices(kinds, weights)[0]
            one = INJECTIONS[kind]
            if one.fits(history.job):
                since, until = one.inject(history, i, chance)
                found.append(Fault(kind, history.job.name, since, until, one.also))
            i += between + int(chance.expovariate(share))
    for oracle in ORACLES.values():
        found += [fault for history in made.histories for fault in oracle(history, made.end)]
    return found


def _ended(run: Run) -> datetime:
    assert run.end is not None
    return run.end


def _next_begin(history: History, i: int) -> datetime:
    return history.runs[i + 1].begin or history.runs[i + 1].slot.due_at


def _next_end(history: History, i: int) -> datetime:
    return history.runs[i + 1].end or history.runs[i + 1].slot.due_at + HOUR
