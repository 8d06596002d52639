"""How much of the disk the store takes, and what lies in it."""

from __future__ import annotations

import os
from contextlib import suppress

from sqlalchemy import Connection, func, select, text

from hub.store.db import Database
from hub.store.tables import dead_letter


def store_bytes(db: Database) -> int:
    """The SQLite file with what is still in its log, or the PostgreSQL database."""
    if db.is_sqlite:
        file = str(db.url.database)
        return sum(_size(file + suffix) for suffix in ("", "-wal", "-shm"))
    with db.reading() as connection:
        found: int = connection.execute(
            text("SELECT pg_database_size(current_database())")
        ).scalar_one()
        return found


def dead_letters(connection: Connection) -> tuple[int, int]:
    """How many wait for a replay, and the bytes that all of them take."""
    waiting = func.count().filter(dead_letter.c.replayed_at.is_(None))
    size = func.coalesce(func.sum(func.length(dead_letter.c.payload)), 0)
    count, held = connection.execute(select(waiting, size)).one()
    return int(count), int(held)


def _size(file: str) -> int:
    with suppress(FileNotFoundError):
        return os.stat(file).st_size  # noqa: PTH116  a Path of each would be longer
    return 0
