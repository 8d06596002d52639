"""Backfills as the loop moves them on: their steps, and the launches that these are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, and_, bindparam, insert, or_, select, update

from hub.errors import Conflict, NotFound
from hub.model import EntityName
from hub.ports import Wish
from hub.schedules.stretches import Cut
from hub.store.access import next_id
from hub.store.launch_effects import Came, came_of, wish
from hub.store.launch_views import RESENT, cancel
from hub.store.reading import among
from hub.store.tables import backfill, backfill_step, launch, launch_effect

#: Backfills that the loop looks at in one round.
MOST: Final = 50
_MINE = backfill.c
_STEP = backfill_step.c


class State(StrEnum):
    """How a backfill stands."""

    RUNNING = "running"
    PAUSED = "paused"  # nothing is released; what runs is followed
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"  # nothing more can be done of it: something failed


class StepState(StrEnum):
    """How far a step has come."""

    WAITING = "waiting"
    LAUNCHED = "launched"  # its launch is asked for, and not over
    COMPLETED = "completed"
    SKIPPED = "skipped"  # somebody else has made its partition meanwhile
    FAILED = "failed"
    BLOCKED = "blocked"  # one that it waits for has failed
    BARRED = "barred"  # it can't be launched
    CANCELLED = "cancelled"


DONE: Final = (StepState.COMPLETED, StepState.SKIPPED)


class Write(Struct, frozen=True, omit_defaults=True):
    """A partition that a step writes, by canonical key, and how that stood when it was planned.

    cut: by which keys that are told of it are read.
    """

    id: int
    dataset: EntityName
    partition: str
    status: str
    cut: Cut | None = None


class NewStep(Struct, frozen=True, kw_only=True):
    """partition: as the job is told it; asked_partition, conf: what its launch says."""

    no: int
    orchestrator: str | None
    job: EntityName
    partition: str | None
    asked_partition: str | None
    conf: dict[str, Any]
    level: int
    writes: Sequence[Write]
    why: str
    after: Sequence[int]
    seconds: float | None
    run: int | None
    barred: str | None


class NewBackfill(Struct, frozen=True, kw_only=True):
    """asked, plan: JSON objects. apart: by launches alone."""

    dataset: EntityName
    direction: str
    asked: dict[str, Any]
    plan: dict[str, Any]
    note: str
    team: str | None
    by: str
    concurrency: int
    per_job: int
    apart: bool
    steps: Sequence[NewStep]


class Kept(Struct, frozen=True):
    """A backfill as the loop needs it. apart: by launches alone, not by backfills of orchestrators."""

    id: int
    state: State
    team: str | None
    created_by: str
    note: str
    concurrency: int
    per_job: int
    created_at: datetime
    version: int
    apart: bool = False


class Step(Struct, frozen=True):
    """A step as it is now. apart: its orchestrator's own backfill would not make it as planned."""

    no: int
    orchestrator: str | None
    job: EntityName
    partition: str | None
    asked_partition: str | None
    conf: dict[str, Any]
    writes: Sequence[Write]
    after: Sequence[int]
    seconds: float | None
    run: int | None
    state: StepState
    launch: int | None
    tries: int
    changed_at: datetime
    apart: bool = False


class Move(Struct, frozen=True):
    """Where a step goes; its launch, and since when it is there. apart: see Step."""

    no: int
    state: StepState
    reason: str | None
    launch: int | None
    at: datetime
    apart: bool = False


class Followed(Struct, frozen=True):
    """A launch of a step. again: the launch that tries its failed run once more. came: of one of
    several steps, what has become of each partition.
    """

    id: int
    state: str
    reason: str | None
    ended_at: datetime | None
    again: int | None = None
    came: Mapping[str, Came] | None = None


# -- made --------------------------------------------------------------------------------------


def add_backfill(connection: Connection, made: NewBackfill, now: datetime) -> int:
    """Its id. It is run from now on."""
    number = next_id(connection, "backfill")
    connection.execute(
        insert(backfill).values(
            id=number,
            namespace=made.dataset.namespace,
            name=made.dataset.name,
            direction=made.direction,
            asked=_text(made.asked),
            plan=_text(made.plan),
            note=made.note,
            team=made.team,
            created_by=made.by,
            state=State.RUNNING,
            concurrency=made.concurrency,
            per_job=made.per_job,
            steps=len(made.steps),
            created_at=now,
            updated_at=now,
            active=True,
            version=1,
            apart=made.apart,
        )
    )
    connection.execute(insert(backfill_step), [_row(number, one, now) for one in made.steps])
    return number


def _row(number: int, one: NewStep, now: datetime) -> dict[str, Any]:
    return {
        "backfill_id": number,
        "no": one.no,
        "orchestrator": one.orchestrator,
        "job_namespace": one.job.namespace,
        "job_name": one.job.name,
        "partition": one.partition,
        "asked_partition": one.asked_partition,
        "conf": _text(one.conf),
        "level": one.level,
        "writes": _text(one.writes),
        "why": one.why,
        "after": _text(one.after),
        "seconds": one.seconds,
        "run_id": one.run,
        "state": StepState.WAITING if one.barred is None else StepState.BARRED,
        "reason": one.barred,
        "launch_id": None,
        "tries": 1,
        "changed_at": now,
    }


# -- read --------------------------------------------------------------------------------------


def active_backfills(connection: Connection) -> list[Kept]:
    mine = select(backfill).where(_MINE.active).order_by(_MINE.id).limit(MOST)
    return [_kept(row) for row in connection.execute(mine)]


def steps_of(connection: Connection, number: int) -> list[Step]:
    """In their order."""
    mine = select(backfill_step).where(_STEP.backfill_id == number).order_by(_STEP.no)
    return [_step(row) for row in connection.execute(mine)]


def launches_of(connection: Connection, launches: Collection[int]) -> dict[int, Followed]:
    """What became of launches, and which others try again what failed."""
    again = {
        row.rerun_of: row.id
        for row in among(connection, _AGAIN, launch.c.rerun_of, launches)
        if row.rerun_of is not None
    }
    came = came_of(connection, launches)
    return {
        row.id: Followed(
            row.id, row.state, row.reason, row.ended_at, again.get(row.id), came.get(row.id)
        )
        for row in among(connection, _FOLLOWED, launch.c.id, launches)
    }


_FOLLOWED = select(launch.c.id, launch.c.state, launch.c.reason, launch.c.ended_at)
_AGAIN = select(launch.c.id, launch.c.rerun_of).order_by(launch.c.id)


def any_ended(connection: Connection, number: int) -> bool:
    """Whether the launch of a step that is under way is over, or its part of it."""
    under_way = and_(_STEP.backfill_id == number, _STEP.state == StepState.LAUNCHED)
    its = launch_effect.c
    part = and_(its.launch_id == _STEP.launch_id, its.partition_key == _STEP.asked_partition)
    mine = (
        select(launch.c.id)
        .join(backfill_step, _STEP.launch_id == launch.c.id)
        .outerjoin(launch_effect, part)
        .where(under_way, or_(launch.c.ended_at.is_not(None), its.ended_at.is_not(None)))
        .limit(1)
    )
    return connection.scalar(mine) is not None


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        row.id,
        State(row.state),
        row.team,
        row.created_by,
        row.note,
        row.concurrency,
        row.per_job,
        row.created_at,
        row.version,
        bool(row.apart),
    )


def _step(row: Row[Any]) -> Step:
    return Step(
        row.no,
        row.orchestrator,
        EntityName(row.job_namespace, row.job_name),
        row.partition,
        row.asked_partition,
        msgspec.json.decode(row.conf),
        msgspec.json.decode(row.writes, type=list[Write]),
        msgspec.json.decode(row.after, type=list[int]),
        row.seconds,
        row.run_id,
        StepState(row.state),
        row.launch_id,
        row.tries,
        row.changed_at,
        bool(row.apart),
    )


# -- moved on ----------------------------------------------------------------------------------


def claim_version(connection: Connection, one: Kept, now: datetime) -> bool:
    """Whether it is still as it was read; then it counts as changed from now on."""
    mine = and_(_MINE.id == one.id, _MINE.version == one.version)
    told = update(backfill).where(mine).values(version=one.version + 1, updated_at=now)
    return bool(connection.execute(told).rowcount)


def move_steps(connection: Connection, number: int, moves: Iterable[Move]) -> None:
    rows = [
        {
            "b_no": one.no,
            "state": one.state,
            "reason": one.reason,
            "launch_id": one.launch,
            "changed_at": one.at,
            "apart": one.apart,
        }
        for one in moves
    ]
    if rows:
        mine = and_(_STEP.backfill_id == number, _STEP.no == bindparam("b_no"))
        connection.execute(
            update(backfill_step)
            .where(mine)
            .values({name: bindparam(name) for name in rows[0] if name != "b_no"}),
            rows,
        )


def end_backfill(
    connection: Connection, number: int, state: State, reason: str | None, now: datetime
) -> None:
    told = {"state": state, "reason": reason, "active": False, "ended_at": now, "updated_at": now}
    connection.execute(update(backfill).where(_MINE.id == number).values(**told))


# -- what people do ----------------------------------------------------------------------------


def pause(connection: Connection, number: int, by: str, reason: str, now: datetime) -> None:
    """Releases nothing more for now. Conflict where it is over."""
    row = _locked(connection, number)
    if row.state not in (State.RUNNING, State.PAUSED):
        raise Conflict(f"backfill {number} is {row.state}: only one that runs is paused")
    wish(connection, _under_way(connection, number), Wish.PAUSE, now)
    _change(connection, row, State.PAUSED, _told("paused", by, reason), now)


def resume(connection: Connection, number: int, now: datetime) -> int:
    """Goes on, and tries again what failed or was cancelled; how many steps wait again.

    Conflict where nothing of it is left to do.
    """
    row = _locked(connection, number)
    again = _tried_again(connection, number, now)
    wish(connection, _under_way(connection, number), Wish.GO, now)
    if row.state not in (State.RUNNING, State.PAUSED) and not again:
        raise Conflict(f"backfill {number} is {row.state}: nothing of it is left to do")
    _change(connection, row, State.RUNNING, None, now)
    return again


def _tried_again(connection: Connection, number: int, now: datetime) -> int:
    """A launch that was given up is asked once more; a run that failed has another after it."""
    mine = _STEP.backfill_id == number
    told = {"state": StepState.WAITING, "reason": None, "changed_at": now}
    resent = select(launch.c.id).where(launch.c.id == _STEP.launch_id, launch.c.state.in_(RESENT))
    ended = and_(mine, _STEP.state.in_((StepState.FAILED, StepState.CANCELLED)))
    kept = update(backfill_step).where(ended, resent.exists()).values(**told)
    anew = update(backfill_step).where(ended, _STEP.launch_id.is_not(None))
    never = update(backfill_step).where(ended).values(**told)
    back = update(backfill_step).where(mine, _STEP.state == StepState.BLOCKED).values(**told)
    count = connection.execute(kept).rowcount
    count += connection.execute(anew.values(**told, launch_id=None, tries=_STEP.tries + 1)).rowcount
    return count + connection.execute(never).rowcount + connection.execute(back).rowcount


def cancel_backfill(
    connection: Connection, number: int, by: str, reason: str, now: datetime
) -> None:
    """Releases nothing more, and takes back what no orchestrator was asked for yet."""
    row = _locked(connection, number)
    if row.state == State.CANCELLED:
        return
    if row.state in (State.COMPLETED, State.FAILED):
        raise Conflict(f"backfill {number} is {row.state} already")
    waiting = (StepState.WAITING, StepState.BLOCKED)
    mine = and_(_STEP.backfill_id == number, _STEP.state.in_(waiting))
    told = {"state": StepState.CANCELLED, "reason": None, "changed_at": now}
    connection.execute(update(backfill_step).where(mine).values(**told))
    under_way = _under_way(connection, number)
    for key in under_way:
        _take_back(connection, key, by, now)
    wish(connection, under_way, Wish.CANCEL, now)
    _change(connection, row, State.CANCELLED, _told("cancelled", by, reason), now)


def _under_way(connection: Connection, number: int) -> list[int]:
    """The launches of its steps that are under way."""
    mine = and_(_STEP.backfill_id == number, _STEP.state == StepState.LAUNCHED)
    asked = select(_STEP.launch_id).where(mine, _STEP.launch_id.is_not(None)).distinct()
    return [key for key in connection.scalars(asked) if key is not None]


def _take_back(connection: Connection, launched: int, by: str, now: datetime) -> None:
    try:
        cancel(connection, launched, by, now)
    except (Conflict, NotFound):
        return  # it is on its way, or over: it is followed to its end


def _told(what: str, by: str, reason: str) -> str:
    return f"{what} by {by}" + (f": {reason}" if reason else "")


def _locked(connection: Connection, number: int) -> Row[Any]:
    row = connection.execute(select(backfill).where(_MINE.id == number).with_for_update()).first()
    if row is None:
        raise NotFound(f"Backfill '{number}' not found.")
    return row


def _change(
    connection: Connection, row: Row[Any], state: State, reason: str | None, now: datetime
) -> None:
    told = {"state": state, "reason": reason, "active": True, "ended_at": None, "updated_at": now}
    mine = update(backfill).where(_MINE.id == row.id)
    connection.execute(mine.values(**told, version=row.version + 1))


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
