"""Leases: which replica runs a loop that must run once, and the fence that stops a paused one.

A lease has an epoch that grows each time it is taken anew. A holder that was paused or cut off
finds its epoch gone the moment it touches the store, in the same transaction as its work.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection, Row, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from hub.errors import Conflict
from hub.store.tables import lease
from hub.store.types import from_micros

#: Called first in a transaction, it lets only the holder go on.
Fence = Callable[[Connection], None]

_CLOCK = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")


class LeaseLostError(Conflict):
    """Another replica holds the lease now; what was begun must be rolled back."""


class Held(Struct, frozen=True):
    """A lease in our hands until `until`, unless it is prolonged."""

    name: str
    owner: str
    epoch: int
    until: datetime


def clock(connection: Connection) -> datetime:
    """The time by the server's clock, for all replicas must go by the same."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    return from_micros(connection.execute(_CLOCK).scalar_one())


def is_free(connection: Connection, name: str, owner: str, *, now: datetime) -> bool:
    """Whether `take` might succeed: it is unheld, over, or ours. Locks nothing."""
    row = _row(connection, name)
    return row is None or row.owner == owner or row.held_until <= now


def count_held(connection: Connection, beginning: str, *, now: datetime) -> int:
    """How many leases whose names begin like that are held by somebody; the others are deleted."""
    mine = lease.c.name.startswith(beginning, autoescape=True)
    connection.execute(lease.delete().where(mine, lease.c.held_until <= now))
    return int(connection.execute(select(func.count()).where(mine)).scalar_one())


def take(
    connection: Connection, name: str, owner: str, *, now: datetime, hold: timedelta
) -> Held | None:
    """Takes the lease for `hold`, or prolongs ours; None while somebody else has it."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    first = dialect.insert(lease).values(name=name, owner="", epoch=0, held_until=now)
    connection.execute(first.on_conflict_do_nothing(index_elements=["name"]))
    row = _row(connection, name, lock=True)
    assert row is not None
    if row.owner != owner and row.held_until > now:
        return None
    ours = row.owner == owner and row.held_until > now
    held = Held(name, owner, row.epoch + (not ours), now + hold)
    connection.execute(
        update(lease)
        .where(lease.c.name == name)
        .values(owner=owner, epoch=held.epoch, held_until=held.until)
    )
    return held


def prolong(connection: Connection, held: Held, *, now: datetime, hold: timedelta) -> bool:
    """Keeps a lease that is still ours for `hold` from now; False if it is over or has passed on."""
    mine = (lease.c.name == held.name, lease.c.owner == held.owner, lease.c.epoch == held.epoch)
    kept = update(lease).where(*mine, lease.c.held_until > now).values(held_until=now + hold)
    return connection.execute(kept).rowcount == 1


def forsaken(connection: Connection, *, now: datetime) -> set[str]:
    """Leases that nobody holds any more."""
    return set(connection.scalars(select(lease.c.name).where(lease.c.held_until <= now)))


def fence(connection: Connection, held: Held) -> None:
    """Returns if the lease is still ours, and keeps it so until the transaction ends.

    Raises LeaseLostError if it was taken; then nothing of this transaction may be committed.
    """
    row = _row(connection, held.name, lock=True)
    if row is None or (row.owner, row.epoch) != (held.owner, held.epoch):
        raise LeaseLostError(f"the lease {held.name!r} of {held.owner} has passed on")


def no_fence(_: Connection) -> None:
    """Where there is one process, or each may do it, there is nothing to lose."""


def release(connection: Connection, held: Held, *, now: datetime) -> None:
    """Lets the next one take it at once; a lease that has passed on is left alone."""
    connection.execute(
        update(lease)
        .where(lease.c.name == held.name, lease.c.owner == held.owner, lease.c.epoch == held.epoch)
        .values(held_until=now)
    )


def _row(
    connection: Connection, name: str, *, lock: bool = False
) -> Row[tuple[object, ...]] | None:
    query = select(lease).where(lease.c.name == name)
    return connection.execute(query.with_for_update() if lock else query).first()
