"""How the targets of deliveries do, and what people have asked for in their channels."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from hub.ports import Health
from hub.store.access import next_id
from hub.store.tables import inbound_action, target_health
from hub.store.upsert import upsert

#: What was asked for is known for so long; a channel signs no request that is as old.
KEPT: Final = timedelta(days=7)


def health(connection: Connection) -> dict[str, Health]:
    """By name; a target to which nothing was sent yet is missing."""
    return {row.name: _health(row) for row in connection.execute(select(target_health))}


def save_health(connection: Connection, one: Health) -> int:
    """Its id, by which an incident of the target is of it."""
    mine = target_health.c
    known = connection.scalar(select(mine.id).where(mine.name == one.name).with_for_update())
    number = next_id(connection, "target_health") if known is None else known
    upsert(connection, target_health, [{"id": number, **msgspec.structs.asdict(one)}])
    return int(number)


def is_ill(connection: Connection, name: str) -> bool:
    """Whether the latest delivery to it failed, as far as was kept; until this transaction ends
    nobody else finds out.
    """
    mine = target_health.c
    failures = select(mine.failures).where(mine.name == name).with_for_update()
    return bool(connection.scalar(failures))


def is_down(connection: Connection, name: str) -> bool:
    """Whether deliveries to it have failed for so long that it counted as down, as far as was kept."""
    mine = target_health.c
    down = select(mine.down_since).where(mine.name == name)
    return connection.scalar(down) is not None


def _health(row: Row[Any]) -> Health:
    return Health(**{name: getattr(row, name) for name in Health.__struct_fields__})


def is_new_action(connection: Connection, target: str, key: str, now: datetime) -> bool:
    """Whether this was not asked for before; it counts as asked for from now on."""
    connection.execute(delete(inbound_action).where(inbound_action.c.at < now - KEPT))
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    put = dialect.insert(inbound_action).values(target=target, key=key, at=now)
    made = put.on_conflict_do_nothing().returning(inbound_action.c.key)
    return connection.execute(made).first() is not None
