"""Surrogate keys, handed out from blocks that a writer owns.

On PostgreSQL a block is taken in a transaction of its own, so that no replica waits for another's
batch to get a number. On SQLite, which has one writer, it is taken within the batch.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from hub.store.db import Database

BLOCK = 5000
_NONE: Iterator[int] = iter(())
_START = text("INSERT INTO id_block (name, next) VALUES (:name, 1) ON CONFLICT (name) DO NOTHING")
_TAKE = text("UPDATE id_block SET next = next + :size WHERE name = :name RETURNING next - :size")


class Ids:
    """The next free ids of each table. Numbers of a batch that rolled back may stay unused."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._free: dict[str, Iterator[int]] = {}
        self._connection: Connection | None = None

    def enter(self, connection: Connection) -> None:
        """A batch begins in `connection`'s transaction."""
        self._connection = connection

    def forget(self) -> None:
        """Drops blocks whose taking may have been rolled back."""
        self._free.clear()

    def take(self, name: str) -> int:
        """The next id of table `name`."""
        number = next(self._free.get(name, _NONE), None)
        if number is None:
            self._free[name] = iter(self._block(name))
            number = next(self._free[name])
        return number

    def _block(self, name: str) -> range:
        if self._db.is_sqlite and self._connection is not None:
            return _take(self._connection, name)
        with self._db.writing() as connection:
            return _take(connection, name)


def _take(connection: Connection, name: str) -> range:
    connection.execute(_START, {"name": name})
    start = connection.execute(_TAKE, {"name": name, "size": BLOCK}).scalar_one()
    return range(start, start + BLOCK)
