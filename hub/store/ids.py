"""Surrogate keys, handed out from blocks that a writer owns.

Blocks are numbered in the order in which they are taken, and of one block ids appear in the store
in their order: it has one writer, which commits one batch after the other. None is used for longer
than an hour, so that whoever reads by id (hub.store.forward) can close a block for good.
On PostgreSQL a block is taken in a transaction of its own, so that no replica waits for another's
batch to get a number. On SQLite, which has one writer, it is taken within the batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sqlalchemy import Connection, text

from hub.store.db import Database

BLOCK = 5000
BLOCK_LASTS_S = 3600.0
_NONE: Iterator[int] = iter(())
_START = text("INSERT INTO id_block (name, next) VALUES (:name, 1) ON CONFLICT (name) DO NOTHING")
_TAKE = text("UPDATE id_block SET next = next + :size WHERE name = :name RETURNING next - :size")


class Ids:
    """The next free ids of each table. Numbers of a batch that rolled back may stay unused."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._free: dict[str, Iterator[int]] = {}
        self._until: dict[str, float] = {}
        self._connection: Connection | None = None

    def enter(self, connection: Connection) -> None:
        """A batch begins in `connection`'s transaction."""
        self._connection = connection
        now = self._clock()
        for name in [name for name, until in self._until.items() if until <= now]:
            self._free.pop(name, None)

    def forget(self) -> None:
        """Drops blocks whose taking may have been rolled back."""
        self._free.clear()

    def take(self, name: str) -> int:
        """The next id of table `name`."""
        number = next(self._free.get(name, _NONE), None)
        if number is None:
            self._free[name] = iter(self._block(name))
            self._until[name] = self._clock() + BLOCK_LASTS_S
            number = next(self._free[name])
        return number

    def _block(self, name: str) -> range:
        if self._db.is_sqlite and self._connection is not None:
            return _take(self._connection, name)
        with self._db.writing() as connection:
            return _take(connection, name)


def block_of(number: int) -> int:
    """Which block an id is of."""
    return (number - 1) // BLOCK


def ids_of(block: int) -> range:
    return range(block * BLOCK + 1, (block + 1) * BLOCK + 1)


def _take(connection: Connection, name: str) -> range:
    connection.execute(_START, {"name": name})
    start = connection.execute(_TAKE, {"name": name, "size": BLOCK}).scalar_one()
    return range(start, start + BLOCK)
