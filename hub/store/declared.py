"""Orchestrators that were declared over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, select

from hub.errors import NotFound
from hub.store.tables import declared_orchestrator as declared
from hub.store.upsert import upsert


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
    values = msgspec.structs.asdict(one)
    for name in ("namespaces", "settings"):
        values[name] = msgspec.json.encode(values[name]).decode()
    upsert(connection, declared, [values])


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
