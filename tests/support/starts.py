"""Made-up jobs: when runs of regular ones start, and of irregular ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from hub.model import Schedule
from hub.schedules.slots import timetable_of

ZONE = "Europe/Berlin"
KINDS = {
    "every few minutes": ["*/{n} * * * *"],
    "hourly": ["{m} * * * *"],
    "every few hours": ["{m} */{h} * * *"],
    "daily": ["{m} {hour} * * *"],
    "weekdays": ["{m} {hour} * * 1-5"],
    "weekly": ["{m} {hour} * * {day}"],
    "monthly": ["{m} {hour} {date} * *", "{m} {hour} L * *"],
}


def some(kind: str, random: Random) -> Schedule:
    words = {
        "n": random.choice([5, 10, 15, 20, 30]),
        "m": random.choice([0, 0, 5, 15, 30, random.randrange(60)]),
        "h": random.choice([2, 3, 4, 6, 12]),
        "hour": random.randrange(24),
        "day": random.randrange(7),
        "date": random.randrange(1, 29),
    }
    often = kind not in {"weekly", "monthly"}  # those are known before clocks tell zones apart
    zone = random.choice([ZONE, "UTC"]) if often else ZONE
    return Schedule("cron", random.choice(KINDS[kind]).format(**words), zone)


def history(schedule: Schedule, runs: int, random: Random) -> tuple[list[datetime], datetime]:
    """The first starts with delays of seconds to minutes, and when the next ones may come."""
    timetable = timetable_of(schedule)
    assert timetable
    at = datetime(2026, 1, 1, tzinfo=UTC) + random.random() * timedelta(days=300)
    gap = timetable.gap(at).total_seconds()
    slowest = random.choice([2, 20, 60, 180])
    dues: list[datetime] = []
    while len(dues) < runs + 1:
        slot = timetable.next(at)
        assert slot
        at = slot.due_at
        dues.append(at)
    delays = [random.uniform(0, min(slowest, gap / 6)) for _ in dues]
    starts = [due + timedelta(seconds=d) for due, d in zip(dues, delays, strict=True)]
    return starts[:-1], at


def same(ours: Schedule, theirs: Schedule, at: datetime) -> bool:
    """Whether over the next slots both are due at the same times, to a few minutes."""
    found, wanted = timetable_of(ours), timetable_of(theirs)
    assert found
    assert wanted
    until = at + 3 * wanted.gap(at)
    dues = ([s.due_at for s in table.between(at - timedelta(minutes=4), until)]
            for table in (found, wanted))  # fmt: skip
    mine, yours = (list(it) for it in dues)
    return len(mine) == len(yours) and all(
        abs(a - b) <= timedelta(minutes=4) for a, b in zip(mine, yours, strict=True)
    )


Irregular = Callable[[Random, int], list[datetime]]


def poisson(random: Random, count: int) -> list[datetime]:
    at, mean = datetime(2026, 1, 1, tzinfo=UTC), random.choice([300, 3600, 86400])
    found = []
    for _ in range(count):
        at += timedelta(seconds=random.expovariate(1 / mean))
        found.append(at)
    return found


def bursts(random: Random, count: int) -> list[datetime]:
    at, found = datetime(2026, 1, 1, tzinfo=UTC), list[datetime]()
    while len(found) < count:
        at += timedelta(seconds=random.expovariate(1 / 40_000))
        found += [at + timedelta(minutes=n + random.random()) for n in range(random.randint(1, 6))]
    return sorted(found[:count])


def office(random: Random, count: int) -> list[datetime]:
    """By hand, on workdays from nine to six."""
    day, found = datetime(2026, 1, 5, tzinfo=UTC), list[datetime]()
    while len(found) < count:
        if day.isoweekday() < 6:
            hours = sorted(random.uniform(9, 18) for _ in range(random.randint(0, 3)))
            found += [day + timedelta(hours=hour) for hour in hours]
        day += timedelta(days=1)
    return found[:count]


def drifting(random: Random, count: int) -> list[datetime]:
    at, found = datetime(2026, 1, 1, tzinfo=UTC), []
    for _ in range(count):
        at += timedelta(minutes=random.uniform(20, 90))
        found.append(at)
    return found


IRREGULAR = (poisson, bursts, office, drifting)
