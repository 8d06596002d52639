"""What goes wrong in a fleet, with the label of what has to be told. One line per kind of rule.

A kind that a rule learns is added to INJECTIONS (what is done to the runs) or to ORACLES (what
follows from the runs as they are).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from benchmarks.detection.fleet import Fleet, History, Job, Run
from hub.model import EntityName
from hub.schedules.slots import Slot

HOUR: Final = timedelta(hours=1)
#: Runs of a job before its first fault, and between two: what is learned must be there.
BEFORE: Final = 14
BETWEEN: Final = 12
#: A breach that is over so soon is not worth a word, and may be over before it is heard of.
BRIEF: Final = timedelta(minutes=5)
#: By when daily jobs have to be done, after their slot.
DEADLINE: Final = timedelta(hours=4)
#: The share of daily jobs that become slower for good.
RAISED: Final = 0.1
#: Numbers of runs that no slot demands begin here.
EXTRA: Final = 1_000_000
FOREVER: Final = datetime(9000, 1, 1, tzinfo=UTC)


class Fault(Struct, frozen=True):
    """A label: what is wrong with whom, and when. `also`: kinds that may tell of it, too.

    key: of the incident that tells of it, where several of one subject are open at a time.
    """

    kind: str
    subject: EntityName
    since: datetime
    until: datetime
    also: frozenset[str] = frozenset()
    key: str = ""


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


def _hang(history: History, i: int, chance: random.Random) -> tuple[datetime, datetime]:
    """It dies in its middle and nobody says so."""
    run = history.runs[i]
    assert run.begin is not None
    assert run.seconds is not None
    run.beats, run.seconds, run.updates = run.seconds * chance.uniform(0.2, 0.8), None, False
    return run.begin + timedelta(seconds=run.beats), FOREVER


def _hurry(history: History, i: int, chance: random.Random) -> tuple[datetime, datetime]:  # noqa: ARG001
    """It is over in a twentieth of the time."""
    run = history.runs[i]
    assert run.begin is not None
    assert run.seconds is not None
    run.seconds /= 20
    return run.begin, _next_end(history, i)


def _repeat(history: History, i: int, chance: random.Random) -> tuple[datetime, datetime]:
    """Somebody's loop starts it six times more."""
    run = history.runs[i]
    assert run.begin is not None
    for number in range(1, 7):
        begin = run.begin + timedelta(minutes=number * chance.uniform(8, 10))
        again = Run(Slot(begin, begin), EXTRA + 10 * run.number + number, begin, run.seconds)
        history.extra.append(again)
    return run.begin, run.begin + 24 * HOUR


INJECTIONS: Final[Mapping[str, Injection]] = {
    "missed_schedule": Injection(_miss, also=frozenset({"late_start"})),
    "failed_run": Injection(_fail),
    "overrun": Injection(_lengthen, also=frozenset({"stuck"})),
    "late_start": Injection(
        _delay, fits=lambda job: job.every != "hourly", also=frozenset({"missed_schedule"})
    ),
    "stuck": Injection(
        _hang, fits=lambda job: job.beat_s is not None, also=frozenset({"overrun"}), share=2
    ),
    "too_fast": Injection(_hurry, fits=lambda job: job.usual > 600),
    "too_often": Injection(
        _repeat, fits=lambda job: job.every == "daily" and job.usual < 400, share=0.5
    ),
}


def stale(history: History, end: datetime) -> Iterator[Fault]:
    """The periods in which the output of a job is older than its policy allows."""
    job = history.job
    if job.lag_s is None:
        return
    runs = [*history.runs, *history.extra]
    updates = sorted(run.end for run in runs if run.updates and run.end and run.end < end)
    for before, after in zip(updates, [*updates[1:], end], strict=True):
        since = before + timedelta(seconds=job.lag_s)
        if after - since > BRIEF:
            yield Fault("freshness", job.output, since, after)


def late(history: History, end: datetime) -> Iterator[Fault]:
    """Runs of daily jobs that have not completed within `DEADLINE` of their slot."""
    for run in history.runs if history.job.every == "daily" else ():
        limit = run.slot.due_at + DEADLINE
        done = run.end if run.state == "COMPLETE" and run.end is not None else FOREVER
        if limit < min(done, end - BRIEF):
            yield Fault("late_finish", history.job.name, limit, done)


def slower(history: History, end: datetime) -> Iterator[Fault]:
    """Of what grows day by day it is right to say so, and nobody says by when."""
    if history.job.growth:
        yield Fault(
            "growth", history.job.name, history.runs[0].slot.due_at, end, frozenset({"creep"})
        )


ORACLES: Final[Mapping[str, Callable[[History, datetime], Iterator[Fault]]]] = {
    "freshness": stale,
    "late_finish": late,
    "creep": slower,
}


def raise_level(history: History, end: datetime) -> Fault:
    """From the middle on each run takes three tenths longer; runs beyond the limit are no wonder."""
    middle = len(history.runs) // 2
    for run in history.runs[middle:]:
        if run.seconds is not None:
            run.seconds *= 1.3
    since = history.runs[middle].slot.due_at
    return Fault("creep", history.job.name, since, end, frozenset({"overrun"}))


def put_faults(
    made: Fleet, seed: int, share: float = 0.02, *, before: int = BEFORE, between: int = BETWEEN
) -> list[Fault]:
    """Puts faults of every kind into the runs; about `share` of the runs are at fault."""
    chance = random.Random(seed)
    kinds, weights = list(INJECTIONS), [one.share for one in INJECTIONS.values()]
    found = [
        raise_level(history, made.end)
        for history in made.histories
        if history.job.every == "daily" and not history.job.growth and chance.random() < RAISED
    ]
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
