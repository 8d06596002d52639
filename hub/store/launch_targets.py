"""The targets of launches: jobs of orchestrators, of which each is counted, and some go one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update
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
    for target in sorted(targets):
        connection.execute(select(_MINE.lease).where(_is(target)).with_for_update())


def take_target(
    connection: Connection, target: Target, token: str, now: datetime, until: datetime
) -> bool:
    """Whether no launch of it is under way; then one is, until it has ended or that time."""
    free = or_(_MINE.leased_until.is_(None), _MINE.leased_until <= now)
    told = {"lease": token, "leased_until": until}
    mine = update(launch_target).where(_is(target), free).values(**told)
    return bool(connection.execute(mine).rowcount)


def free_targets(connection: Connection, token: str | None = None) -> None:
    """The targets that are held by this token, or all of them, are free again."""
    mine = _MINE.lease.is_not(None) if token is None else _MINE.lease == token
    connection.execute(update(launch_target).where(mine).values(lease=None, leased_until=None))


def begun_within(
    connection: Connection, targets: Collection[Target], since: datetime
) -> Counter[Target]:
    """How many launches of each have begun since."""
    found = Counter[Target]()
    for target in targets:
        mine = and_(
            launch.c.orchestrator == target.orchestrator,
            launch.c.job_namespace == target.namespace,
            launch.c.job_name == target.name,
            launch.c.begun_at > since,
        )
        found[target] = int(connection.scalar(select(func.count()).where(mine)) or 0)
    return found


def _is(target: Target) -> ColumnElement[bool]:
    return and_(
        _MINE.orchestrator == target.orchestrator,
        _MINE.job_namespace == target.namespace,
        _MINE.job_name == target.name,
    )
