"""Rows for any table, with something in every column that must not be empty."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Column, Float, LargeBinary, Table, Text, insert

from hub.store.db import Database
from hub.store.types import Timestamp

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def fill(db: Database, table: Table, *rows: dict[str, Any]) -> None:
    with db.writing() as connection:
        for number, row in enumerate(rows, 1):
            needed = {c.name: value(c, number) for c in table.columns if not c.nullable}
            connection.execute(insert(table).values(needed | row))


def value(column: Column[Any], number: int) -> Any:
    """A value that the column takes; another one for each number, where it has a choice."""
    if isinstance(column.type, Timestamp):
        return NOW + timedelta(microseconds=number - 1)
    if isinstance(column.type, Text | LargeBinary):
        return str(number) if isinstance(column.type, Text) else b"\x00\xff" + bytes([number])
    if isinstance(column.type, Boolean):
        return bool(number % 2)
    return number / 2 if isinstance(column.type, Float) else number


def full_row(table: Table, number: int) -> dict[str, Any]:
    """A row with something in every column."""
    return {column.name: value(column, number) for column in table.columns}
