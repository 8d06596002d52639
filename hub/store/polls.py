"""How polling goes on, and what is known of the runs of one orchestrator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, Select, func, select

from hub.model import EntityName, RunState
from hub.ports import KnownRun, RunName
from hub.store.reading import among
from hub.store.tables import attempt, job, namespace, orchestrator, poll, run
from hub.store.upsert import upsert


class PollState(Struct, frozen=True, kw_only=True):
    """Where polling one orchestrator stands. `cursor` is the adapter's own."""

    orchestrator: str
    cursor: dict[str, Any] = {}
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    complete_at: datetime | None = None
    next_at: datetime
    failures: int = 0
    error: str | None = None
    progress: str = ""
    requests: int = 0
    events: int = 0
    clock_skew_us: int | None = None


_COLUMNS: Final = PollState.__struct_fields__


def poll_state(connection: Connection, name: str) -> PollState | None:
    row = connection.execute(select(poll).where(poll.c.orchestrator == name)).first()
    return None if row is None else _state(row)


def poll_states(connection: Connection) -> dict[str, PollState]:
    """Of every orchestrator that was ever polled."""
    return {row.orchestrator: _state(row) for row in connection.execute(select(poll))}


def save_poll(connection: Connection, state: PollState, kind: str) -> None:
    """Keeps the state; the orchestrator is of the `kind` that was declared, whatever its jobs say."""
    values = msgspec.structs.asdict(state) | {"cursor": msgspec.json.encode(state.cursor).decode()}
    upsert(connection, poll, [values])
    mine = orchestrator.update().where(orchestrator.c.name == state.orchestrator)
    connection.execute(mine.values(kind=kind, clock_skew_us=state.clock_skew_us))


def forget_poll(connection: Connection, name: str) -> None:
    """The next poll begins at the beginning."""
    connection.execute(poll.delete().where(poll.c.orchestrator == name))


def _state(row: Row[Any]) -> PollState:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return PollState(**values | {"cursor": msgspec.json.decode(row.cursor)})


# -- what is known -------------------------------------------------------------------------------


def open_runs(connection: Connection, name: str, limit: int) -> list[KnownRun]:
    """Runs of the orchestrator that have not finished, those not answered about longest first."""
    mine = select(orchestrator.c.id).where(orchestrator.c.name == name).scalar_subquery()
    open_ = _select_known().where(run.c.orchestrator_id == mine, run.c.ended_at.is_(None))
    last = func.coalesce(attempt.c.answered_at, 0)
    return [_known(row) for row in connection.execute(open_.order_by(last, run.c.id).limit(limit))]


def known_runs(
    connection: Connection, name: str, wanted: Sequence[RunName]
) -> Mapping[RunName, KnownRun]:
    """Those of the named runs that this orchestrator is known to have."""
    mine = select(orchestrator.c.id).where(orchestrator.c.name == name).scalar_subquery()
    statement = _select_known().where(run.c.orchestrator_id == mine)
    # By names of jobs and of runs at once: each pair is one look into the index of natural keys.
    narrowed = statement.where(
        namespace.c.name.in_(sorted({one.job.namespace for one in wanted})),
        job.c.name.in_(sorted({one.job.name for one in wanted})),
    )
    asked, naturals = set(wanted), sorted({one.natural_id for one in wanted})
    rows = among(connection, narrowed, run.c.natural_id, naturals)
    found = {known.name: known for known in map(_known, rows)}
    return {key: known for key, known in found.items() if key in asked}


def _select_known() -> Select[Any]:
    return (
        select(
            namespace.c.name.label("namespace"),
            job.c.name.label("job_name"),
            run.c.natural_id,
            run.c.map_index,
            run.c.attempt_uuid,
            run.c.attempt_no,
            run.c.state,
            attempt.c.started_at,
        )
        .join(job, job.c.id == run.c.job_id)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .join(attempt, attempt.c.id == run.c.attempt_id)
    )


def _known(row: Row[Any]) -> KnownRun:
    name = RunName(EntityName(row.namespace, row.job_name), row.natural_id, row.map_index)
    return KnownRun(name, row.attempt_uuid, row.attempt_no, RunState(row.state), row.started_at)
