"""A company's jobs and what they did, made from a seed: calendars, trends, chance and what is at fault.

Nothing in it knows a rule. What happened is a list of runs per job; `faults` puts into it what rules
have to tell, `telling` turns it into what orchestrators tell the hub, and when.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import exp
from typing import Final

from msgspec import Struct

from hub.model import BacklogObserved, EntityName, HealthObserved, Schedule
from hub.schedules.slots import Slot, timetable_of

START: Final = datetime(2025, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
HOLIDAYS: Final = (
    date(2025, 1, 1), date(2025, 4, 18), date(2025, 4, 21), date(2025, 5, 1),
    date(2025, 5, 29), date(2025, 6, 9), date(2025, 10, 3), date(2025, 12, 25), date(2025, 12, 26),
)  # fmt: skip
_FIRST_UTC: Final = ("UTC", "UTC", "Europe/Berlin", "America/New_York")


class Orchestrator(Struct, frozen=True):
    """polled: asked every minute, and handing in a watermark; else it pushes what happens."""

    name: str
    polled: bool


ORCHESTRATORS: Final = (
    Orchestrator("airflow", polled=True),
    Orchestrator("dagster", polled=True),
    Orchestrator("engine", polled=False),
)
#: Pushes, and starts all that it has at about the same time.
FARM: Final = Orchestrator("farm", polled=False)


class Job(Struct, frozen=True):
    """A job and what its runs look like; factors of 1 are no effect. `every`: daily, ..."""

    name: EntityName
    orchestrator: Orchestrator
    every: str
    schedule: Schedule
    usual: float  # seconds
    sigma: float  # of the logarithm
    tail: float  # share of runs that vary three times as much, and are not at fault
    monday: float
    month_end: float
    holiday: float
    growth: float  # per day, as a share
    team: str
    lag_s: float | None = None  # of its output's freshness policy
    beat_s: float | None = None  # between heartbeats of its runs

    @property
    def output(self) -> EntityName:
        return EntityName("warehouse", f"{self.name.namespace}.{self.name.name}")


class Written(Struct, frozen=True):
    """What a run writes and tells of it. `columns`: with their types. `failed`: of the checks."""

    rows: int | None = None
    partition: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    checks: tuple[str, ...] = ()
    failed: frozenset[str] = frozenset()


NOTHING: Final = Written()


@dataclass
class Run:
    """One slot and what came of it. begin None: nothing; end None: it never ends.

    beats: so long it sends heartbeats if its job does; to its end if not told.
    """

    slot: Slot
    number: int
    begin: datetime | None
    seconds: float | None
    state: str = "COMPLETE"
    updates: bool = True
    beats: float | None = None
    wrote: Written = NOTHING

    @property
    def end(self) -> datetime | None:
        if self.begin is None or self.seconds is None:
            return None
        return self.begin + timedelta(seconds=self.seconds)


class Pause(Struct, frozen=True):
    """Nothing is due in it, as the job's orchestrator declares."""

    since: datetime
    until: datetime


@dataclass
class History:
    """What happened to one job."""

    job: Job
    runs: list[Run]
    pauses: list[Pause] = field(default_factory=list)
    extra: list[Run] = field(default_factory=list)  # runs that no slot demands


class Fleet(Struct, frozen=True):
    """outages: of each orchestrator's polls, in which the hub can't hear of anything.

    observed: what orchestrators, by their names, tell of themselves, in order.
    """

    begin: datetime
    end: datetime
    histories: list[History]
    outages: dict[str, list[Pause]]
    observed: list[tuple[str, BacklogObserved | HealthObserved]] = []


def fleet(jobs: int, days: int, seed: int) -> Fleet:
    """The same seed gives the same fleet."""
    chance = random.Random(seed)
    begin, end = START, START + days * DAY
    made = [_history(_job(chance, number), begin, end, chance) for number in range(jobs)]
    outages = {one.name: _outages(chance, begin, days) for one in ORCHESTRATORS if one.polled}
    return Fleet(begin, end, made, outages)


def crew(jobs: int, begin: datetime, end: datetime, seed: int) -> list[History]:
    """Jobs of the farm: each every four hours, within some minutes of each other."""
    chance, made = random.Random(f"farm {seed}"), []
    for number in range(jobs):
        cron = f"{chance.randrange(6)} */4 * * *"
        job = Job(
            name=EntityName(FARM.name, f"four_hours_{900_000 + number}"),
            orchestrator=FARM,
            every="four_hours",
            schedule=Schedule("cron", cron, "UTC", paused=False, catchup=False),
            usual=exp(chance.uniform(4, 6)),
            sigma=0.1,
            tail=0.0,
            monday=1.0,
            month_end=1.0,
            holiday=1.0,
            growth=0.0,
            team="team-0",
        )
        made.append(_history(job, begin, end, chance))
    return made


def _job(chance: random.Random, number: int) -> Job:
    every = chance.choices(("daily", "weekdays", "hourly", "monthly"), (70, 22, 4, 4))[0]
    whose = chance.choice(ORCHESTRATORS)
    zone, minute, hour = chance.choice(_FIRST_UTC), chance.randrange(60), chance.randrange(24)
    cron = {
        "daily": f"{minute} {hour} * * *",
        "weekdays": f"{minute} {hour} * * 1-5",
        "hourly": f"{minute} * * * *",
        "monthly": f"{minute} {hour} 1 * *",
    }[every]
    shape, usual = chance.random(), exp(chance.uniform(4, 6 if every == "hourly" else 8))
    return Job(
        name=EntityName(whose.name, f"{every}_{number:04}"),
        orchestrator=whose,
        every=every,
        schedule=Schedule("cron", cron, zone, paused=False, catchup=False),
        usual=usual,
        sigma=chance.choice((0.1, 0.2, 0.3)),
        tail=0.05 if chance.random() < 0.3 else 0.0,
        monday=2.0 if 0.2 < shape < 0.4 and every != "monthly" else 1.0,
        month_end=2.0 if 0.4 < shape < 0.6 and every != "monthly" else 1.0,
        holiday=0.5 if 0.6 < shape < 0.8 else 1.0,
        growth=0.002 if shape > 0.9 else 0.0,
        team=f"team-{chance.randrange(5)}",
        lag_s={"daily": 30 * 3600.0, "hourly": 3 * 3600.0}.get(every),
        beat_s=300.0 if usual > 900 and chance.random() < 0.3 else None,
    )


def _history(job: Job, begin: datetime, end: datetime, chance: random.Random) -> History:
    timetable = timetable_of(job.schedule)
    assert timetable is not None
    pauses = _pauses(job, begin, end, chance)
    runs = [
        _run(job, slot, number, begin, chance)
        for number, slot in enumerate(timetable.between(begin, end))
        if not any(pause.since < slot.due_at <= pause.until for pause in pauses)
    ]
    return History(job, runs, pauses)


def _pauses(job: Job, begin: datetime, end: datetime, chance: random.Random) -> list[Pause]:
    """A tenth of the jobs rest for some days."""
    days = (end - begin).days
    if chance.random() > 0.1 or not job.orchestrator.polled or days < 30:
        return []
    since = begin + chance.randrange(15, days - 10) * DAY + timedelta(hours=11, minutes=30)
    return [Pause(since, since + chance.randrange(2, 6) * DAY)]


def _run(job: Job, slot: Slot, number: int, begin: datetime, chance: random.Random) -> Run:
    """Most start within a minute, a few a second early."""
    late_s = -1.0 if chance.random() < 0.02 else min(chance.expovariate(1 / 15), 60.0)
    noise = chance.gauss(0, 3 * job.sigma if chance.random() < job.tail else job.sigma)
    return Run(
        slot,
        number,
        slot.due_at + timedelta(seconds=late_s),
        round(expected(job, slot.due_at, begin) * exp(noise), 3),
    )


def expected(job: Job, at: datetime, begin: datetime) -> float:
    """What a run takes but for chance and faults, in seconds."""
    effects = (
        (job.monday, at.weekday() == 0),
        (job.month_end, (at + DAY).day == 1),
        (job.holiday, at.date() in HOLIDAYS),
    )
    found: float = job.usual * (1 + job.growth) ** ((at - begin) / DAY)
    for factor, applies in effects:
        found *= factor if applies else 1.0
    return found


def _outages(chance: random.Random, begin: datetime, days: int) -> list[Pause]:
    """Some hours in which an orchestrator does not answer, every three weeks or so."""
    found = []
    for day in range(10, days - 1, 21):
        since = begin + (day + chance.random()) * DAY
        found.append(Pause(since, since + timedelta(hours=chance.uniform(1, 6))))
    return found
