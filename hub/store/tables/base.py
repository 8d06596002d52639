"""How tables and columns are declared. Keys are small integers that writers hand out in blocks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Index, MetaData, Table, Text

from hub.store.types import Id, Timestamp

metadata = MetaData()


def table_of(name: str, *columns: Any, clustered: bool = False) -> Table:
    """A table; `clustered` ones live in their primary key's order (no rowid) on SQLite."""
    return Table(name, metadata, *columns, sqlite_with_rowid=not clustered)


def id_column() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=False)


def key(name: str) -> Column[int]:
    return Column(name, Id, primary_key=True, autoincrement=False)


def text_key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def ref(name: str, *, required: bool = True) -> Column[int]:
    return Column(name, Id, nullable=not required)


def at(name: str, *, required: bool = True) -> Column[Any]:
    return Column(name, Timestamp, nullable=not required)


def text(name: str, *, required: bool = False) -> Column[str]:
    return Column(name, Text, nullable=not required)


def partial_index(
    name: str, column: Column[Any], condition: ColumnElement[bool], *more: Column[Any]
) -> None:
    """An index over the few rows that fulfil a condition."""
    Index(name, column, *more, sqlite_where=condition, postgresql_where=condition)
