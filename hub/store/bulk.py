"""Many rows in one statement, quickly, on either engine.

SQLite takes a prepared statement row by row; PostgreSQL takes one array per column (`unnest`) and
binary COPY for the append-only tables. Measured against the alternatives in docs/decisions/0002.
Statements are built once, at import, from the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Float,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
)
from sqlalchemy.types import TypeEngine

from hub.store.arrays import ARRAYS, Array
from hub.store.types import Timestamp

Row = tuple[Any, ...]

#: Keys that one statement of SQLite looks up: a third of the work of a statement each.
_AT_ONCE = (1, 4, 16, 64)


class Insert:
    """Insert rows of `columns`; `conflict` is the ON CONFLICT clause, none = a conflict is an error."""

    def __init__(self, table: Table, columns: Sequence[str], conflict: str = "") -> None:
        names = ", ".join(columns)
        self.sqlite = f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(columns))}) {conflict}"
        self.postgres = (
            f"INSERT INTO {table.name} ({names}) "
            f"SELECT * FROM unnest({_arrays(table, columns)}) {conflict}"
        )
        self.arrays = _makers(table, columns)
        self.copy = f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"
        self.types = [_copy_type(table.c[name].type) for name in columns]


class Update:
    """Set `columns` of the rows with `keys`; a row is its keys, then its values."""

    def __init__(self, table: Table, keys: Sequence[str], columns: Sequence[str]) -> None:
        n, given = len(keys), [*keys, *columns]
        sets = ", ".join(f"{c} = ?{n + i}" for i, c in enumerate(columns, 1))
        self.sqlite = f"UPDATE {table.name} SET {sets} WHERE " + " AND ".join(
            f"{k} = ?{i}" for i, k in enumerate(keys, 1)
        )
        self.postgres = (
            f"UPDATE {table.name} SET {', '.join(f'{c} = k.{c}' for c in columns)} "
            f"FROM unnest({_arrays(table, given)}) AS k({', '.join(given)}) "
            f"WHERE {' AND '.join(f'{table.name}.{k} = k.{k}' for k in keys)}"
        )
        self.arrays = _makers(table, given)


class Delete:
    """Delete the rows with `keys`, further narrowed by `condition`."""

    def __init__(self, table: Table, keys: Sequence[str], condition: str = "") -> None:
        name = table.name
        self.sqlite = (
            f"DELETE FROM {name} WHERE {' AND '.join(f'{k} = ?' for k in keys)} {condition}"
        )
        self.postgres = (
            f"DELETE FROM {name} USING unnest({_arrays(table, keys)}) AS k({', '.join(keys)}) "
            f"WHERE {' AND '.join(f'{name}.{k} = k.{k}' for k in keys)} {condition}"
        )
        self.arrays = _makers(table, keys)


class Fetch:
    """Read `columns` of the rows with `keys`.

    `lock` names the column in whose order rows are locked, where the engine has row locks;
    `tail` ends a statement that is given one key. `where`: of the rows, t, only those.
    """

    def __init__(
        self,
        table: Table,
        keys: Sequence[str],
        columns: Sequence[str],
        *,
        lock: str = "",
        tail: str = "",
        where: str = "",
    ) -> None:
        t, names, wanted = table.name, ", ".join(keys), ", ".join(f"t.{c}" for c in columns)
        same = " AND ".join([*(f"t.{k} = k.{k}" for k in keys), *filter(None, [where])])
        self.postgres = (
            f"SELECT {wanted} FROM unnest({_arrays(table, keys)}) AS k({names}) JOIN {t} t ON {same}"
            + (f" ORDER BY t.{lock} FOR UPDATE OF t" if lock else f" {tail}")
        )
        self.arrays = _makers(table, keys)
        key = f"({', '.join('?' * len(keys))})"
        self.sqlite = {
            size: f"WITH k({names}) AS (VALUES {', '.join([key] * size)}) "
            f"SELECT {wanted} FROM k CROSS JOIN {t} t ON {same} {tail}"
            for size in ((1,) if tail else _AT_ONCE)
        }


class Bulk(Protocol):
    """What the writing side asks of an engine."""

    def insert(self, statement: Insert, rows: Sequence[Row]) -> None: ...
    def append(self, statement: Insert, rows: Sequence[Row]) -> None: ...
    def update(self, statement: Update, rows: Sequence[Row]) -> None: ...
    def delete(self, statement: Delete, keys: Sequence[Row]) -> None: ...
    def fetch(self, statement: Fetch, keys: Iterable[Row]) -> list[Row]: ...

    def together(self) -> AbstractContextManager[object]:
        """Within it a statement need not wait for the answer to the one before; appends go last."""
        ...


def bulk_of(connection: Connection) -> Bulk:
    """The engine's way to move many rows inside the connection's open transaction."""
    if connection.dialect.name == "sqlite":
        return SqliteBulk(connection)
    return PostgresBulk(connection)


class SqliteBulk:
    def __init__(self, connection: Connection) -> None:
        self._driver: Any = connection.connection.driver_connection

    def insert(self, statement: Insert, rows: Sequence[Row]) -> None:
        if rows:
            self._driver.executemany(statement.sqlite, rows)

    append = insert

    def together(self) -> AbstractContextManager[object]:
        return nullcontext()

    def update(self, statement: Update, rows: Sequence[Row]) -> None:
        if rows:
            self._driver.executemany(statement.sqlite, rows)

    def delete(self, statement: Delete, keys: Sequence[Row]) -> None:
        if keys:
            self._driver.executemany(statement.sqlite, keys)

    def fetch(self, statement: Fetch, keys: Iterable[Row]) -> list[Row]:
        found, left = [], list(keys)
        while left:
            size = next((s for s in statement.sqlite if s >= len(left)), max(statement.sqlite))
            given, left = left[:size], left[size:]
            # A key of NULLs finds nothing.
            given += [(None,) * len(given[0])] * (size - len(given))
            found += self._driver.execute(statement.sqlite[size], _flat(given)).fetchall()
        return found


class PostgresBulk:
    def __init__(self, connection: Connection) -> None:
        self._driver: Any = connection.connection.driver_connection
        self._late: list[tuple[Insert, Sequence[Row]]] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        late: list[tuple[Insert, Sequence[Row]]] = []
        self._late = late
        try:
            with self._driver.pipeline():
                yield
        finally:
            self._late = None
        for statement, rows in late:
            self.append(statement, rows)

    def insert(self, statement: Insert, rows: Sequence[Row]) -> None:
        self._execute(statement, rows)

    def append(self, statement: Insert, rows: Sequence[Row]) -> None:
        if self._late is not None:  # a pipeline takes no COPY
            self._late.append((statement, rows))
            return
        if not rows:
            return
        with self._driver.cursor() as cursor, cursor.copy(statement.copy) as copy:
            copy.set_types(statement.types)
            for row in rows:
                copy.write_row(row)

    def update(self, statement: Update, rows: Sequence[Row]) -> None:
        self._execute(statement, rows)

    def delete(self, statement: Delete, keys: Sequence[Row]) -> None:
        self._execute(statement, keys)

    def fetch(self, statement: Fetch, keys: Iterable[Row]) -> list[Row]:
        rows = list(keys)
        if not rows:
            return []
        with self._driver.cursor(binary=True) as cursor:
            cursor.execute(statement.postgres, _columns(statement, rows))
            found: list[Row] = cursor.fetchall()
            return found

    def _execute(self, statement: Insert | Update | Delete, rows: Sequence[Row]) -> None:
        if rows:
            self._driver.execute(statement.postgres, _columns(statement, rows))


def _flat(rows: Iterable[Row]) -> list[Any]:
    return list(chain.from_iterable(rows))


def _columns(statement: Insert | Update | Delete | Fetch, rows: Sequence[Row]) -> list[Array]:
    columns = zip(*rows, strict=True)
    return [make(column) for make, column in zip(statement.arrays, columns, strict=True)]


def _makers(table: Table, columns: Sequence[str]) -> list[Callable[[Sequence[Any]], Array]]:
    return [ARRAYS[_pg_type(table.c[name].type)] for name in columns]


def _arrays(table: Table, columns: Sequence[str]) -> str:
    return ", ".join(f"%b::{_pg_type(table.c[name].type)}[]" for name in columns)


def _copy_type(of: TypeEngine[Any]) -> str:
    # COPY takes a column's own width, it converts nothing.
    if isinstance(of, SmallInteger):
        return "int2"
    return "int4" if type(of) is Integer else _pg_type(of)


def _pg_type(of: TypeEngine[Any]) -> str:
    # Integers travel as bigint: the assignment to a narrower column converts them.
    if isinstance(of, Timestamp | BigInteger | Integer):
        return "int8"
    if isinstance(of, Boolean):
        return "bool"
    if isinstance(of, Float):
        return "float8"
    return "bytea" if isinstance(of, LargeBinary) else "text"
