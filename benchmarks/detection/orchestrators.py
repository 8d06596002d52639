"""What orchestrators tell of themselves, and what goes wrong with them as a whole, with labels.

Queues with their nights and mornings, parts that are down, and a farm whose jobs are all away at once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from benchmarks.detection.faults import Fault
from benchmarks.detection.fleet import DAY, FARM, Fleet, Pause, crew
from hub.model import BacklogObserved, EntityName, HealthObserved, HealthStatus

SAMPLED_EVERY: Final = timedelta(minutes=10)
#: So long queues are looked at: a round for each look is what a replay costs.
SAMPLED: Final = timedelta(days=8)
#: An orchestrator needs so long until what is usual for it is known.
QUIET: Final = timedelta(days=2)
#: A part that is down for less is being restarted.
BLIP: Final = timedelta(minutes=1)
QUEUES: Final = "airflow"
HEALTH: Final = "dagster"


class Queue(Struct, frozen=True):
    """Work that waits: so much usually, and so many times as much from two to four at night."""

    name: str
    usual: float
    night: float


POOLS: Final = (
    Queue("default", 12, 1),
    Queue("nightly", 4, 15),
    Queue("spark", 40, 2),
    Queue("api", 2, 1),
    Queue("large", 250, 1.5),
)


def put_troubles(made: Fleet, seed: int) -> list[Fault]:
    """Lets orchestrators tell of themselves, and puts faults into what they tell."""
    made.histories.extend(crew(max(6, len(made.histories) // 25), made.begin, made.end, seed))
    faults = [*_unanswered(made), *_silenced(made, random.Random(f"silent {seed}"))]
    told: list[tuple[str, BacklogObserved | HealthObserved]] = []
    chance = random.Random(f"queues {seed}")
    for queue in POOLS:
        ramps = list(_ramps(made, chance))
        told += [(QUEUES, one) for one in _samples(queue, ramps, made, chance)]
        faults += [
            Fault("backlog", _named(QUEUES), ramp.since, ramp.until, key=queue.name)
            for ramp in ramps
        ]
    for pause in _downs(made, random.Random(f"down {seed}")):
        for status, at in ((HealthStatus.DOWN, pause.since), (HealthStatus.HEALTHY, pause.until)):
            told.append((HEALTH, HealthObserved(status, at, "daemon")))
        if pause.until - pause.since > BLIP:
            faults.append(_silent(HEALTH, pause))
    made.observed.extend(sorted(told, key=lambda one: one[1].observed_at))
    return faults


def _named(orchestrator: str) -> EntityName:
    return EntityName("", orchestrator)


def _silent(orchestrator: str, pause: Pause) -> Fault:
    return Fault("orchestrator_silent", _named(orchestrator), pause.since, pause.until)


def _unanswered(made: Fleet) -> Iterator[Fault]:
    for name, pauses in made.outages.items():
        yield from (_silent(name, pause) for pause in pauses)


def _silenced(made: Fleet, chance: random.Random) -> Iterator[Fault]:
    """Every ten days or so nothing starts for some hours, and nobody says so."""
    for day in range(4, (made.end - made.begin).days - 1, 10):
        slot = made.begin + day * DAY + timedelta(hours=4 * chance.randrange(6))
        since = slot - timedelta(minutes=chance.uniform(15, 90))
        pause = Pause(since, since + timedelta(hours=chance.uniform(3, 9)))
        for history in made.histories:
            if history.job.orchestrator is FARM:
                for run in history.runs:
                    if pause.since <= run.slot.due_at < pause.until:
                        run.begin = run.seconds = None
        yield _silent(FARM.name, pause)


def _downs(made: Fleet, chance: random.Random) -> Iterator[Pause]:
    """Every five days, half of them restarts; none while nobody answers."""
    for day in range(3, (made.end - made.begin).days - 1, 5):
        since = made.begin + (day + chance.random()) * DAY
        lasts = BLIP if chance.random() < 0.5 else timedelta(minutes=chance.uniform(10, 60))
        if not any(
            one.since - DAY / 8 < since < one.until + DAY / 8
            for one in made.outages.get(HEALTH, [])
        ):
            yield Pause(since, since + lasts)


def _ramps(made: Fleet, chance: random.Random) -> Iterator[Pause]:
    """Every three days or so work comes faster than it is done."""
    since = made.begin + QUIET + chance.random() * DAY
    while since < min(made.begin + SAMPLED, made.end) - DAY / 2:
        until = since + timedelta(hours=chance.uniform(1.5, 4))
        yield Pause(since, until)
        since = until + timedelta(days=chance.uniform(2, 4))


def _samples(
    queue: Queue, ramps: list[Pause], made: Fleet, chance: random.Random
) -> Iterator[BacklogObserved]:
    """In a ramp up to six times what the queue has at most; one look in a hundred sees a burst."""
    at = made.begin + SAMPLED_EVERY
    while at < min(made.begin + SAMPLED, made.end):
        level = queue.usual * (queue.night if 2 <= at.hour < 4 else 1.0)
        waits = chance.gauss(level, level**0.5)
        if chance.random() < 0.01:
            waits *= 5
        waits += max((_ramp(queue, one, at) for one in ramps), default=0.0)
        yield BacklogObserved(queue.name, max(0, round(waits)), at)
        at += SAMPLED_EVERY


def _ramp(queue: Queue, ramp: Pause, at: datetime) -> float:
    """It grows for three quarters of the time, and is worked off in the last."""
    if not ramp.since <= at <= ramp.until:
        return 0.0
    part = (at - ramp.since) / (ramp.until - ramp.since)
    return 6 * max(queue.usual * queue.night, 10) * min(part / 0.75, (1 - part) / 0.25)
