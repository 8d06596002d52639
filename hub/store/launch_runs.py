"""The runs that launches have started: found by their natural key, followed to their end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, and_, select, update

from hub.model import FINISHED_STATES, RunState
from hub.ports import SEVERAL, LaunchKind
from hub.store.launch_steps import note
from hub.store.launches import State
from hub.store.reading import among
from hub.store.tables import job, launch, namespace, run

#: The first look for a run that nobody told of, and the longest pause between two.
FIRST_LOOK: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(seconds=60)
#: A run that was not seen by then has vanished.
UNSEEN: Final = timedelta(hours=1)
_STATES: Final = {
    RunState.NEW: State.LAUNCHED,
    RunState.RUNNING: State.RUNNING,
    RunState.COMPLETED: State.COMPLETED,
    RunState.FAILED: State.FAILED,
    RunState.ABORTED: State.FAILED,
}
_MINE = launch.c


class Met(Struct, frozen=True):
    """A launch and its run. stale: the run is still as it was when it was to be run once more."""

    launch: int
    state: str
    linked: int | None
    run: int
    run_state: RunState
    ended_at: datetime | None
    stale: bool


_MET = (
    select(
        _MINE.id,
        _MINE.state,
        _MINE.run_id.label("linked"),
        _MINE.job_name.label("wanted"),
        run.c.id.label("run"),
        run.c.state.label("run_state"),
        run.c.ended_at,
        run.c.natural_id,
        run.c.attempt_no,
        _MINE.kind,
        _MINE.cause,
        job.c.name,
    )
    .select_from(launch)
    .join(run, and_(run.c.natural_id == _MINE.natural_id, run.c.map_index == -1))
    .join(job, job.c.id == run.c.job_id)
    .join(
        namespace,
        and_(namespace.c.id == job.c.namespace_id, namespace.c.name == _MINE.job_namespace),
    )
    .where(_MINE.natural_id.is_not(None))
)


def any_launched(connection: Connection) -> bool:
    """Whether there is a launch that has a run at all."""
    return (
        connection.scalar(select(_MINE.id).where(_MINE.natural_id.is_not(None)).limit(1))
        is not None
    )


def met_by_runs(connection: Connection, runs: Collection[int]) -> list[Met]:
    """The launches that have started one of these runs."""
    return _met(among(connection, _MET, run.c.id, runs))


def _met(rows: Iterable[Row[Any]]) -> list[Met]:
    return [
        Met(
            row.id,
            row.state,
            row.linked,
            row.run,
            RunState(row.run_state),
            row.ended_at,
            _is_stale(row),
        )
        for row in rows
        if row.wanted == row.name or row.wanted.startswith(f"{row.name}.")
    ]


def _is_stale(row: Row[Any]) -> bool:
    if row.kind != LaunchKind.RERUN:
        return False
    failed = msgspec.json.decode(row.cause)["failed"]
    return bool(failed["run"] == row.natural_id and row.attempt_no <= failed["attempt"])


def due_looks(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Launches whose run is to be looked for, of those that have one."""
    due = select(_MINE.id).where(_MINE.look_at <= now, _MINE.kind.not_in(SEVERAL))
    return list(connection.scalars(due.order_by(_MINE.look_at).limit(limit)))


def look(connection: Connection, launches: Collection[int], now: datetime) -> None:
    """Looks for the runs of these launches; one that is not seen for long has vanished."""
    rows = among(connection, select(launch), _MINE.id, launches)
    found = {one.launch: one for one in _met(_by_job(connection, rows))}
    keep(connection, list(found.values()), now)
    for row in rows:
        if row.id not in found:
            _unseen(connection, row, now)


def _by_job(connection: Connection, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Their runs, along the index of runs of a job."""
    found: list[Row[Any]] = []
    for row in rows:
        mine = _MET.where(_MINE.id == row.id, job.c.id.in_(_jobs_of(row)))
        found.extend(connection.execute(mine))
    return found


def _jobs_of(row: Row[Any]) -> Any:
    """A job by its name; of `a.b.c` also `a` and `a.b`, of which it may be a part."""
    parts = row.job_name.split(".")
    names = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    of_space = namespace.c.id == job.c.namespace_id
    joined = select(job.c.id).join(namespace, of_space)
    return joined.where(namespace.c.name == row.job_namespace, job.c.name.in_(names))


def keep(connection: Connection, met: Sequence[Met], now: datetime) -> None:
    """Moves the launches to where their runs are."""
    for one in met:
        state = _STATES[one.run_state]
        over = one.run_state in FINISHED_STATES
        if one.stale:
            state, over = State.LAUNCHED, False
        if one.linked == one.run and one.state == state and over:
            continue
        aborted = "its run was aborted" if over and one.run_state is RunState.ABORTED else None
        told = {
            "state": state,
            "reason": aborted,
            "run_id": one.run,
            "ended_at": (one.ended_at or now) if over else None,
            "look_at": None if over else now + LONGEST_PAUSE,
            "updated_at": now,
        }
        connection.execute(update(launch).where(_MINE.id == one.launch).values(**told))
        if one.state != state:
            note(connection, one.launch, state, aborted or "by its run", now)


def _unseen(connection: Connection, row: Row[Any], now: datetime) -> None:
    since = row.launched_at or now
    if row.run_id is None and now - since < UNSEEN:
        pause = min(LONGEST_PAUSE, max(FIRST_LOOK, (now - since) / 2))
        told: dict[str, Any] = {"look_at": now + pause}
    else:
        told = _vanished(connection, row, now)
    connection.execute(update(launch).where(_MINE.id == row.id).values(**told))


def _vanished(connection: Connection, row: Row[Any], now: datetime) -> dict[str, Any]:
    """Whether it was never seen or is gone: it is not launched again by itself."""
    if row.run_id is None:
        reason = f"it was taken as {row.natural_id}, and no run was seen since; not launched again"
    else:
        reason = "its run is gone; not launched again"
    note(connection, row.id, State.VANISHED, reason, now)
    return {
        "state": State.VANISHED,
        "reason": reason,
        "look_at": None,
        "ended_at": now,
        "updated_at": now,
    }
