"""What an incident makes late, of what its jobs do and when they are due: pure.

What is late goes from job to job over the data. A job that data start goes on when the last of its
late inputs is there; one that the clock starts not before its slot. Does it wait for its inputs
then? It is taken to, unless it was seen to end while the job before it still ran.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import product
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from hub.baselines.baseline import Baseline
from hub.baselines.prediction import Leg, Root
from hub.model import RunState
from hub.rules.base import RunSeen
from hub.schedules.demand import AHEAD
from hub.schedules.slots import Slot, Timetable, timetable_of
from hub.schedules.spans import Span, soonest
from hub.store.expectations import Deadline

#: A job that ended so often while the one before it ran does not wait for it.
NOT_WAITED: Final = 2
#: A run may start so much before its slot.
EARLY: Final = timedelta(seconds=30)
#: Kinds that say that a run is dead, whatever state it is in.
_DEAD: Final = frozenset({"stuck"})


class Late(Struct, frozen=True):
    """A job that may be late: the data it touches, its latest runs and its schedule over time."""

    job: int
    reads: Sequence[int]
    writes: Sequence[int]
    baseline: Baseline | None
    runs: Sequence[RunSeen]
    spans: Sequence[Span]

    @property
    def running(self) -> RunSeen | None:
        return next((run for run in self.runs if _runs(run)), None)

    @property
    def timetable(self) -> Timetable | None:
        """None: the clock does not start it."""
        span = self._span
        return None if span is None else timetable_of(span.schedule)

    @property
    def paused(self) -> bool:
        span = self._span
        return span is not None and bool(span.schedule.paused)

    def next_slot(self, after: datetime) -> Slot | None:
        """When the clock starts it next; None: not for long."""
        found = [] if self._span is None else soonest(self._span, after, after + AHEAD, 1)
        return found[0] if found else None

    def called(self, slot: Slot | None) -> datetime | None:
        """What the run of the slot is called by, if its runs are called by times."""
        if slot is None or not any(run.nominal_at for run in self.runs):
            return None
        return slot.nominal_at

    @property
    def _span(self) -> Span | None:
        """The schedule that holds."""
        return self.spans[-1] if self.spans and self.spans[-1].until is None else None

    def done_for(self, slot: Slot) -> bool:
        """Whether a run has completed for a slot, or after it."""
        return any(
            run.state is RunState.COMPLETED
            and (
                run.nominal_at == slot.nominal_at
                or (run.started_at or run.sort_at) >= slot.due_at - EARLY
            )
            for run in self.runs
        )


def roots_of(
    jobs: Mapping[int, Late], late: Sequence[int], kind: str | None, as_of: datetime
) -> list[Root]:
    """What is late, and when it will be done; `kind`: of the incident, if it is of the job."""
    return [_root(jobs[key], kind, as_of) for key in late]


def _root(job: Late, kind: str | None, as_of: datetime) -> Root:
    running = None if kind in _DEAD else job.running
    if running is not None:
        return Root(job.job, running.started_at, slot_at=running.nominal_at)
    slot = job.next_slot(as_of)
    return Root(job.job, None, _due(slot), job.called(slot))


#: A silent orchestrator stands as a job, and that it is back as its dataset.
ORCHESTRATOR: Final = 0


def waiting_for_it(jobs: Mapping[int, Late]) -> dict[int, Late]:
    """The jobs of a silent orchestrator, none of which goes on before it is back."""
    waiting = {job.job: replace(job, reads=[*job.reads, ORCHESTRATOR]) for job in jobs.values()}
    return {ORCHESTRATOR: Late(ORCHESTRATOR, (), (ORCHESTRATOR,), None, (), ()), **waiting}


class Blast:
    """The jobs that are late with their roots, since an incident began, as of an instant."""

    def __init__(
        self, jobs: Mapping[int, Late], roots: Sequence[Root], since: datetime, as_of: datetime
    ) -> None:
        self.roots, self.as_of = roots, as_of
        self.jobs = jobs
        self._roots = {root.job: root for root in roots}
        self._begun_at = min([since, *(_begun(jobs[root.job]) or since for root in roots)])
        makers = _makers(jobs.values())
        self.legs = [
            self._leg(job)
            for job in jobs.values()
            if job.job in self._roots or not (job.paused or self._goes_on(job, makers))
        ]
        self._legs = {leg.job: leg for leg in self.legs}

    @property
    def basis(self) -> str:
        if any(root.started_at is not None for root in self.roots):
            return "running"
        return "next_run" if any(root.starts_at for root in self.roots) else "unknown"

    def concerns(self, deadline: Deadline, kind: str) -> bool:
        """Whether what is late is what the deadline waits for: not when it was met or is of another run."""
        if deadline.due_at <= self.as_of:
            return False
        if deadline.subject_kind != "job":
            return True
        leg = self._legs.get(deadline.subject)
        if leg is None:
            return False
        if kind == "overrun":
            return self._is_timed(leg)
        starts = self._starts(leg)
        if deadline.slot_at is None or starts is None:
            return True
        done = self.jobs[leg.job].done_for(Slot(deadline.slot_at, deadline.slot_at))
        return not done and deadline.slot_at <= starts + EARLY

    def _is_timed(self, leg: Leg) -> bool:
        """Whether the run that is too long soon is the one that is late."""
        root = self._roots.get(leg.job)
        if root is not None:
            return root.started_at is not None
        return leg.not_before is not None and self.jobs[leg.job].running is not None

    def _starts(self, leg: Leg) -> datetime | None:
        root = self._roots.get(leg.job)
        return leg.not_before if root is None else root.started_at or root.starts_at

    def _leg(self, job: Late) -> Leg:
        slot = self._slot(job)
        told = (job.reads, job.writes, job.baseline)
        return Leg(job.job, *told, _due(slot), job.called(slot))

    def _slot(self, job: Late) -> Slot | None:
        """Its slot that takes in what is late: of this turn, or if that was done without, the next."""
        if job.timetable is None or job.job in self._roots:
            return None
        slot = job.next_slot(self._begun_at - timedelta(seconds=1))
        if slot is not None and slot.due_at <= self.as_of and job.done_for(slot):
            return job.next_slot(self.as_of)
        return slot

    def _goes_on(self, job: Late, makers: Mapping[int, list[Late]]) -> bool:
        """Whether it takes what is there when the clock starts it, and waits for nothing."""
        if job.timetable is None:
            return False
        before = {maker.job: maker for data in job.reads for maker in makers.get(data, ())}
        return all(
            _not_waited(job, maker) >= NOT_WAITED for maker in before.values() if maker is not job
        ) and bool(before)


def _not_waited(job: Late, maker: Late) -> int:
    """How often it ended while the maker of what it reads ran."""
    return len(
        {
            run.id
            for run, other in product(job.runs, maker.runs)
            if run.state is RunState.COMPLETED
            and run.ended_at is not None
            and other.started_at is not None
            and other.started_at < run.ended_at
            and other.ended_at is not None
            and run.ended_at < other.ended_at
        }
    )


def _makers(jobs: Iterable[Late]) -> dict[int, list[Late]]:
    found: dict[int, list[Late]] = {}
    for job in jobs:
        for data in job.writes:
            found.setdefault(data, []).append(job)
    return found


def _begun(job: Late) -> datetime | None:
    """When its turn began that is late: the slot of a run that has not completed, or its start."""
    last = next(iter(job.runs), None)
    if last is None or last.state is RunState.COMPLETED:
        return None
    at, timetable = last.started_at or last.sort_at, job.timetable
    slots = [] if timetable is None else timetable.between(at - timetable.gap(at), at + EARLY)
    return slots[-1].due_at if slots else at


def _due(slot: Slot | None) -> datetime | None:
    return None if slot is None else slot.due_at


def _runs(run: RunSeen) -> bool:
    return run.state is RunState.RUNNING and run.started_at is not None
