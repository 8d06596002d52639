"""What every kind of rule is: a pure function from what is known of a subject to verdicts.

    @kinds.register("failed_run")
    class FailedRun: ...

A kind says of which subjects it speaks, which changes wake it, and what it needs to know of them; it
never reads a store or a clock. The same function judges a change (reactive) and a deadline that has
passed (proactive): the verdict says what is so as of an instant, and when to look again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, ClassVar, Final, Protocol

import msgspec
from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from hub.baselines.baseline import Baseline
from hub.baselines.growth import Growing
from hub.baselines.samples import Sample
from hub.model import (
    ChangeKind,
    CheckStatus,
    EntityName,
    Evidence,
    HealthStatus,
    RunState,
    Severity,
)
from hub.registry import Registry
from hub.schedules.matching import Start
from hub.schedules.origins import origin_of
from hub.schedules.spans import Span


class Subject(StrEnum):
    """What a rule speaks of."""

    JOB = "job"
    DATASET = "dataset"
    ORCHESTRATOR = "orchestrator"


class Fact(StrEnum):
    """What a kind may need to know of a subject; what no kind asks for is not read."""

    RUNS = "runs"
    SCHEDULE = "schedule"  # spans, watched
    BASELINE = "baseline"  # of durations
    ROLL_CALL = "roll_call"
    BACKLOG = "backlog"
    SIGNS = "signs"  # of life, of runs that run for a minute; the end of a parent run wakes too
    HISTORY = "history"  # of durations, read when it is asked for
    UPDATES = "updates"
    PARTITIONS = "partitions"
    CHECKS = "checks"
    SCHEMAS = "schemas"  # of the updates
    VOLUMES = "volumes"  # baselines of rows and bytes
    BLIND = "blind"
    INTERVALS = "intervals"  # baseline of the time between updates


#: What is learned from history, which people correct by calling an incident the new normal.
LEARNED: Final = frozenset({Fact.BASELINE, Fact.HISTORY, Fact.VOLUMES, Fact.INTERVALS})


class Status(StrEnum):
    OK = "OK"
    VIOLATED = "VIOLATED"
    UNKNOWN = "UNKNOWN"  # nothing can be said, which neither opens nor resolves


class Verdict(Struct, frozen=True):
    """What a rule finds of its subject in one period; `key` tells periods apart.

    since: when it went wrong. due_at: of a slot or a deadline, when that was; what was due within a
    maintenance window is not told, while what merely still is so is told after it. retracted: with
    OK, evidence that came late shows that nothing was ever wrong, which is not the same as healed.
    columns: those of the dataset that it is about.
    """

    status: Status
    key: str
    reason: str
    evidence: Evidence = {}
    since: datetime | None = None
    retracted: bool = False
    due_at: datetime | None = None
    columns: tuple[str, ...] = ()


class Judgement(Struct, frozen=True):
    """Verdicts as of an instant, and when to look again if nothing happens until then.

    awaits: the slot that is judged next. met_at: the latest one that was met. held: the awaited one
    is missing, and that is not told before it is known who else is.
    """

    verdicts: tuple[Verdict, ...] = ()
    due_at: datetime | None = None
    awaits: datetime | None = None
    met_at: datetime | None = None
    held: bool = False


class Blind(Struct, frozen=True):
    """A time in which runs may have happened unheard; `until` None: it lasts."""

    since: datetime
    until: datetime | None
    why: str

    def covers(self, begin: datetime, end: datetime) -> bool:
        """Whether any of the time from `begin` to `end` lies in it."""
        return self.since <= end and (self.until is None or begin < self.until)


class RollCall(Struct, frozen=True):
    """How the jobs of an orchestrator do whose slots are due.

    missing: held back, the earliest for its slot of `since`. met: jobs that met a slot since then.
    awaited: jobs that are missing or will be due within `HOLD`.
    """

    awaited: int = 0
    missing: int = 0
    met: int = 0
    since: datetime | None = None

    @property
    def together(self) -> bool:
        """At least three and more than half of them are missing: not each by itself (D6)."""
        return self.missing >= TOGETHER and self.missing > self.met


#: So many jobs missing together are no accident.
TOGETHER: Final = 3
#: So long at most it is waited for what becomes of the other jobs of an orchestrator.
HOLD: Final = timedelta(minutes=15)
#: How often it is looked how they do meanwhile, and when for the first time.
ROLL_CALL_EVERY: Final = timedelta(minutes=1)
FIRST_ROLL_CALL: Final = timedelta(seconds=5)


class Signs(Struct, frozen=True):
    """Signs of life of a run. last_at: when one was heard last, of it or of a run within it.

    beats: of RUNNING events, the latest fifty, when they were sent. parent_ended_at: the run it is
    part of has ended.
    """

    last_at: datetime | None = None
    beats: Sequence[datetime] = ()
    parent_ended_at: datetime | None = None


class RunSeen(Struct, frozen=True):
    """One run, as of its latest attempt. `id` is the store's; `heard_at`: of it, for the first time."""

    id: int
    natural_id: str
    state: RunState
    attempt: int
    sort_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    nominal_at: datetime | None = None
    error_class: str | None = None
    error_message: str | None = None
    url: str | None = None
    heard_at: datetime | None = None
    answered: bool = False  # its orchestrator itself told the state
    signs: Signs | None = None
    backfill: str | None = None  # of its orchestrator's own, by its id there


class History(Struct, frozen=True):
    """How long the completed runs of a job took, in the time zone of its schedule.

    since_reset: another version of the job, or what a person called the new normal, began then.
    """

    samples: Sequence[Sample] = ()
    zone: tzinfo = UTC
    since_reset: datetime | None = None


class JobSeen(Struct, frozen=True):
    """What is known of a job. `runs`: the latest ones, the latest first, and those of open incidents.

    spans: its schedule over time. watched: its orchestrator hands in a watermark, so that what is
    missing up to then is missing. open: keys of the rule's own incidents on it that are open; told:
    since when each of these says that it is wrong. waited_for: when the rule wanted to look again, the last time it looked.
    """

    name: EntityName
    runs: Sequence[RunSeen] = ()
    baseline: Baseline | None = None  # of the duration of its runs that completed
    open: frozenset[str] = frozenset()
    spans: Sequence[Span] = ()
    watched: bool = False
    waited_for: datetime | None = None
    seen_from: datetime | None = None  # runs before that are not among `runs`; None: all are
    awaits: datetime | None = None  # as the rule said when it last looked, with the next two
    met_at: datetime | None = None
    held: bool = False
    blind: Sequence[Blind] = ()  # of those that are not watched
    roll_call: RollCall | None = None  # of its orchestrator, when something is due
    endless: bool = False  # it is a stream or a service: its runs have no end to wait for
    history: Callable[[], History | None] = History  # None: not now, this round has read enough
    told: Mapping[str, datetime] = {}


class UpdateSeen(Struct, frozen=True):
    """One update of a dataset. `id` is the store's; `partition` "" is the dataset as a whole."""

    id: int
    at: datetime
    partition: str = ""
    rows: int | None = None
    bytes: int | None = None
    schema_id: int | None = None


class PartitionSeen(Struct, frozen=True):
    """When a partition was first and last updated."""

    first_at: datetime
    last_at: datetime


class CheckName(Struct, frozen=True, order=True):
    """A check on a column ("": the dataset as a whole) of a partition ("": of all)."""

    name: str
    column: str = ""
    partition: str = ""

    @property
    def key(self) -> str:
        """That of an incident of this check."""
        return msgspec.json.encode(msgspec.structs.astuple(self)).decode()

    @classmethod
    def of_key(cls, key: str) -> CheckName | None:
        """None: it is the key of something else."""
        try:
            return cls(*msgspec.json.decode(key, type=tuple[str, str, str]))
        except msgspec.MsgspecError:
            return None


class CheckSeen(Struct, frozen=True):
    """The latest result of a check."""

    name: CheckName
    at: datetime
    status: CheckStatus
    severity: Severity = Severity.ERROR
    expected: str | None = None
    actual: str | None = None


Columns = Mapping[str, str | None]
"""Types of columns by their names."""


class DatasetSeen(Struct, frozen=True):
    """What is known of a dataset. `max_lag_s`: how old it may get, as somebody declared.

    cron, timezone: at each of its ticks, at which alone it may not be older than that. updates: the
    latest ones, the latest first. partitions: those whose keys are the last in the alphabet, and
    those of open incidents. checks: of those with news or open incidents the latest result each.
    schemas: of the updates, by id, where there are several. volumes: by metric (rows, bytes).
    paused: so is the job that updates it.
    """

    name: EntityName
    last_update_at: datetime | None = None
    known_at: datetime | None = None
    max_lag_s: float | None = None
    open: frozenset[str] = frozenset()
    cron: str | None = None
    timezone: str = "UTC"
    updates: Sequence[UpdateSeen] = ()
    partitions: Mapping[str, PartitionSeen] = {}
    checks: Sequence[CheckSeen] = ()
    schemas: Mapping[int, Columns] = {}
    volumes: Mapping[str, Growing] = {}
    intervals: Baseline | None = None
    paused: bool = False
    blind: Sequence[Blind] = ()  # of those whose orchestrator is not watched, in their order


class Waiting(Struct, frozen=True):
    """Work that waited in a queue or pool at an instant."""

    at: datetime
    queued: int
    running: int | None = None
    capacity: int | None = None
    oldest_wait_s: float | None = None


#: Samples of waiting work that are older say nothing of now.
STALE: Final = timedelta(minutes=15)


class Queue(Struct, frozen=True):
    """Work of a pool. samples: the latest ones, in order. peaks: the most that waited at this time of
    day on days before, the latest first.
    """

    samples: Sequence[Waiting]
    peaks: Sequence[int] = ()


class Part(Struct, frozen=True):
    """Health of a part of an orchestrator; an empty name is the whole."""

    name: str
    status: HealthStatus
    detail: str | None = None


class OrchestratorSeen(Struct, frozen=True):
    """What is known of an orchestrator.

    last_event_at: its latest sign of life. asked: it is polled, and has answered completely up to
    `complete_to`, lately `failures` times in a row not at all. `backlog`: by pool.
    deaf_until: before that no hub was there to ask it.
    """

    name: EntityName
    last_event_at: datetime | None = None
    asked: bool = False
    complete_to: datetime | None = None
    failures: int = 0
    error: str | None = None
    parts: Sequence[Part] = ()
    roll_call: RollCall = RollCall()
    backlog: Mapping[str, Queue] = {}
    open: frozenset[str] = frozenset()
    awaits: datetime | None = None  # as the rule said when it last looked
    deaf_until: datetime | None = None


class RuleConfig(BaseModel):
    """Base of every kind's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(Protocol):
    """A kind of rule. `judge` is given what is seen of one subject: JobSeen, DatasetSeen or
    OrchestratorSeen.
    """

    Config: ClassVar[type[RuleConfig]]
    subject: ClassVar[Subject]
    absence: ClassVar[bool]  # whether it speaks of what did not happen
    wakes: ClassVar[frozenset[ChangeKind]]

    @property
    def needs(self) -> frozenset[Fact]:
        """By its settings or always."""
        ...

    def __init__(self, config: Any) -> None: ...

    def judge(self, seen: Any, as_of: datetime, /) -> Judgement: ...


kinds: Registry[type[Kind]] = Registry("kind of rule", group="trackside.rules")


def healed(keys: frozenset[str], reason: str) -> tuple[Verdict, ...]:
    """OK for every open period."""
    return tuple(Verdict(Status.OK, key, reason) for key in sorted(keys))


def start_of(run: RunSeen) -> Start:
    """The run as it is matched to slots: by its start, or when it was queued or first heard of."""
    return Start(
        run.id,
        run.started_at or run.sort_at,
        run.nominal_at,
        origin_of(run.natural_id, run.backfill),
    )


def took_s(run: RunSeen) -> float | None:
    """How long it took, in seconds; None: it has not ended, or nobody knows when it started."""
    if run.started_at is None or run.ended_at is None:
        return None
    return (run.ended_at - run.started_at).total_seconds()


def said(at: datetime) -> str:
    """An instant for people: "2026-11-25 03:12 UTC"."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def spoken(seconds: float) -> str:
    """A length of time for people: "1 h 05 min", "3 min 20 s", "45 s", "2 d 3 h"."""
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {left} s" if left and minutes < 10 else f"{minutes} min"
    return f"{left} s"
