"""What sensors have seen, when they look next, and which replica looks now."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, and_, bindparam, insert, or_, select, update

from hub.model import EntityName
from hub.ports.sensors import Json, Sighting, Success
from hub.store.reading import uuid_text
from hub.store.tables import job, namespace, run
from hub.store.tables import sensor_state as state

_MINE = state.c
#: So many of a job's latest runs are looked at for those that completed.
RUNS: Final = 200

_sightings = msgspec.json.Decoder(list[Sighting])


class Leased(Struct, frozen=True):
    """A sensor that this replica may look through now. pending: seen, and not recorded yet."""

    name: str
    token: str
    cursor: Json
    pending: Sequence[Sighting]
    failures: int


class SensorState(Struct, frozen=True):
    """How a sensor does, for people."""

    next_at: datetime
    looked_at: datetime | None
    sighted_at: datetime | None
    failures: int
    error: str | None
    waits_for: str | None


def introduce(connection: Connection, declared: Mapping[str, str], now: datetime) -> None:
    """Those that are declared, with a digest of how: one that is new or other begins anew."""
    rows = connection.execute(select(_MINE.name, _MINE.declared))
    held = {row.name: row.declared for row in rows}
    begin = {"cursor": "{}", "pending": None, "waits_for": None, "error": None, "failures": 0}
    for name, digest in declared.items():
        told = {**begin, "declared": digest, "next_at": now}
        if name not in held:
            connection.execute(insert(state).values(name=name, **told))
        elif held[name] != digest:
            mine = _MINE.name == name
            connection.execute(update(state).where(mine).values(**told, lease=None))


def release_all(connection: Connection) -> None:
    """Where only one process looks, whoever held a lease before it started is gone."""
    held = _MINE.lease.is_not(None)
    connection.execute(update(state).where(held).values(lease=None, leased_until=None))


def any_due(connection: Connection, names: Collection[str], now: datetime, room: int) -> list[str]:
    """Those that are due, the longest due first."""
    statement = select(_MINE.name).where(_due(now), _MINE.name.in_(names))
    return list(connection.scalars(statement.order_by(_MINE.next_at, _MINE.name).limit(room)))


def lease(
    connection: Connection, names: Collection[str], now: datetime, hold: timedelta
) -> list[Leased]:
    """Takes those of them that are still free; nobody else looks through them meanwhile."""
    free = select(state).where(_MINE.name.in_(names), _due(now)).with_for_update(skip_locked=True)
    rows = connection.execute(free).all()
    token = secrets.token_hex(8)
    mine = _MINE.name.in_([row.name for row in rows])
    connection.execute(update(state).where(mine).values(lease=token, leased_until=now + hold))
    return [_leased(row, token) for row in rows]


def _due(now: datetime) -> Any:
    return and_(_MINE.next_at <= now, or_(_MINE.leased_until.is_(None), _MINE.leased_until <= now))


def _leased(row: Row[Any], token: str) -> Leased:
    pending = [] if row.pending is None else _sightings.decode(row.pending)
    return Leased(row.name, token, msgspec.json.decode(row.cursor), pending, row.failures)


def saw(
    connection: Connection, one: Leased, cursor: Json, pending: Sequence[Sighting], now: datetime
) -> bool:
    """Keeps what was seen before it is recorded: a crash records just that. False: not ours."""
    values = {"cursor": _text(cursor), "pending": _text(pending) if pending else None}
    return _keep(connection, one, {**values, "looked_at": now})


def done(
    connection: Connection,
    one: Leased,
    *,
    next_at: datetime,
    waits_for: str,
    sighted_at: datetime | None,
) -> bool:
    """All that was seen is recorded."""
    values: Json = {"pending": None, "waits_for": waits_for or None, "next_at": next_at}
    if sighted_at is not None:
        values["sighted_at"] = sighted_at
    free = {"failures": 0, "error": None, "lease": None, "leased_until": None}
    return _keep(connection, one, values | free)


def failed(
    connection: Connection, one: Leased, error: str, next_at: datetime, now: datetime
) -> bool:
    """It could not look, or what it saw could not be recorded; that is tried again."""
    values = {
        "failures": one.failures + 1,
        "error": error,
        "next_at": next_at,
        "looked_at": now,
        "lease": None,
        "leased_until": None,
    }
    return _keep(connection, one, values)


def look_now(connection: Connection, name: str, now: datetime) -> None:
    """It is due at once."""
    connection.execute(update(state).where(_MINE.name == name).values(next_at=now))


def sensor_states(connection: Connection) -> dict[str, SensorState]:
    fields = SensorState.__struct_fields__
    return {
        row.name: SensorState(*(getattr(row, field) for field in fields))
        for row in connection.execute(select(state))
    }


def successes(connection: Connection, name: EntityName, since: datetime) -> list[Success]:
    """The latest runs of the job that completed then or later, the earliest first."""
    given = {"space": name.namespace, "job": name.name}
    rows = connection.execute(_LATEST_RUNS, given)
    found = [
        Success(uuid_text(row.attempt_uuid) or "", row.completed_at, row.partition_key or "")
        for row in rows
        if row.completed_at is not None and row.completed_at >= since
    ]
    return sorted(found, key=lambda one: (one.at, one.key))


_LATEST_RUNS = (
    select(run.c.attempt_uuid, run.c.completed_at, run.c.partition_key)
    .join(job, job.c.id == run.c.job_id)
    .join(namespace, namespace.c.id == job.c.namespace_id)
    .where(namespace.c.name == bindparam("space"), job.c.name == bindparam("job"))
    .order_by(run.c.sort_at.desc())
    .limit(RUNS)
)


def _keep(connection: Connection, one: Leased, values: Json) -> bool:
    mine = and_(_MINE.name == one.name, _MINE.lease == one.token)
    return bool(connection.execute(update(state).where(mine).values(**values)).rowcount)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
