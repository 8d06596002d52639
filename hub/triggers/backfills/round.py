"""The backfill loop: steps whose predecessors are made go out as launches, a few at a time.

What a round decides is committed together with the launches it asks for, whose keys are those of
their steps: a crash at any point repeats the round, and a repeated round launches nothing twice.
Whoever pauses, cancels or resumes meanwhile makes it repeat, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from hub.errors import Conflict
from hub.model import FINISHED_STATES, RunState
from hub.schedules.timekeys import read_key
from hub.store import backfills as store
from hub.store.backfill_facts import run_states, updated_since
from hub.store.backfills import Kept, Move, Step, StepState, Write
from hub.store.db import Connection
from hub.store.launch_views import resend
from hub.store.launches import ask
from hub.store.leases import Fence
from hub.triggers.backfills.advance import Answer, Fresh, Outcome, advance, launch_of
from hub.triggers.launching import Way

T = TypeVar("T")


class Transactions(Protocol):
    def read(self, function: Callable[[Connection], T]) -> T: ...

    def write(self, function: Callable[[Connection], T], fence: Fence) -> T: ...


class Backfilling:
    def __init__(self, doing: Transactions, ways: Callable[[], Mapping[str, Way]] = dict) -> None:
        """ways: how orchestrators are launched just now."""
        self._doing = doing
        self._ways = ways
        self._quiet: dict[int, int] = {}  # versions in which there was nothing to do

    def round(self, now: datetime, fence: Fence) -> None:
        """Moves all backfills on that are not over."""
        active = self._doing.read(store.active_backfills)
        for one in active:
            self._move(one, now, fence)
        there = {one.id for one in active}
        self._quiet = {key: version for key, version in self._quiet.items() if key in there}

    def _move(self, one: Kept, now: datetime, fence: Fence) -> None:
        outcome = self._doing.read(lambda it: self._decide(it, one, now))
        if outcome is None:
            return
        if not outcome.idle:
            self._doing.write(lambda it: keep(it, one, outcome, now), fence)
        elif not outcome.waits:
            self._quiet[one.id] = one.version

    def _decide(self, connection: Connection, one: Kept, now: datetime) -> Outcome | None:
        """None: nothing has happened since there was nothing to do."""
        quiet = self._quiet.get(one.id) == one.version
        if quiet and not store.any_ended(connection, one.id):
            return None
        steps = store.steps_of(connection, one.id)
        asked = {step.launch for step in steps if step.state is StepState.LAUNCHED and step.launch}
        launches = store.launches_of(connection, asked)
        return advance(one, steps, launches, Looking(connection, one), now, self._ways())


class Looking:
    """Looks whether somebody else is about a partition, or has made it since the plan."""

    def __init__(self, connection: Connection, one: Kept) -> None:
        self._connection, self._one = connection, one
        self._updates: dict[int, dict[str, datetime]] = {}

    def __call__(self, step: Step, since: datetime) -> Fresh:
        made = [self._made_at(write) for write in step.writes]
        if made and all(at is not None and at > since for at in made):
            last = max(at for at in made if at is not None)
            return Fresh(Answer.SKIP, f"it was made meanwhile, {last:%Y-%m-%d %H:%M:%S} UTC")
        if step.run is not None and self._runs(step.run):
            return Fresh(Answer.WAIT)
        return Fresh(Answer.RUN)

    def _made_at(self, write: Write) -> datetime | None:
        told = self._updates.get(write.id)
        if told is None:
            told = updated_since(self._connection, write.id, self._one.created_at)
            self._updates[write.id] = told
        if write.cut is None:
            return told.get(write.partition)
        found = [at for key, at in told.items() if key and _names(key, write)]
        return max(found, default=None)

    def _runs(self, run: int) -> bool:
        state = run_states(self._connection, [run]).get(run)
        return state is not None and RunState(state) not in FINISHED_STATES


def _names(key: str, write: Write) -> bool:
    """Whether a key that was told is that of the partition."""
    if key == write.partition or write.cut is None:
        return key == write.partition
    return any(one.key == write.partition for one in read_key(key, write.cut).stretches)


def keep(connection: Connection, one: Kept, outcome: Outcome, now: datetime) -> None:
    """All of it, or nothing: somebody has changed the backfill since it was read."""
    if not store.claim_version(connection, one, now):
        return
    moves = list(outcome.moves)
    fresh = [each for each in outcome.released if each.steps[0].launch is None]
    numbers = ask(connection, [launch_of(one, each) for each in fresh], now)
    launched = {each.steps[0].no: number for each, number in zip(fresh, numbers, strict=True)}
    for each in outcome.released:
        first = each.steps[0]
        if first.launch is not None:
            _once_more(connection, first.launch, one, now)
        number = launched.get(first.no, first.launch)
        moves += [
            Move(step.no, StepState.LAUNCHED, None, number, now, step.apart) for step in each.steps
        ]
    store.move_steps(connection, one.id, moves)
    if outcome.state is not None:
        store.end_backfill(connection, one.id, outcome.state, outcome.reason, now)


def _once_more(connection: Connection, launch: int, one: Kept, now: datetime) -> None:
    """The same launch, whose run is looked for first."""
    try:
        resend(connection, launch, f"backfill {one.id}", now)
    except Conflict:
        return  # somebody else has sent it again: it is followed as it is
