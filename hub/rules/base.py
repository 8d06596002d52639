"""What every kind of rule is: a pure function from what is known of a subject to verdicts.

    @kinds.register("failed_run")
    class FailedRun: ...

A kind says of which subjects it speaks, which changes wake it, and what it needs to know of them; it
never reads a store or a clock. The same function judges a change (reactive) and a deadline that has
passed (proactive): the verdict says what is so as of an instant, and when to look again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any, ClassVar, Final, Protocol

from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from hub.baselines.baseline import Baseline
from hub.baselines.samples import Sample
from hub.model import ChangeKind, EntityName, Evidence, HealthStatus, RunState
from hub.registry import Registry
from hub.schedules.demand import due_slots, next_slot
from hub.schedules.matching import Matching, Start, match
from hub.schedules.origins import origin_of
from hub.schedules.slots import Slot
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


class Status(StrEnum):
    OK = "OK"
    VIOLATED = "VIOLATED"
    UNKNOWN = "UNKNOWN"  # nothing can be said, which neither opens nor resolves


class Verdict(Struct, frozen=True):
    """What a rule finds of its subject in one period; `key` tells periods apart.

    since: when it went wrong. retracted: with OK, evidence that came late shows that nothing was
    ever wrong, which is not the same as healed.
    """

    status: Status
    key: str
    reason: str
    evidence: Evidence = {}
    since: datetime | None = None
    retracted: bool = False


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


#: What runs are heard of late is allowed for up to that.
MOST_LAG: Final = timedelta(hours=1)
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
    missing up to then is missing. open: keys of the rule's own incidents on it that are open.
    waited_for: when the rule wanted to look again, the last time it looked.
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


class DatasetSeen(Struct, frozen=True):
    """What is known of a dataset. `max_lag_s`: how old it may get, as somebody declared."""

    name: EntityName
    last_update_at: datetime | None = None
    known_at: datetime | None = None
    max_lag_s: float | None = None
    open: frozenset[str] = frozenset()


class Waiting(Struct, frozen=True):
    """Work that waited in a queue or pool at an instant."""

    at: datetime
    queued: int
    running: int | None = None
    capacity: int | None = None
    oldest_wait_s: float | None = None


class Part(Struct, frozen=True):
    """Health of a part of an orchestrator; an empty name is the whole."""

    name: str
    status: HealthStatus
    detail: str | None = None


class OrchestratorSeen(Struct, frozen=True):
    """What is known of an orchestrator.

    last_event_at: its latest sign of life. asked: it is polled, and has answered completely up to
    `complete_to`, lately `failures` times in a row not at all. `backlog`: samples by pool, in order.
    """

    name: EntityName
    last_event_at: datetime | None = None
    asked: bool = False
    complete_to: datetime | None = None
    failures: int = 0
    error: str | None = None
    parts: Sequence[Part] = ()
    roll_call: RollCall = RollCall()
    backlog: Mapping[str, Sequence[Waiting]] = {}
    open: frozenset[str] = frozenset()
    awaits: datetime | None = None  # as the rule said when it last looked


class RuleConfig(BaseModel):
    """Base of every kind's settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SlotRule(ABC):
    """What rules share that say by when the run of each slot must have done something.

    One incident per slot, from its limit until that is done, or done by the run of a later slot.
    What was due before the rule first looked is not judged.
    """

    word: ClassVar[str]  # what must be done: started, completed
    behind: timedelta  # no limit lies further behind its slot

    @abstractmethod
    def limit_of(self, job: JobSeen, slot: Slot) -> datetime:
        """By when it must be done."""

    @abstractmethod
    def done_at(self, run: RunSeen) -> datetime | None:
        """When the run has done it; None: not yet."""

    @abstractmethod
    def found(self, slot: Slot, run: RunSeen | None) -> tuple[str, Evidence]:
        """What is said of a slot at its limit: what its run does meanwhile."""

    def judge(self, job: JobSeen, as_of: datetime) -> Judgement:
        if not job.spans:
            return Judgement(healed(job.open, "no schedule demands its slots any more"))
        lag = timedelta() if job.watched else lag_of(job)
        asked = [datetime.fromisoformat(key) for key in job.open]
        begin = job.awaits or (job.waited_for or as_of) - self.behind - lag
        slots = due_slots(job.spans, min([begin, *asked]), as_of)
        matching = match(slots, map(start_of, job.runs))
        verdicts: list[Verdict] = []
        for slot in slots:
            limit = self.limit_of(job, slot)
            due = limit + lag <= as_of and _is_new(job, slot, limit, as_of)
            if due or slot_key(slot) in job.open:
                verdicts += self._verdicts(job, slot, limit, matching)
        known = {slot_key(slot) for slot in slots}
        verdicts += healed(job.open - known, "no schedule demands this slot any more")

        def heard_by(slot: Slot) -> datetime:
            return self.limit_of(job, slot) + lag

        following = next_slot(job.spans, as_of, heard_by, self.behind + lag)
        if following is None:
            return Judgement(tuple(verdicts))
        return Judgement(tuple(verdicts), heard_by(following), following.due_at)

    def _verdicts(
        self, job: JobSeen, slot: Slot, limit: datetime, matching: Matching
    ) -> Iterator[Verdict]:
        key, run = slot_key(slot), self._run_of(job, slot, matching)
        is_open, done = key in job.open, None if run is None else self.done_at(run)
        if run is not None and done is not None and done <= limit:
            if is_open:
                reason = f"run {run.natural_id} {self.word} in time; it was heard of late"
                yield Verdict(Status.OK, key, reason, retracted=True)
            return
        unknown = unknowable(job, slot, limit)
        if not is_open and done is None and unknown is not None:
            yield Verdict(Status.UNKNOWN, key, unknown)
            return
        if not is_open or done is None:
            reason, evidence = self.found(slot, run)
            told = {"dueAt": slot.due_at.isoformat(), "limitAt": limit.isoformat(), **evidence}
            yield Verdict(Status.VIOLATED, key, reason, told, limit)
        if run is not None and done is not None:
            late_s = (done - limit).total_seconds()
            reason = f"run {run.natural_id} {self.word} {spoken(late_s)} after it should have"
            yield Verdict(Status.OK, key, reason, {"run": run.natural_id, "lateS": late_s})
        elif (later := self._later(job, slot, matching)) is not None:
            reason = f"the run of the slot of {said(later.due_at)} has {self.word}"
            yield Verdict(Status.OK, key, reason)

    def _run_of(self, job: JobSeen, slot: Slot, matching: Matching) -> RunSeen | None:
        """The run of the slot: of several that are called by it the first that has done it, else
        the latest.
        """
        taken = matching.of(slot)
        mine = [
            run
            for run in job.runs
            if (taken is not None and run.id == taken.run) or run.nominal_at == slot.nominal_at
        ]
        done = ((at, run.id, run) for run in mine if (at := self.done_at(run)) is not None)
        first = min(done, default=None)
        return first[2] if first else next(iter(mine), None)

    def _later(self, job: JobSeen, slot: Slot, matching: Matching) -> Slot | None:
        """A later slot whose run has done it: the job goes again."""
        runs = {run.id: run for run in job.runs}
        return next(
            (
                other
                for other, start in sorted(matching.taken.items())
                if other > slot and self.done_at(runs[start.run]) is not None
            ),
            None,
        )


def slot_key(slot: Slot) -> str:
    return slot.due_at.isoformat()


def _is_new(job: JobSeen, slot: Slot, limit: datetime, as_of: datetime) -> bool:
    """Whether the slot was not judged before, and not due before the rule first looked."""
    if job.awaits is not None:
        return slot.due_at >= job.awaits
    return limit >= (job.waited_for or as_of)


def lag_of(job: JobSeen) -> timedelta:
    """How late the runs of the job are heard of: nine of ten are heard by then."""
    lags = sorted(
        run.heard_at - (run.started_at or run.sort_at) for run in job.runs if run.heard_at
    )
    nearly_all = lags[int(0.9 * (len(lags) - 1))] if lags else timedelta()
    return min(max(nearly_all, timedelta()), MOST_LAG)


def unknowable(job: JobSeen, slot: Slot, limit: datetime) -> str | None:
    """Why nobody can say what became of a slot by its limit; None: it is known."""
    if job.seen_from is not None and slot.due_at < job.seen_from:
        return "too many runs have come since"
    return next((one.why for one in job.blind if one.covers(slot.due_at, limit)), None)


class Kind(Protocol):
    """A kind of rule. `judge` is given what is seen of one subject: JobSeen, DatasetSeen or
    OrchestratorSeen.
    """

    Config: ClassVar[type[RuleConfig]]
    subject: ClassVar[Subject]
    wakes: ClassVar[frozenset[ChangeKind]]
    needs: ClassVar[frozenset[Fact]]

    def __init__(self, config: Any) -> None: ...

    def judge(self, seen: Any, as_of: datetime, /) -> Judgement: ...


kinds: Registry[type[Kind]] = Registry("kind of rule", group="trackside.rules")


def healed(keys: frozenset[str], reason: str) -> tuple[Verdict, ...]:
    """OK for every open period."""
    return tuple(Verdict(Status.OK, key, reason) for key in sorted(keys))


def start_of(run: RunSeen) -> Start:
    """The run as it is matched to slots: by its start, or when it was queued or first heard of."""
    return Start(run.id, run.started_at or run.sort_at, run.nominal_at, origin_of(run.natural_id))


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
