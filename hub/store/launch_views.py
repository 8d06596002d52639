"""Launches as people see them, and what they do about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, and_, exists, func, not_, or_, select, true, update

from hub.errors import Conflict, NotFound
from hub.model import EntityName, Viewer
from hub.store.launch_effects import EffectView, list_effects
from hub.store.launch_steps import StepView, list_steps, note
from hub.store.launch_stops import Brakes, brakes
from hub.store.launches import OPEN, State
from hub.store.reading import Page, Slice, cut, kept_from, newest_first, uuid_text
from hub.store.tables import job, launch, launch_effect, namespace, run
from hub.store.views import View

_MINE = launch.c
#: What can be asked for once more: nothing of it is under way.
RESENT: Final = (State.DEAD, State.REFUSED, State.CANCELLED, State.VANISHED)


class LaunchView(View, frozen=True):
    """key: the target's own run id is made of it. reason: why it is held, refused, dead, ...

    cause: {"updates": [ids of updates], ...}. runId: of its run, once the hub has seen it.
    """

    id: int
    key: str
    orchestrator: str
    job: EntityName
    kind: str
    partition: str | None
    conf: dict[str, Any]
    note: str
    subscription_id: int | None
    team: str | None
    asked_by: str | None
    cause: dict[str, Any]
    rerun_of: int | None
    rerun_no: int
    state: str
    reason: str | None
    next_at: datetime | None
    give_up_at: datetime | None
    attempts: int
    natural_id: str | None
    url: str | None
    run_id: str | None
    begun_at: datetime | None
    launched_at: datetime | None
    ended_at: datetime | None
    created_at: datetime
    updated_at: datetime


class LaunchDetail(View, frozen=True):
    """steps: what was done about it and why, the first one first. runs: of one that may start
    several: those of a backfill, and those for which an asset event counted.
    """

    launch: LaunchView
    steps: list[StepView]
    runs: list[EffectView]


class Wanted(Struct, frozen=True):
    """Which launches are listed."""

    state: State | None = None
    orchestrator: str | None = None
    job: EntityName | None = None
    subscription: int | None = None
    partition: str | None = None
    key: str | None = None
    run: int | None = None
    rerun_of_run: int | None = None


_SHOWN = select(launch, run.c.attempt_uuid).outerjoin(run, run.c.id == _MINE.run_id)


def list_launches(
    connection: Connection, viewer: Viewer, wanted: Wanted, page: Page, now: datetime
) -> Slice[LaunchView]:
    """The latest first."""
    held = brakes(connection)
    statement = _SHOWN.where(_open_to(viewer), *_conditions(wanted, held, now))
    rows = connection.execute(newest_first(statement, page, _MINE.created_at, _MINE.id)).all()
    kept, following = cut(rows, page, lambda row: (row.created_at, row.id))
    return Slice([_view(row, held, now) for row in kept], following)


def get_launch(connection: Connection, viewer: Viewer, key: int, now: datetime) -> LaunchDetail:
    """Raises NotFound, also for what is private to others."""
    row = connection.execute(_SHOWN.where(_MINE.id == key, _open_to(viewer))).first()
    if row is None:
        raise NotFound(f"Launch '{key}' not found.")
    view = _view(row, brakes(connection), now)
    return LaunchDetail(view, list_steps(connection, key), list_effects(connection, key))


def _open_to(viewer: Viewer) -> Any:
    """Neither it nor the job that it starts is private to others."""
    if viewer.all:
        return true()
    closed = (
        select(job.c.id)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .where(
            namespace.c.name == _MINE.job_namespace,
            job.c.name == _MINE.job_name,
            or_(job.c.hidden, kept_from(viewer, job.c.team)),
        )
    )
    mine = or_(_MINE.team.is_(None), ~kept_from(viewer, _MINE.team))
    return and_(mine, ~exists(closed))


def _conditions(wanted: Wanted, held: Brakes, now: datetime) -> list[Any]:
    equal = {
        _MINE.orchestrator: wanted.orchestrator,
        _MINE.job_namespace: wanted.job and wanted.job.namespace,
        _MINE.job_name: wanted.job and wanted.job.name,
        _MINE.subscription_id: wanted.subscription,
        _MINE.partition_key: wanted.partition,
        _MINE.key: wanted.key,
        _MINE.failed_run_id: wanted.rerun_of_run,
    }
    found = [column == value for column, value in equal.items() if value is not None]
    if wanted.run is not None:
        several = launch_effect.c
        its = and_(several.launch_id == _MINE.id, several.run_id == wanted.run)
        found.append(or_(_MINE.run_id == wanted.run, exists().where(its)))
    return found if wanted.state is None else [*found, _in_state(wanted.state, held, now)]


def _in_state(state: State, held: Brakes, now: datetime) -> Any:
    free = or_(_MINE.leased_until.is_(None), _MINE.leased_until <= now)
    stopped = true() if held.all else _MINE.orchestrator.in_(sorted(held.reasons))
    if state == State.LAUNCHING:
        return and_(_MINE.state.in_(OPEN), _MINE.leased_until > now)
    if state == State.HELD:
        waits = or_(_MINE.state == State.HELD, and_(_MINE.state == State.DUE, stopped))
        return and_(waits, free)
    if state == State.DUE:
        return and_(_MINE.state == State.DUE, not_(stopped), free)
    return _MINE.state == state


def _view(row: Row[Any], held: Brakes, now: datetime) -> LaunchView:
    state, reason = row.state, row.reason
    stopped = held.of(row.orchestrator)
    if state in OPEN and row.leased_until is not None and row.leased_until > now:
        state = State.LAUNCHING
    elif state == State.DUE and stopped is not None:
        state, reason = State.HELD, stopped
    return LaunchView(
        id=row.id,
        key=row.key,
        orchestrator=row.orchestrator,
        job=EntityName(row.job_namespace, row.job_name),
        kind=row.kind,
        partition=row.partition_key,
        conf=msgspec.json.decode(row.conf),
        note=row.note,
        subscription_id=row.subscription_id,
        team=row.team,
        asked_by=row.asked_by,
        cause=msgspec.json.decode(row.cause),
        rerun_of=row.rerun_of,
        rerun_no=row.rerun_no,
        state=state,
        reason=reason,
        next_at=row.next_at,
        give_up_at=row.give_up_at,
        attempts=row.attempts,
        natural_id=row.natural_id,
        url=row.url,
        run_id=uuid_text(row.attempt_uuid),
        begun_at=row.begun_at,
        launched_at=row.launched_at,
        ended_at=row.ended_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


# -- what people do ----------------------------------------------------------------------------


def resend(connection: Connection, key: int, by: str, now: datetime) -> None:
    """Asks once more for what was given up, refused, cancelled or has vanished.

    The run is looked for first. Conflict for one that is under way or has had its run.
    """
    row = _locked(connection, key)
    if row.state not in RESENT:
        raise Conflict(f"launch {key} is {row.state}: only {', '.join(RESENT)} are sent again")
    told = {
        "state": State.DUE,
        "reason": None,
        "next_at": now,
        "give_up_at": None,
        "attempts": 0,
        "failing_since": None,
        "begun_at": None,
        "natural_id": None,
        "released": True,
        "ended_at": None,
        "launched_at": None,
        "run_id": None,
        "wish": None,
        "granted": None,
    }
    _change(connection, row, told, "resent", f"by {by}", now)


def release(connection: Connection, key: int, by: str, now: datetime) -> None:
    """Lets one go that is held, in spite of the breaker. Of one that is due nothing changes."""
    row = _locked(connection, key)
    if row.state == State.DUE:
        return
    if row.state != State.HELD:
        raise Conflict(f"launch {key} is {row.state}, not held")
    told = {"state": State.DUE, "reason": None, "next_at": now, "released": True}
    _change(connection, row, told, "released", f"by {by}", now)


def cancel(connection: Connection, key: int, by: str, now: datetime) -> None:
    """It is not launched. Conflict for one that is asked for just now, or was."""
    row = _locked(connection, key)
    if row.state == State.CANCELLED:
        return
    if row.state not in OPEN:
        raise Conflict(f"launch {key} is {row.state}: only one that is held or due is cancelled")
    if row.leased_until is not None and row.leased_until > now:
        raise Conflict(f"launch {key} is asked for just now; see in a moment what became of it")
    told = {
        "state": State.CANCELLED,
        "reason": f"cancelled by {by}",
        "next_at": None,
        "ended_at": now,
    }
    _change(connection, row, told, "cancelled", f"by {by}", now)


def held_of(connection: Connection, orchestrator: str | None, limit: int) -> Sequence[int]:
    """The launches that are held each by itself, the oldest first."""
    mine = select(_MINE.id).where(_MINE.state == State.HELD)
    if orchestrator is not None:
        mine = mine.where(_MINE.orchestrator == orchestrator)
    return connection.scalars(mine.order_by(_MINE.id).limit(limit)).all()


def _locked(connection: Connection, key: int) -> Row[Any]:
    row = connection.execute(select(launch).where(_MINE.id == key).with_for_update()).first()
    if row is None:
        raise NotFound(f"Launch '{key}' not found.")
    return row


def _change(
    connection: Connection, row: Row[Any], told: dict[str, Any], what: str, why: str, now: datetime
) -> None:
    over = {"lease": None, "leased_until": None, "updated_at": now}
    connection.execute(update(launch).where(_MINE.id == row.id).values(**told, **over))
    note(connection, row.id, what, why, now)


# -- figures -----------------------------------------------------------------------------------


class LaunchFigures(Struct, frozen=True):
    """By orchestrator: how long the longest due one waits, in seconds, how many were given up; by
    orchestrator and state how many are not taken yet. stopped: all are stopped.
    """

    lags: dict[str, float]
    dead: dict[str, int]
    open: dict[tuple[str, str], int]
    stopped: bool


def launch_figures(connection: Connection, now: datetime) -> LaunchFigures:
    # One that failed waits since then: that it is asked for again later does not make it less late.
    since = func.coalesce(_MINE.failing_since, _MINE.next_at)
    waits = and_(_MINE.state == State.DUE, _MINE.next_at.is_not(None), since <= now)
    due = select(_MINE.orchestrator, func.min(since)).where(waits)
    dead = select(_MINE.orchestrator, func.count()).where(_MINE.state == State.DEAD)
    still = select(_MINE.orchestrator, _MINE.state, func.count()).where(
        _MINE.state.in_(OPEN), _MINE.ended_at.is_(None)
    )
    rows = connection.execute(still.group_by(_MINE.orchestrator, _MINE.state))
    return LaunchFigures(
        {
            row[0]: max(0.0, (now - row[1]).total_seconds())
            for row in connection.execute(due.group_by(_MINE.orchestrator))
        },
        {row[0]: row[1] for row in connection.execute(dead.group_by(_MINE.orchestrator))},
        {(row[0], row[1]): row[2] for row in rows},
        brakes(connection).all is not None,
    )
