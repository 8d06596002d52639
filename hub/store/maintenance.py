"""Maintenance windows that were declared over the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, or_, select, update

from hub.errors import Conflict, NotFound
from hub.store.access import next_id
from hub.store.tables import maintenance

#: What was due in a window that is over for so long has been judged by now.
JUDGED: Final = timedelta(days=35)


class DeclaredWindow(Struct, frozen=True, kw_only=True):
    """What somebody declared; `spec` is JSON. over_at: when it is over for good, if that is known."""

    name: str
    team: str | None
    spec: str
    declared_by: str
    declared_at: datetime
    over_at: datetime | None = None


_FIELDS: Final = [maintenance.c[name] for name in DeclaredWindow.__struct_fields__]


def list_windows(connection: Connection, since: datetime) -> list[DeclaredWindow]:
    """Those that are not over since then, by name."""
    mine = maintenance.c
    statement = select(*_FIELDS).where(or_(mine.over_at.is_(None), mine.over_at > since))
    rows = connection.execute(statement.order_by(mine.name, mine.id))
    return [DeclaredWindow(**row) for row in rows.mappings()]


def add_window(connection: Connection, one: DeclaredWindow) -> None:
    """Raises Conflict if one of that name is not over yet."""
    if any(held.name == one.name for held in list_windows(connection, one.declared_at)):
        raise Conflict(f"there is a maintenance window {one.name!r} already; end it first")
    values = {name: getattr(one, name) for name in DeclaredWindow.__struct_fields__}
    connection.execute(maintenance.insert().values(id=next_id(connection, "maintenance"), **values))


def end_window(connection: Connection, name: str, now: datetime) -> None:
    """It is over from now on; what was due in it stays untold. Raises NotFound."""
    mine = maintenance.c
    live = (mine.name == name) & or_(mine.over_at.is_(None), mine.over_at > now)
    if not connection.execute(update(maintenance).where(live).values(over_at=now)).rowcount:
        raise NotFound(f"No maintenance window '{name}' was declared over the API.")
