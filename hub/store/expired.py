"""Finds and deletes rows that are too old: the statements behind hub.store.sweep."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import (
    ColumnElement,
    Connection,
    MetaData,
    Select,
    Table,
    Tuple,
    and_,
    delete,
    func,
    literal,
    select,
    text,
    true,
    tuple_,
)

from hub.settings import Settings
from hub.store.partitions import Partition
from hub.store.retention import POLICIES, Key, Policy, floors
from hub.store.tables import change, cursor

PAGE = 1000


class Planned(Struct, frozen=True):
    """What a sweep of one table would delete: rows older than `horizon`."""

    table: str
    days: int
    horizon: datetime
    rows: int
    held_back: int = 0  # changes that some reader has not dealt with


def read_to(connection: Connection) -> Mapping[int, int | None]:
    """Per writer, the last change that every reader has dealt with."""
    cursors = connection.execute(select(cursor.c.reader, cursor.c.writer_id, cursor.c.seq))
    writers = connection.scalars(_WRITERS)
    return floors((tuple(row) for row in cursors), writers)


def groups(connection: Connection, policy: Policy) -> list[ColumnElement[bool]]:
    """Conditions, one for each stretch in which keys grow with time, of rows that may go."""
    columns = policy.table.c
    if "seq" in columns:
        return [
            columns.writer_id == writer
            if floor is None
            else and_(columns.writer_id == writer, columns.seq <= floor)
            for writer, floor in read_to(connection).items()
        ]
    if not policy.group:
        return [true()]
    found = connection.execute(select(*(columns[name] for name in policy.group)).distinct()).all()
    return [
        and_(*(columns[name] == value for name, value in zip(policy.group, row, strict=True)))
        for row in found
    ]


def of_default_partition(policy: Policy) -> Policy:
    """The policy for rows that found no week of their own."""
    default = policy.table.to_metadata(MetaData(), name=f"{policy.name}_default")
    return structs.replace(policy, table=default, age=default.c[str(policy.age.key)])


def last_changes(connection: Connection, week: Partition) -> dict[int, int]:
    """The last change of each writer in one week."""
    rows = connection.execute(
        text(f"SELECT writer_id, max(seq) AS last FROM {week.name} GROUP BY writer_id")
    )
    return {row.writer_id: row.last for row in rows}


# A loose index scan: the key begins with the writer, and there are few of them.
_WRITERS = text(
    "WITH RECURSIVE w(id) AS (SELECT min(writer_id) FROM change UNION ALL"
    " SELECT (SELECT min(writer_id) FROM change WHERE writer_id > w.id) FROM w"
    " WHERE w.id IS NOT NULL) SELECT id FROM w WHERE id IS NOT NULL"
)


def candidates(policy: Policy, within: ColumnElement[bool], after: Key | None) -> Select[Any]:
    """A page of keys with age and whether the row stays, in the order of the keys."""
    key = policy.key
    kept = literal(0) if policy.kept is None else policy.kept
    query = select(*key, policy.age, kept).where(within).order_by(*key).limit(PAGE)
    return query if after is None else query.where(tuple_(*key) > _tuple(key, after))


def delete_rows(
    connection: Connection,
    policy: Policy,
    within: ColumnElement[bool],
    keys: list[Key],
    horizon: datetime,
) -> int:
    """Deletes from the first of the keys to the last what is still too old.

    A range and the conditions once more: a list of keys would cost more time than the deletes,
    and a row may have come to life since it was looked at.
    """
    doomed = within & between(policy.key, keys) & (policy.age < horizon)
    if policy.kept is not None:
        doomed &= ~policy.kept
    for table in policy.with_it:
        runs = select(policy.table.c.id).where(doomed)
        connection.execute(delete(table).where(table.c.run_id.in_(runs)))
    return connection.execute(delete(policy.table).where(doomed)).rowcount


def delete_range(connection: Connection, table: Table, keys: list[Key]) -> int:
    """Deletes from the first of the keys to the last, all of them."""
    chosen = between(list(table.primary_key.columns), keys)
    return connection.execute(delete(table).where(chosen)).rowcount


def between(columns: list[Any], keys: list[Key]) -> ColumnElement[bool]:
    key = tuple_(*columns)
    return and_(key >= _tuple(columns, keys[0]), key <= _tuple(columns, keys[-1]))


def _tuple(columns: list[Any], values: Key) -> Tuple:
    """Values that are sent as their columns store them."""
    return tuple_(*(literal(v, c.type) for c, v in zip(columns, values, strict=True)))


def plan(connection: Connection, settings: Settings, now: datetime) -> list[Planned]:
    """What a sweep would delete. Counts every row, so it takes its time on a large store."""
    return [_planned(connection, policy, settings, now) for policy in POLICIES]


def _planned(connection: Connection, policy: Policy, settings: Settings, now: datetime) -> Planned:
    horizon = policy.horizon(settings.retention, now)
    old = select(func.count()).select_from(policy.table).where(policy.age < horizon)
    if policy.kept is not None:
        old = old.where(~policy.kept)
    rows = connection.scalar(old) or 0
    held_back = 0
    if policy.table is change:
        free = sum(connection.scalar(old.where(c)) or 0 for c in groups(connection, policy))
        rows, held_back = free, rows - free
    days = getattr(settings.retention, policy.setting)
    return Planned(policy.name, days, horizon, rows, held_back)
