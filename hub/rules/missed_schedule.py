"""A slot that a job's schedule demands has no run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar, Final

from pydantic import Field

from hub.model import ChangeKind
from hub.rules.base import (
    Fact,
    JobSeen,
    Judgement,
    RuleConfig,
    Status,
    Subject,
    Verdict,
    healed,
    kinds,
    said,
    spoken,
)
from hub.rules.slot_rule import (
    MOST_OPEN,
    Held,
    held_back,
    missing_together,
    slot_key,
    starts_of,
    unknowable,
)
from hub.schedules.demand import due_slots, next_slot, span_at
from hub.schedules.graces import grace_of, longest
from hub.schedules.habits import LOOKED_AT, keeps
from hub.schedules.matching import Matching, Start, match
from hub.schedules.slots import Slot
from hub.schedules.spans import Habit, Origin, expected

#: Slots in a row of a learned schedule that are counted.
MOST_IN_A_ROW: Final = 3
#: So far ahead it is looked for slots whose run is known of already.
SOON: Final = timedelta(hours=1)


class Grace(RuleConfig):
    """How late a run may start."""

    grace_s: float | None = Field(
        None,
        ge=0,
        description="seconds after the slot is due; a quarter of the distance between slots, from "
        "1 to 10 minutes, if not told",
    )


@kinds.register("missed_schedule")
class MissedSchedule:
    """One incident per slot without a run, until its run comes late or a later slot has one.

    Of jobs whose orchestrator is not asked it says nothing for times in which runs may have happened
    unheard, and first waits for what becomes of the orchestrator's other jobs: if most of them are
    missing too it is not they. What was due before the rule first looked is not judged.

    Of a learned schedule it waits longer, and one incident stands for all slots in a row; it says
    nothing while the job's latest runs do not keep to what was learned.

    A job of an orchestrator that is not asked is not waited for before its first run was heard of,
    unless the operator's file says when it is to run: a crontab that was imported tells of no runs.
    """

    Config: ClassVar[type[RuleConfig]] = Grace
    subject: ClassVar = Subject.JOB
    absence: ClassVar = True
    needs: ClassVar = frozenset({Fact.RUNS, Fact.SCHEDULE, Fact.ROLL_CALL})
    wakes: ClassVar = frozenset({ChangeKind.SCHEDULE_CHANGED, ChangeKind.RUN_STARTED})

    def __init__(self, config: Grace) -> None:
        self._grace = None if config.grace_s is None else timedelta(seconds=config.grace_s)

    def judge(self, job: JobSeen, as_of: datetime) -> Judgement:
        if not job.spans:
            return Judgement()
        if job.spans[-1].until is not None:
            return Judgement(healed(job.open, "no schedule holds any more"))
        if _never_heard(job):
            return Judgement(healed(job.open, "it has never told of a run"))
        judged_from, most = self._judged_from(job, as_of), longest(job.spans, self._grace)
        learned = job.spans[-1].habit is not None
        # Whether a job keeps to what was learned of it is seen from its latest runs.
        seen = [run.started_at or run.sort_at for run in job.runs[:LOOKED_AT]] if learned else []
        slots = due_slots(
            job.spans, min([judged_from, as_of, *map(_due_of, job.open), *seen]) - most, as_of
        )
        matching = match(slots, starts_of(job))
        met_at = max((slot.due_at for slot in matching.taken), default=job.met_at)
        look = self._unlike_before if learned else self._missed
        missed, held = look(job, slots, matching, judged_from, as_of)
        verdicts = (*missed, *self._over(job, slots, matching))
        if held is not None:
            return Judgement(verdicts, held.until, held.slot.due_at, met_at, held=held.missing)
        # A run may be known of before its slot's time has come, where facts come late as a whole.
        soon = expected(job.spans, as_of, as_of + SOON)
        known = match([*slots, *soon], starts_of(job)).taken if soon else matching.taken
        following = next_slot(job.spans, as_of, partial(self._limit, job), most, known)
        if following is None:
            return Judgement(verdicts, met_at=met_at)
        return Judgement(verdicts, self._limit(job, following), following.due_at, met_at)

    def _judged_from(self, job: JobSeen, as_of: datetime) -> datetime:
        """Slots whose grace ended before that were judged, or due before the rule first looked."""
        if job.waited_for is None:
            return as_of
        if job.awaits is None:
            return job.waited_for
        return min(job.waited_for, self._limit(job, Slot(job.awaits, job.awaits)))

    def _missed(
        self,
        job: JobSeen,
        slots: Sequence[Slot],
        matching: Matching,
        judged_from: datetime,
        as_of: datetime,
    ) -> tuple[list[Verdict], Held | None]:
        """Slots without a run whose grace has ended since the rule last looked."""
        found: list[Verdict] = []
        room = MOST_OPEN - len(job.open)
        for slot in slots:
            limit = self._limit(job, slot)
            if slot in matching.taken or not judged_from <= limit <= as_of or room <= 0:
                continue
            unknown = _unknown(job, slot, limit)
            if unknown is not None:
                found.append(Verdict(Status.UNKNOWN, slot_key(slot), unknown))
                continue
            held = held_back(job, slot, limit, as_of)
            if held is not None:
                return found, held
            room -= 1
            found.append(_violated(slot, limit))
            if slot_key(slot) not in job.open:
                found += _overtaken(slot, matching)
        return found, None

    def _unlike_before(
        self,
        job: JobSeen,
        slots: Sequence[Slot],  # noqa: ARG002  those of the matching
        matching: Matching,
        judged_from: datetime,
        as_of: datetime,
    ) -> tuple[list[Verdict], Held | None]:
        """The slots of a learned schedule since its last run, as one; what was before is past."""
        habit, key = job.spans[-1].habit, min(job.open, default=None)
        assert habit is not None
        missed = self._since_the_last(job, matching, judged_from, as_of)
        found: list[Verdict] = []
        if missed and not keeps(matching, self._grace_of(job, missed[0])):
            why = "its latest runs do not keep to what was learned of it"
            return [Verdict(Status.UNKNOWN, slot_key(missed[0]), why), *healed(job.open, why)], None
        for nth, slot in enumerate(missed):
            limit = self._limit(job, slot)
            unknown = _unknown(job, slot, limit) if key is None else None
            if unknown is not None:
                found.append(Verdict(Status.UNKNOWN, slot_key(slot), unknown))
                continue
            held = held_back(job, slot, limit, as_of) if key is None else None
            if held is None:
                found.append(_learned(key or slot_key(slot), missed[nth:], limit, habit))
            return found, held
        return found, None

    def _since_the_last(
        self, job: JobSeen, matching: Matching, judged_from: datetime, as_of: datetime
    ) -> list[Slot]:
        """Slots without a run, none of whose later ones has one: of a new row those not yet judged."""
        last = max(matching.taken, default=None)
        since = [slot for slot in matching.open if last is None or slot > last]
        over = [slot for slot in since if self._limit(job, slot) <= as_of]
        return [slot for slot in over if job.open or self._limit(job, slot) >= judged_from]

    def _limit(self, job: JobSeen, slot: Slot) -> datetime:
        return slot.due_at + self._grace_of(job, slot)

    def _grace_of(self, job: JobSeen, slot: Slot) -> timedelta:
        return grace_of(job.spans, slot.due_at, self._grace)

    def _over(self, job: JobSeen, slots: Sequence[Slot], matching: Matching) -> Iterator[Verdict]:
        """What became of the slots that were missed."""
        by_key = {slot_key(slot): slot for slot in slots}
        first = slots[0].due_at if slots else None
        for key in sorted(job.open):
            slot = by_key.get(key)
            if slot is None and first is not None and _due_of(key) < first:
                yield from _overtaken(Slot(_due_of(key), _due_of(key)), matching)
            elif slot is None:
                yield Verdict(Status.OK, key, "no schedule demands this slot any more")
            elif slot in matching.taken:
                yield _came(slot, matching.taken[slot], self._grace_of(job, slot))
            else:
                yield from _overtaken(slot, matching)


def _never_heard(job: JobSeen) -> bool:
    """Whether nobody knows that the job tells of its runs at all."""
    declared = job.spans[-1].origin is Origin.DECLARED
    return declared and not job.watched and not job.runs and job.seen_from is None


def _unknown(job: JobSeen, slot: Slot, limit: datetime) -> str | None:
    """Why it can't be said whether the slot was missed; None: it can."""
    if (unknown := unknowable(job, slot, limit)) is not None:
        return unknown
    if _held_up(job, slot, limit):
        return "as many runs as may run were running"
    return missing_together(job)


def _held_up(job: JobSeen, slot: Slot, limit: datetime) -> bool:
    """Whether the orchestrator may start no run in the slot's time, for others still run."""
    span = span_at(job.spans, slot.due_at)
    most = None if span is None else span.schedule.max_active_runs
    running = sum(
        run.started_at is not None
        and run.started_at <= limit
        and (run.ended_at is None or run.ended_at > slot.due_at)
        for run in job.runs
    )
    return most is not None and running >= most


def _due_of(key: str) -> datetime:
    return datetime.fromisoformat(key)


def _violated(slot: Slot, limit: datetime) -> Verdict:
    grace_s = (limit - slot.due_at).total_seconds()
    evidence = {
        "dueAt": slot.due_at.isoformat(),
        "nominalAt": slot.nominal_at.isoformat(),
        "graceS": grace_s,
    }
    reason = f"no run for the slot of {said(slot.due_at)} within {spoken(grace_s)}"
    return Verdict(
        Status.VIOLATED, slot_key(slot), reason, evidence, slot.due_at, due_at=slot.due_at
    )


def _learned(key: str, missed: Sequence[Slot], limit: datetime, habit: Habit) -> Verdict:
    slot, count = missed[0], min(len(missed), MOST_IN_A_ROW)
    grace_s = (limit - slot.due_at).total_seconds()
    more = ("", ", nor for the next one", ", nor for those after it")[count - 1]
    reason = (
        f"no run for the slot of {said(slot.due_at)} within {spoken(grace_s)}{more}; "
        f"the schedule is learned from {habit.runs} runs"
    )
    evidence = {
        "dueAt": slot.due_at.isoformat(),
        "graceS": grace_s,
        "inARow": count,
        "learned": True,
        "runs": habit.runs,
        "learnedFrom": habit.evidence,
    }
    return Verdict(Status.VIOLATED, key, reason, evidence, slot.due_at, due_at=slot.due_at)


def _came(slot: Slot, start: Start, grace: timedelta) -> Verdict:
    """Its run is there. One that started in time was only heard of late."""
    late = start.at - slot.due_at
    if late <= grace:
        reason = f"its run started at {said(start.at)}, in time; it was heard of late"
        return Verdict(Status.OK, slot_key(slot), reason, retracted=True)
    return Verdict(
        Status.OK, slot_key(slot), f"its run started {spoken(late.total_seconds())} late"
    )


def _overtaken(slot: Slot, matching: Matching) -> Iterator[Verdict]:
    """A later slot has its run: the job goes again."""
    later = min((it.due_at for it in matching.taken if it > slot), default=None)
    if later is not None:
        yield Verdict(Status.OK, slot_key(slot), f"the run of the slot of {said(later)} came")
