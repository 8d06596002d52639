"""Targets, routes, and what teams hear by, as they were declared over the API."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection, select

from hub.errors import NotFound
from hub.ports import AlertingPart, DeclaredPart
from hub.store.meta import put_meta
from hub.store.tables import declared_alerting as declared
from hub.store.upsert import upsert


def list_parts(connection: Connection) -> list[DeclaredPart]:
    """Routes in the order in which they are looked at, all else by name."""
    mine = declared.c
    rows = connection.execute(select(declared).order_by(mine.part, mine.place, mine.name))
    return [
        DeclaredPart(
            part=AlertingPart(row.part),
            name=row.name,
            place=row.place,
            told=msgspec.json.decode(row.told),
            declared_by=row.declared_by,
            declared_at=row.declared_at,
        )
        for row in rows
    ]


def one_at_a_time(connection: Connection) -> None:
    """Until this transaction ends nobody else changes them: they are checked together."""
    put_meta(connection, "alerting_changed_at", datetime.now(UTC).isoformat())


def put_part(connection: Connection, one: DeclaredPart) -> None:
    told = msgspec.json.encode(one.told).decode()
    upsert(connection, declared, [msgspec.structs.asdict(one) | {"told": told}])


def drop_part(connection: Connection, part: AlertingPart, name: str) -> None:
    """Raises NotFound."""
    mine = (declared.c.part == part, declared.c.name == name)
    if not connection.execute(declared.delete().where(*mine)).rowcount:
        raise NotFound(f"{part.one.capitalize()} '{name}' was not declared over the API.")
