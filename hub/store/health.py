"""What an operator wants to know of a store's health."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, text

from hub.store.db import Database
from hub.store.tables import orchestrator

_SQLITE_FULL = 2


def not_durable(db: Database) -> str:
    """Why an answered event may be lost in a crash, "" if it can't."""
    if db.is_sqlite:
        with db.writing() as connection:
            level = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        return "" if level >= _SQLITE_FULL else f"PRAGMA synchronous is {level}, not FULL"
    with db.reading() as connection:
        off = [
            name
            for name in ("fsync", "synchronous_commit", "full_page_writes")
            if connection.execute(text(f"SHOW {name}")).scalar_one() == "off"
        ]
    return f"PostgreSQL runs with {', '.join(off)} off" if off else ""


def senders(connection: Connection) -> list[tuple[str, datetime | None]]:
    """Orchestrators and when they were last heard of."""
    columns = orchestrator.c.name, orchestrator.c.last_event_at
    return [(name, at) for name, at in connection.execute(select(*columns).order_by(columns[0]))]
