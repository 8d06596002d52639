"""The runs of launches that may start several: what was planned, and what the orchestrator tells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, Select, and_, func, insert, literal, or_, select, update

from hub.model import FINISHED_STATES, EntityName, RunState
from hub.ports import SEVERAL, Effect, Effects, Json, LaunchKind, Wish
from hub.store.launch_steps import note
from hub.store.launches import State
from hub.store.reading import among, uuid_text
from hub.store.tables import job, launch, launch_effect, namespace, run
from hub.store.views import View

#: How soon the orchestrator is asked again: at first, and at the latest.
SOON: Final = timedelta(seconds=2)
LATE: Final = timedelta(seconds=15)
#: So long it is asked what an asset event has caused; what still waits for another asset by then
#: is not linked.
CAUSES_FOR: Final = timedelta(days=1)
LATE_CAUSES: Final = timedelta(minutes=5)
#: Of a partition that was planned and that gets no run.
LEFT_OUT: Final = "left_out"
_MINE = launch.c
_EFFECT = launch_effect.c


class EffectView(View, frozen=True):
    """A run that a launch has started, of several. naturalId: null while it has not begun.

    state: of the run; left_out: the orchestrator makes none for this partition. runId: of its
    events, once the hub has seen it.
    """

    job: EntityName
    partition: str | None
    natural_id: str | None
    state: str | None
    run_id: str | None
    ended_at: datetime | None


class Sought(Struct, frozen=True):
    """A launch of whose runs its orchestrator is to be asked."""

    id: int
    key: str
    orchestrator: str
    job: EntityName
    partition: str | None
    conf: Json
    note: str
    kind: LaunchKind
    state: str
    natural_id: str
    launched_at: datetime
    at_once: int
    wish: Wish | None
    granted: Wish | None


def list_effects(connection: Connection, number: int) -> list[EffectView]:
    mine = (
        select(launch_effect, run.c.attempt_uuid)
        .outerjoin(run, run.c.id == _EFFECT.run_id)
        .where(_EFFECT.launch_id == number)
        .order_by(_EFFECT.no)
    )
    return [
        EffectView(
            EntityName(row.job_namespace, row.job_name),
            row.partition_key,
            row.natural_id,
            row.state,
            uuid_text(row.attempt_uuid),
            row.ended_at,
        )
        for row in connection.execute(mine)
    ]


# -- asked -------------------------------------------------------------------------------------


def due_effects(connection: Connection, now: datetime, limit: int) -> list[Sought]:
    """The longest due first."""
    due = select(launch).where(_MINE.look_at <= now, _MINE.kind.in_(SEVERAL))
    rows = connection.execute(due.order_by(_MINE.look_at).limit(limit))
    return [_sought(row, now) for row in rows]


def _sought(row: Row[Any], now: datetime) -> Sought:
    return Sought(
        row.id,
        row.key,
        row.orchestrator,
        EntityName(row.job_namespace, row.job_name),
        row.partition_key,
        msgspec.json.decode(row.conf),
        row.note,
        LaunchKind(row.kind),
        row.state,
        row.natural_id or "",
        row.launched_at or now,
        row.at_once or 1,
        Wish(row.wish) if row.wish else None,
        Wish(row.granted) if row.granted else None,
    )


def postpone(connection: Connection, numbers: Collection[int], until: datetime) -> None:
    mine = and_(_MINE.id.in_(numbers), _MINE.look_at.is_not(None))
    connection.execute(update(launch).where(mine).values(look_at=until))


def wish(connection: Connection, numbers: Collection[int], wanted: Wish, now: datetime) -> None:
    """What backfills should do that are not over; their orchestrator is told at the next look."""
    open_ = and_(_MINE.kind == LaunchKind.BACKFILL, _MINE.ended_at.is_(None))
    # What was cancelled stays so.
    other = or_(_MINE.wish.is_(None), _MINE.wish != Wish.CANCEL)
    mine = and_(_MINE.id.in_(numbers), open_, other)
    looked = and_(mine, _MINE.look_at.is_not(None))
    connection.execute(update(launch).where(looked).values(look_at=now))
    connection.execute(update(launch).where(mine).values(wish=wanted, updated_at=now))


def grant(connection: Connection, one: Sought, now: datetime) -> None:
    """Keeps that the orchestrator was told what is wished."""
    connection.execute(update(launch).where(_MINE.id == one.id).values(granted=one.wish))
    note(connection, one.id, f"{one.wish}", "its orchestrator was told", now)


# -- kept --------------------------------------------------------------------------------------


def keep_effects(connection: Connection, one: Sought, found: Effects, now: datetime) -> None:
    """What the orchestrator tells of the runs, and where that takes the launch."""
    if one.kind is LaunchKind.BACKFILL:
        _keep_planned(connection, one, found, now)
        _move(connection, one, now)
    else:
        _keep_caused(connection, one, found, now)
        since = now - one.launched_at
        over = since > CAUSES_FOR
        pause = min(LATE_CAUSES, max(SOON, since / 2))
        told = {"look_at": None if over else now + pause}
        connection.execute(update(launch).where(_MINE.id == one.id).values(**told))
    mine = _SEEN.where(_EFFECT.launch_id == one.id)
    _link(connection, connection.execute(mine).all())


def _keep_planned(connection: Connection, one: Sought, found: Effects, now: datetime) -> None:
    by_partition = {effect.partition: effect for effect in found.runs}
    for row in _rows(connection, one.id):
        effect = by_partition.get(row.partition_key)
        if effect is not None:
            _update(connection, one.id, row.no, effect, now)
        elif found.over and row.ended_at is None:
            told = {"state": LEFT_OUT, "ended_at": now}
            connection.execute(_of(one.id, row.no).values(**told))


def _keep_caused(connection: Connection, one: Sought, found: Effects, now: datetime) -> None:
    there = {
        (EntityName(row.job_namespace, row.job_name), row.natural_id): row.no
        for row in _rows(connection, one.id)
    }
    for effect in found.runs:
        no = there.get((effect.job, effect.natural_id))
        if no is None:
            no = there[effect.job, effect.natural_id] = len(there) + 1
            told = {"job_namespace": effect.job.namespace, "job_name": effect.job.name}
            named = {"launch_id": one.id, "no": no, "partition_key": effect.partition}
            connection.execute(insert(launch_effect).values(**named, **told))
        _update(connection, one.id, no, effect, now)


def _rows(connection: Connection, number: int) -> Sequence[Row[Any]]:
    mine = select(launch_effect).where(_EFFECT.launch_id == number).order_by(_EFFECT.no)
    return connection.execute(mine).all()


def _of(number: int, no: int) -> Any:
    return update(launch_effect).where(_EFFECT.launch_id == number, _EFFECT.no == no)


def _update(connection: Connection, number: int, no: int, effect: Effect, now: datetime) -> None:
    # One that was cancelled before it began tells of no end: it is over since that was seen.
    seen = func.coalesce(_EFFECT.ended_at, literal(now, _EFFECT.ended_at.type))
    ended = (effect.ended_at or seen) if effect.state in FINISHED_STATES else None
    told = {
        "job_namespace": effect.job.namespace,
        "job_name": effect.job.name,
        "natural_id": effect.natural_id,
        "state": effect.state,
    }
    connection.execute(_of(number, no).values(**told, ended_at=ended))


def _move(connection: Connection, one: Sought, now: datetime) -> None:
    rows = _rows(connection, one.id)
    state, reason = _state_of(rows)
    over = state in (State.COMPLETED, State.FAILED)
    pause = min(LATE, max(SOON, (now - one.launched_at) / 4))
    told = {
        "state": state,
        "reason": reason,
        "ended_at": now if over else None,
        "look_at": None if over else now + pause,
        "updated_at": now,
    }
    connection.execute(update(launch).where(_MINE.id == one.id).values(**told))
    if state != one.state:
        note(connection, one.id, state, reason or "by its runs", now)


def _state_of(rows: Sequence[Row[Any]]) -> tuple[State, str | None]:
    states = [row.state for row in rows]
    if any(row.ended_at is None for row in rows):
        begun = any(state not in (None, RunState.NEW) for state in states)
        return (State.RUNNING if begun else State.LAUNCHED), None
    bad = sum(state != RunState.COMPLETED for state in states)
    if not bad:
        return State.COMPLETED, None
    return State.FAILED, f"{bad} of {len(states)} partitions were not made"


def vanished(connection: Connection, one: Sought, reason: str, now: datetime) -> None:
    """Its orchestrator knows nothing of it any more; it is not begun again."""
    told = {"state": State.VANISHED, "reason": reason, "look_at": None}
    mine = update(launch).where(_MINE.id == one.id)
    connection.execute(mine.values(**told, ended_at=now, updated_at=now))
    note(connection, one.id, State.VANISHED, reason, now)


_SEEN: Final[Select[Any]] = (
    select(_EFFECT.launch_id, _EFFECT.no, run.c.id.label("run"))
    .select_from(launch_effect)
    .join(namespace, namespace.c.name == _EFFECT.job_namespace)
    .join(job, and_(job.c.namespace_id == namespace.c.id, job.c.name == _EFFECT.job_name))
    .join(run, and_(run.c.job_id == job.c.id, run.c.natural_id == _EFFECT.natural_id))
    .where(_EFFECT.run_id.is_(None), run.c.map_index == -1)
)


def link_runs(connection: Connection, runs: Collection[int]) -> None:
    """These runs are linked with the launches that have started them."""
    _link(connection, among(connection, _SEEN, run.c.id, runs))


def _link(connection: Connection, seen: Sequence[Row[Any]]) -> None:
    for row in seen:
        connection.execute(_of(row.launch_id, row.no).values(run_id=row.run))


# -- read by others ----------------------------------------------------------------------------


class Came(Struct, frozen=True):
    """What has become of one partition. ended_at: None, it is under way."""

    state: str | None
    ended_at: datetime | None


_CAME = select(_EFFECT.launch_id, _EFFECT.partition_key, _EFFECT.state, _EFFECT.ended_at)


def came_of(connection: Connection, launches: Collection[int]) -> dict[int, dict[str, Came]]:
    """What has become of the partitions of backfills."""
    found: dict[int, dict[str, Came]] = {}
    for row in among(connection, _CAME, _EFFECT.launch_id, launches):
        came = found.setdefault(row.launch_id, {})
        came[row.partition_key or ""] = Came(row.state, row.ended_at)
    return found
