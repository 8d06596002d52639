"""What the made-up world is described in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto


@dataclass(frozen=True)
class Table:
    """A dataset. Columns are written `name type, name type`; `later` are added after a while."""

    namespace: str
    name: str
    team: str
    about: str
    columns: str
    rows: int
    later: str = ""
    kind: str = "TABLE"
    tags: tuple[str, ...] = ()
    alias: tuple[str, str] | None = None  # (namespace, name) under which others know it
    max_age_h: float | None = None


@dataclass(frozen=True)
class Cron:
    expression: str
    zone: str = "UTC"


@dataclass(frozen=True)
class Every:
    minutes: int


@dataclass(frozen=True)
class Updated:
    """Runs when all of these tables have been updated since the last time."""

    tables: tuple[str, ...]


@dataclass(frozen=True)
class Stream:
    """One run that never ends."""


Schedule = Cron | Every | Updated | Stream


class Trouble(Enum):
    """What is wrong with a job, so that there is something to find."""

    NONE = auto()
    LATE = auto()  # its latest slot has no run
    STUCK = auto()  # its latest run has not ended for hours
    SILENT = auto()  # its runs complete, but write nothing any more
    CREEP = auto()  # it takes longer every day


@dataclass(frozen=True)
class Check:
    """A check that fails with probability `fails`, and for sure today if it is `broken`."""

    name: str
    column: str | None = None
    fails: float = 0.01
    warns: bool = False
    broken: bool = False


@dataclass(frozen=True)
class Step:
    """A part of a job. Tables are named by their keys in `hub.demo.world.TABLES`.

    Columns of the same name are copied; `lines` tell the others: `to = SUBTYPE table.column ...`,
    with `*` for the table as a whole.
    """

    name: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    minutes: float = 3.0
    lines: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    sql: str | None = None
    reads_later: tuple[str, ...] = ()
    fails: float = 0.015
    errors: tuple[str, ...] = ("TimeoutError: no answer from the server within 30 s",)


@dataclass(frozen=True)
class Job:
    orchestrator: str  # its namespace
    name: str
    team: str
    about: str
    schedule: Schedule
    steps: tuple[Step, ...]
    retries: int = 1
    partitioned: bool = False
    tags: tuple[str, ...] = ()
    trouble: Trouble = Trouble.NONE


@dataclass(frozen=True)
class Try:
    """One attempt of a step. `ending` is the kind of its last event; None while it runs."""

    step: Step
    number: int
    start: datetime
    end: datetime | None
    ending: str | None
    error: str | None = None


@dataclass(frozen=True)
class Cause:
    """The run whose update made another one start."""

    orchestrator: str
    job: str
    run_id: str


@dataclass(frozen=True)
class Run:
    """What happened in one run, whoever tells it."""

    job: Job
    slot: datetime
    start: datetime
    end: datetime | None
    ending: str | None
    tries: tuple[Try, ...]
    wrote: bool = True
    causes: tuple[Cause, ...] = field(default=())

    @property
    def error(self) -> str | None:
        return self.tries[-1].error if self.ending == "FAIL" else None


@dataclass(frozen=True)
class Span:
    """The time that is simulated, and the days on which something changes in it."""

    now: datetime
    weeks: int

    @property
    def today(self) -> datetime:
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def monday(self) -> datetime:
        return self.today - timedelta(days=self.today.weekday())

    @property
    def start(self) -> datetime:
        return self.today - timedelta(weeks=self.weeks)

    @property
    def change(self) -> datetime:
        """When tables got columns and jobs got inputs."""
        return self.monday - timedelta(days=7)

    @property
    def silence(self) -> datetime:
        """Since when a job writes nothing."""
        return self.monday - timedelta(days=3)

    @property
    def creep(self) -> datetime:
        """Since when a job gets slower."""
        return self.monday - timedelta(days=14)
