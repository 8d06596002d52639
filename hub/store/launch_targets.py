"""The targets of launches: jobs of orchestrators, of which each is counted, and some go one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from hub.store.tables import launch, launch_target

_MINE = launch_target.c


class Target(NamedTuple):
    orchestrator: str
    namespace: str
    name: str


def lock_targets(connection: Connection, targets: Collection[Target]) -> None:
    """Nobody else leases launches of them until the transaction ends. In one order, for all."""
    if not targets:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    put = dialect.insert(launch_target).on_conflict_do_nothing()
    rows = [
        {"orchestrator": o, "job_namespace": space, "job_name": name}
        for o, space, name in sorted(targets)
    ]
    connection.execute(put, rows)
    if connection.dialect.name == "postgresql":  # on SQLite one alone writes
        mine = select(_MINE.lease).where(tuple_(*_target(launch_target)).in_(sorted(targets)))
        connection.execute(mine.order_by(*_target(launch_target)).with_for_update())


def take_target(
    connection: Connection, target: Target, token: str, now: datetime, until: datetime
) -> bool:
    """Whether no launch of it is under way; then one is, until it has ended or that time."""
    free = or_(_MINE.leased_until.is_(None), _MINE.leased_until <= now)
    told = {"lease": token, "leased_until": until}
    mine = update(launch_target).where(_is(launch_target, target), free).values(**told)
    return bool(connection.execute(mine).rowcount)


def free_targets(connection: Connection, token: str, keys: Collection[int]) -> None:
    """The targets of these launches are free again, if they are held by this token."""
    theirs = select(*_target(launch)).where(launch.c.id.in_(keys))
    mine = and_(tuple_(*_target(launch_target)).in_(theirs), _MINE.lease == token)
    connection.execute(update(launch_target).where(mine).values(lease=None, leased_until=None))


def free_all_targets(connection: Connection) -> None:
    mine = _MINE.lease.is_not(None)
    connection.execute(update(launch_target).where(mine).values(lease=None, leased_until=None))


def begun_within(
    connection: Connection, targets: Collection[Target], since: datetime
) -> Counter[Target]:
    """How many launches of each have begun since."""
    found = Counter[Target]()
    for target in targets:
        mine = and_(_is(launch, target), launch.c.begun_at > since)
        found[target] = int(connection.scalar(select(func.count()).where(mine)) or 0)
    return found


def _target(of: Table) -> tuple[Column[str], ...]:
    return of.c.orchestrator, of.c.job_namespace, of.c.job_name


def _is(of: Table, target: Target) -> ColumnElement[bool]:
    return and_(*(column == name for column, name in zip(_target(of), target, strict=True)))
