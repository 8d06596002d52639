"""What becomes of a backfill's steps: which are done, which failed, which go out now. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from msgspec import Struct

from hub.ports import LaunchKind, NewLaunch
from hub.store.backfills import DONE, Followed, Kept, Move, State, Step, StepState
from hub.store.launches import State as Launch

#: A step behind one of these can't run.
_DEAD_ENDS: Final = frozenset(
    {StepState.FAILED, StepState.BLOCKED, StepState.BARRED, StepState.CANCELLED}
)
_OPEN: Final = frozenset({StepState.WAITING, StepState.LAUNCHED})


class Answer(StrEnum):
    """Whether a step that is ready is to run."""

    RUN = "run"
    WAIT = "wait"  # somebody else is about its partition
    SKIP = "skip"  # somebody else has made it


class Fresh(Struct, frozen=True):
    """What is known of a partition just before it would be made."""

    answer: Answer
    reason: str | None = None


class Outcome(Struct, frozen=True):
    """What a round has decided. released: steps whose launch goes out. waits: some step waits for
    what tells nobody. state: how the backfill ends, None: it does not.
    """

    moves: Sequence[Move] = ()
    released: Sequence[Step] = ()
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
) -> Outcome:
    return _Advance(one, steps, launches, now).outcome(look)


class _Advance:
    def __init__(
        self, one: Kept, steps: Sequence[Step], launches: Mapping[int, Followed], now: datetime
    ) -> None:
        self._one, self._steps, self._launches, self._now = one, steps, launches, now
        self._states = {step.no: step.state for step in steps}
        self._since = {step.no: step.changed_at for step in steps}
        self._moves: dict[int, Move] = {}
        self._released: list[Step] = []
        self._waits = False

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
        return Outcome(moves, self._released, self._waits, state, reason)

    # -- what became of launches -------------------------------------------------------------------

    def _follow(self, step: Step) -> None:
        launch = self._launches.get(step.launch or 0)
        if launch is None:
            self._move(step, StepState.FAILED, "its launch is gone")
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
        under_way = [step for step in self._steps if self._states[step.no] is StepState.LAUNCHED]
        room = self._one.concurrency - len(under_way)
        busy = Counter((step.orchestrator, step.job) for step in under_way)
        for step in self._ready():
            if room <= 0:
                return
            target = (step.orchestrator, step.job)
            if busy[target] >= self._one.per_job:
                continue
            if self._judge(step, look):
                self._released.append(step)
                self._states[step.no] = StepState.LAUNCHED
                busy[target] += 1
                room -= 1

    def _ready(self) -> Iterator[Step]:
        """In their order; one that is skipped makes way for those behind it in the same pass."""
        for step in self._steps:
            if self._states[step.no] is StepState.WAITING and self._is_fed(step):
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
        self._moves[step.no] = Move(step.no, state, reason, kept, at or self._now)


def _failure(launch: Followed) -> str:
    told = f": {launch.reason}" if launch.reason else ""
    what = "its run failed" if launch.state == Launch.FAILED else f"its launch is {launch.state}"
    return what + told


# -- launches ----------------------------------------------------------------------------------


def launch_of(one: Kept, step: Step) -> NewLaunch:
    """What is asked for; its key is the same for the same try of the same step, and for no other."""
    told = repr((one.id, one.created_at.isoformat(), step.no, step.tries))
    return NewLaunch(
        key="backfill-" + sha256(told.encode()).hexdigest()[:40],
        orchestrator=step.orchestrator or "",
        job=step.job,
        partition=step.asked_partition,
        conf=step.conf,
        note=f"backfill {one.id}, step {step.no}" + (f": {one.note}" if one.note else ""),
        kind=LaunchKind.JOB,
        team=one.team,
        asked_by=one.created_by,
        cause={"backfill": one.id, "step": step.no},
    )
