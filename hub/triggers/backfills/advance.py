"""What becomes of a backfill's steps: which are done, which failed, which go out now. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from msgspec import Struct

from hub.model import EntityName, RunState
from hub.ports import LaunchKind, NewLaunch, Span
from hub.schedules.timekeys import read_key
from hub.store.backfills import DONE, Followed, Kept, Move, State, Step, StepState
from hub.store.launch_effects import LEFT_OUT, Came
from hub.store.launches import State as Launch
from hub.triggers.launching import Way

#: Steps of one backfill of an orchestrator.
MOST_AT_ONCE: Final = 500
#: A step behind one of these can't run.
_DEAD_ENDS: Final = frozenset(
    {StepState.FAILED, StepState.BLOCKED, StepState.BARRED, StepState.CANCELLED}
)
_OPEN: Final = frozenset({StepState.WAITING, StepState.LAUNCHED})
_NO_WAY: Final = Way(keyed=False, pulls=False)
_NONE: Final[Mapping[str, Way]] = {}

Target = tuple[str | None, EntityName]


class Answer(StrEnum):
    """Whether a step that is ready is to run."""

    RUN = "run"
    WAIT = "wait"  # somebody else is about its partition
    SKIP = "skip"  # somebody else has made it


class Fresh(Struct, frozen=True):
    """What is known of a partition just before it would be made."""

    answer: Answer
    reason: str | None = None


class Release(Struct, frozen=True):
    """Steps whose launch goes out. filled: by one backfill of their orchestrator."""

    steps: Sequence[Step]
    filled: bool


class Outcome(Struct, frozen=True):
    """What a round has decided. waits: some step waits for what tells nobody. state: how the
    backfill ends, None: it does not.
    """

    moves: Sequence[Move] = ()
    released: Sequence[Release] = ()
    waits: bool = False
    state: State | None = None
    reason: str | None = None

    @property
    def idle(self) -> bool:
        return not self.moves and not self.released and self.state is None


#: Tells of a step that is ready, and since when what it is made of is there, what is known of it.
Look = Callable[[Step, datetime], Fresh]


def advance(
    one: Kept,
    steps: Sequence[Step],
    launches: Mapping[int, Followed],
    look: Look,
    now: datetime,
    ways: Mapping[str, Way] = _NONE,
) -> Outcome:
    """ways: how orchestrators are launched."""
    return _Advance(one, steps, launches, now, ways).outcome(look)


class _Advance:
    def __init__(
        self,
        one: Kept,
        steps: Sequence[Step],
        launches: Mapping[int, Followed],
        now: datetime,
        ways: Mapping[str, Way],
    ) -> None:
        self._one, self._steps, self._launches, self._now = one, steps, launches, now
        self._ways = ways
        self._states = {step.no: step.state for step in steps}
        self._since = {step.no: step.changed_at for step in steps}
        self._moves: dict[int, Move] = {}
        self._released: list[list[Step]] = []
        self._waits = False
        # What was declined for one step would be for the others of its job.
        self._apart = {_target(step) for step in steps if step.apart or one.apart}

    def outcome(self, look: Look) -> Outcome:
        for step in self._steps:
            if step.state is StepState.LAUNCHED:
                self._follow(step)
        self._block()
        if self._one.state is State.RUNNING:
            self._release(look)
            self._block()
        state, reason = self._end()
        moves = list(self._moves.values())
        released = [Release(group, self._is_filled(group)) for group in self._released]
        return Outcome(moves, released, self._waits, state, reason)

    # -- what became of launches -------------------------------------------------------------------

    def _follow(self, step: Step) -> None:
        launch = self._launches.get(step.launch or 0)
        if launch is None:
            self._move(step, StepState.FAILED, "its launch is gone")
        elif launch.came is not None:
            self._follow_part(step, launch, launch.came)
        elif launch.ended_at is None:
            return
        elif launch.state == Launch.COMPLETED:
            self._move(step, StepState.COMPLETED, None, launch.ended_at)
        elif launch.again is not None:
            self._move(step, StepState.LAUNCHED, "its run is tried again", launch=launch.again)
        elif launch.state == Launch.CANCELLED and self._one.state is State.CANCELLED:
            self._move(step, StepState.CANCELLED, launch.reason)
        else:
            self._move(step, StepState.FAILED, _failure(launch), launch.ended_at)

    def _follow_part(self, step: Step, launch: Followed, came: Mapping[str, Came]) -> None:
        """Of a step that is one of several of a backfill of its orchestrator."""
        part = came.get(step.asked_partition or "")
        cancelled = self._one.state is State.CANCELLED
        if part is not None and part.state == RunState.COMPLETED:
            self._move(step, StepState.COMPLETED, None, part.ended_at)
        elif launch.state == Launch.REFUSED or (part is not None and part.state == LEFT_OUT):
            if cancelled:
                self._move(step, StepState.CANCELLED, None)
            else:
                self._set_apart(step, launch.reason or "its orchestrator's backfill left it out")
        elif part is not None and part.ended_at is not None:
            state = StepState.CANCELLED if cancelled else StepState.FAILED
            self._move(step, state, "its run failed", part.ended_at)
        elif launch.ended_at is not None:
            taken_back = cancelled and launch.state == Launch.CANCELLED
            state = StepState.CANCELLED if taken_back else StepState.FAILED
            self._move(step, state, _failure(launch), launch.ended_at)

    def _set_apart(self, step: Step, reason: str) -> None:
        """It is launched by itself."""
        self._states[step.no] = StepState.WAITING
        moved = Move(step.no, StepState.WAITING, reason, None, self._now, apart=True)
        self._moves[step.no] = moved
        self._apart.add(_target(step))

    def _block(self) -> None:
        """Steps stand behind those they wait for, so one pass reaches all."""
        for step in self._steps:
            if self._states[step.no] is not StepState.WAITING:
                continue
            end = next((no for no in step.after if self._states.get(no) in _DEAD_ENDS), None)
            if end is not None:
                self._move(step, StepState.BLOCKED, f"step {end} is {self._states[end]}")

    # -- what goes out -----------------------------------------------------------------------------

    def _release(self, look: Look) -> None:
        """One that continues a backfill of a throttled orchestrator needs no room of its own."""
        under_way = [step for step in self._steps if self._states[step.no] is StepState.LAUNCHED]
        busy = Counter(map(_target, under_way))
        room = self._one.concurrency - sum(min(n, self._one.per_job) for n in busy.values())
        open_: dict[Target, list[Step]] = {}
        for step in self._ready():
            group = open_.get(target := _target(step))
            joins = group is not None and self._continues(group, step)
            throttled = joins and self._way(step).ranges
            most = 1 if self._fills(step) else self._one.per_job
            if not throttled and (room <= 0 or busy[target] >= most):
                continue
            if not self._judge(step, look):
                continue
            self._states[step.no] = StepState.LAUNCHED
            if group is not None and joins:
                group.append(step)
            else:
                open_[target] = [step]
                self._released.append(open_[target])
            if not throttled:
                busy[target] += 1
                room -= 1

    def _is_filled(self, group: Sequence[Step]) -> bool:
        return len(group) > 1 or (group[0].launch is None and self._fills(group[0]))

    def _fills(self, step: Step) -> bool:
        """Whether a backfill of its orchestrator makes it though it were the only one: that knows
        by which date or key a run of the job is called. A job has one of these at a time.
        """
        timed = span_of(step).begin is not None and step.asked_partition is not None
        return self._way(step).ranges and timed and _target(step) not in self._apart

    def _way(self, step: Step) -> Way:
        return self._ways.get(step.orchestrator or "", _NO_WAY)

    def _continues(self, group: Sequence[Step], step: Step) -> bool:
        """Whether one backfill of their orchestrator makes the step with those of the group."""
        last, way = group[-1], self._way(step)
        if not way.backfills or _target(step) in self._apart or len(group) >= MOST_AT_ONCE:
            return False
        if step.launch is not None or last.launch is not None or last.conf != step.conf:
            return False
        told = {one.asked_partition for one in group}
        if None in told or step.asked_partition is None or step.asked_partition in told:
            return False
        if not way.ranges:
            return True
        before, after = span_of(last), span_of(step)
        return before.end is not None and before.end == after.begin

    def _ready(self) -> Iterator[Step]:
        """In their order; one that is skipped makes way for those behind it in the same pass."""
        for step in self._steps:
            fresh = step.no not in self._moves
            if self._states[step.no] is StepState.WAITING and fresh and self._is_fed(step):
                yield step

    def _is_fed(self, step: Step) -> bool:
        return all(self._states.get(no, StepState.COMPLETED) in DONE for no in step.after)

    def _judge(self, step: Step, look: Look) -> bool:
        """Whether it is launched. One that is asked once more is, whatever there is."""
        fed_at = max((self._since[no] for no in step.after), default=self._one.created_at)
        fresh = look(step, max(fed_at, self._one.created_at))
        if fresh.answer is Answer.SKIP:
            self._move(step, StepState.SKIPPED, fresh.reason)
        self._waits |= fresh.answer is Answer.WAIT
        return fresh.answer is Answer.RUN

    # -- the end -----------------------------------------------------------------------------------

    def _end(self) -> tuple[State | None, str | None]:
        counts = Counter(self._states.values())
        if self._one.state is State.CANCELLED:
            over = not counts[StepState.LAUNCHED]
            return (State.CANCELLED if over else None), None
        if any(counts[state] for state in _OPEN):
            return None, None
        wrong = {str(state): counts[state] for state in sorted(_DEAD_ENDS) if counts[state]}
        if not wrong:
            return State.COMPLETED, None
        return State.FAILED, ", ".join(f"{count} {state}" for state, count in wrong.items())

    def _move(
        self,
        step: Step,
        state: StepState,
        reason: str | None,
        at: datetime | None = None,
        launch: int | None = None,
    ) -> None:
        self._states[step.no] = state
        self._since[step.no] = at or self._now
        kept = step.launch if launch is None else launch
        told = Move(step.no, state, reason, kept, at or self._now, step.apart)
        self._moves[step.no] = told


def _failure(launch: Followed) -> str:
    told = f": {launch.reason}" if launch.reason else ""
    what = "its run failed" if launch.state == Launch.FAILED else f"its launch is {launch.state}"
    return what + told


# -- launches ----------------------------------------------------------------------------------


def launch_of(one: Kept, released: Release) -> NewLaunch:
    """What is asked for: a run, or a backfill of the orchestrator. Its key is the same for the same
    tries of the same steps, and for no others.
    """
    steps, filled = released.steps, released.filled
    step, alone = steps[0], len(steps) == 1
    tries = [(step.no, step.tries) for step in steps]
    numbers = f"step {step.no}" if alone else f"steps {step.no} to {steps[-1].no}"
    cause = {"step": step.no} if alone else {"steps": [step.no for step in steps]}
    return NewLaunch(
        key="backfill-" + _digest(one, (tries,) if filled else tries[0]),
        orchestrator=step.orchestrator or "",
        job=step.job,
        partition=None if filled else step.asked_partition,
        conf=step.conf,
        note=f"backfill {one.id}, {numbers}" + (f": {one.note}" if one.note else ""),
        kind=LaunchKind.BACKFILL if filled else LaunchKind.JOB,
        team=one.team,
        asked_by=one.created_by,
        cause={"backfill": one.id, **cause},
        spans=[span_of(step) for step in steps] if filled else (),
        at_once=one.per_job,
    )


def _digest(one: Kept, what: tuple[object, ...]) -> str:
    told = repr((one.id, one.created_at.isoformat(), *what))
    return sha256(told.encode()).hexdigest()[:40]


def span_of(step: Step) -> Span:
    """Its partition, with the time that the first of its datasets has for it."""
    told = step.asked_partition or ""
    for write in step.writes:
        if write.cut is not None and (found := read_key(write.partition, write.cut).stretches):
            return Span(told, found[0].begin, found[0].end)
    return Span(told)


def _target(step: Step) -> Target:
    return step.orchestrator, step.job
