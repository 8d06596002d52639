"""Orchestrators that were declared over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from hub.errors import NotFound
from hub.store.tables import declared_orchestrator as declared


class DeclaredOrchestrator(Struct, frozen=True, kw_only=True):
    """What somebody declared. `settings` are those of its kind; secrets in it are references."""

    name: str
    kind: str
    namespaces: tuple[str, ...] = ()
    team: str | None = None
    settings: dict[str, Any] = {}
    declared_by: str
    declared_at: datetime


def list_declared(connection: Connection) -> list[DeclaredOrchestrator]:
    return [_of(row) for row in connection.execute(select(declared).order_by(declared.c.name))]


def put_declared(connection: Connection, one: DeclaredOrchestrator) -> None:
    """Declares it, or changes what was declared."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    values = msgspec.structs.asdict(one)
    for name in ("namespaces", "settings"):
        values[name] = msgspec.json.encode(values[name]).decode()
    put = dialect.insert(declared).values(values)
    changed = {name: put.excluded[name] for name in values if name != "name"}
    connection.execute(put.on_conflict_do_update(index_elements=["name"], set_=changed))


def delete_declared(connection: Connection, name: str) -> None:
    """Takes the declaration back; what was recorded of it stays. Raises NotFound."""
    gone = connection.execute(declared.delete().where(declared.c.name == name))
    if not gone.rowcount:
        raise NotFound(f"No orchestrator '{name}' was declared over the API.")


def _of(row: Row[Any]) -> DeclaredOrchestrator:
    return DeclaredOrchestrator(
        name=row.name,
        kind=row.kind,
        namespaces=tuple(msgspec.json.decode(row.namespaces)),
        team=row.team,
        settings=msgspec.json.decode(row.settings),
        declared_by=row.declared_by,
        declared_at=row.declared_at,
    )
