"""Rows that take the place of those with the same key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows have the same columns; of a row that is there, columns that are not told stay."""
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    keys = [column.name for column in table.primary_key.columns]
    put = dialect.insert(table)
    told = {name: put.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(put.on_conflict_do_update(index_elements=keys, set_=told), list(rows))
