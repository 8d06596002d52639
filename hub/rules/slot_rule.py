"""What kinds share that judge the slots of a job: which are due, their runs, and what can't be known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, NamedTuple

from msgspec.structs import replace

from hub.model import Evidence
from hub.rules.base import (
    FIRST_ROLL_CALL,
    HOLD,
    ROLL_CALL_EVERY,
    TOGETHER,
    JobSeen,
    Judgement,
    RunSeen,
    Status,
    Verdict,
    healed,
    said,
    spoken,
    start_of,
)
from hub.schedules.demand import due_slots, next_slot
from hub.schedules.matching import Matching, Start, match
from hub.schedules.slots import Slot

#: No more incidents of a rule on a job are open.
MOST_OPEN: Final = 20
#: What runs are heard of late is allowed for up to that.
MOST_LAG: Final = timedelta(hours=1)


class SlotRule(ABC):
    """What rules share that say by when the run of each slot must have done something.

    One incident per slot, from its limit until that is done, or done by the run of a later slot.
    What was due before the rule first looked is not judged. Where a job's orchestrator is not asked,
    a slot without a run first waits for what becomes of its other jobs.
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
        matching = match(slots, starts_of(job))
        met_at = max((slot.due_at for slot in matching.taken), default=job.met_at)
        verdicts: list[Verdict] = []
        held: Held | None = None
        room = MOST_OPEN - len(job.open)
        for slot in slots:
            limit, is_open = self.limit_of(job, slot), slot_key(slot) in job.open
            due = limit + lag <= as_of and _is_new(job, slot, limit, as_of)
            if not is_open and due and held is None:
                held = self._held(job, slot, limit, matching, as_of)
            if is_open or (due and room > 0 and held is None):
                found = list(self._verdicts(job, slot, limit, matching))
                room -= not is_open and any(one.status is Status.VIOLATED for one in found)
                verdicts += found
        known = {slot_key(slot) for slot in slots}
        verdicts += healed(job.open - known, "no schedule demands this slot any more")

        if held is not None:
            until, slot = held.until, held.slot
            return Judgement(tuple(verdicts), until, slot.due_at, met_at, held=held.missing)

        def heard_by(slot: Slot) -> datetime:
            return self.limit_of(job, slot) + lag

        done = self._done(job, slots, matching)
        following = next_slot(job.spans, as_of, heard_by, self.behind + lag, done)
        if following is None:
            return Judgement(tuple(verdicts), met_at=met_at)
        return Judgement(tuple(verdicts), heard_by(following), following.due_at, met_at)

    def _held(
        self, job: JobSeen, slot: Slot, limit: datetime, matching: Matching, as_of: datetime
    ) -> Held | None:
        """What can't be known is not waited for."""
        if not _asks_others(slot, limit, self._run_of(job, slot, matching)):
            return None
        if unknowable(job, slot, limit) or missing_together(job):
            return None
        return held_back(job, slot, limit, as_of)

    def _done(self, job: JobSeen, slots: Sequence[Slot], matching: Matching) -> set[Slot]:
        """Slots that nothing need be waited for any more: their run has done it, in time."""
        found = set()
        for slot in slots:
            run = self._run_of(job, slot, matching)
            done = None if run is None else self.done_at(run)
            if done is not None and done <= self.limit_of(job, slot):
                found.add(slot)
        return found

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
        unknown = unknowable(job, slot, limit) or (
            missing_together(job) if _asks_others(slot, limit, run) else None
        )
        if not is_open and done is None and unknown is not None:
            yield Verdict(Status.UNKNOWN, key, unknown)
            return
        if not is_open or done is None:
            reason, evidence = self.found(slot, run)
            told = {"dueAt": slot.due_at.isoformat(), "limitAt": limit.isoformat(), **evidence}
            yield Verdict(Status.VIOLATED, key, reason, told, limit, due_at=slot.due_at)
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


def _asks_others(slot: Slot, limit: datetime, run: RunSeen | None) -> bool:
    """Whether it matters who else is missing: of what has a run its orchestrator was heard, and long
    after the slot it is known who was silent then. What is held counts from its slot on: an old one
    would have all jobs for living that ran since.
    """
    return run is None and limit - slot.due_at <= HOLD


def starts_of(job: JobSeen) -> list[Start]:
    """What its runs are called by says nothing of slots that were learned from when they started."""
    starts = [start_of(run) for run in job.runs]
    if not job.spans or job.spans[-1].habit is None:
        return starts
    return [replace(start, nominal_at=None) for start in starts]


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


class Held(NamedTuple):
    """A slot that is not judged before `until`. missing: it has no run though one would be known."""

    slot: Slot
    until: datetime
    missing: bool


def held_back(job: JobSeen, slot: Slot, limit: datetime, as_of: datetime) -> Held | None:
    """What is too early to say (D6): an orchestrator that is asked tells what is missing, one that
    only pushes is heard of late, or is silent itself.
    """
    call = job.roll_call
    if job.watched or call is None:
        return None
    heard_by = limit + lag_of(job)
    if as_of < heard_by:
        return Held(slot, heard_by, missing=False)
    alone = call.awaited < TOGETHER or (job.held and call.met > call.missing)
    if alone or as_of >= heard_by + HOLD:
        return None
    again = ROLL_CALL_EVERY if job.held else FIRST_ROLL_CALL
    return Held(slot, as_of + again, missing=True)


def missing_together(job: JobSeen) -> str | None:
    """Why a slot without a run says nothing of its job: its orchestrator may be silent."""
    if job.watched or job.roll_call is None or not job.roll_call.together:
        return None
    return f"{job.roll_call.missing} jobs of its orchestrator are missing together"


def unknowable(job: JobSeen, slot: Slot, limit: datetime) -> str | None:
    """Why nobody can say what became of a slot by its limit; None: it is known."""
    if job.seen_from is not None and slot.due_at < job.seen_from:
        return "too many runs have come since"
    return next((one.why for one in job.blind if one.covers(slot.due_at, limit)), None)
