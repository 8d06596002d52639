"""Moves everything that hangs on one row to another: the two turned out to be the same thing.

Rare, so each pair is a handful of plain statements. Where both have a row of the same key the
target's row stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

_RUN_POINTERS = (
    ("attempt", "run_id"),
    ("lineage_event", "run_id"),
    ("dataset_update", "run_id"),
    ("job_version", "run_id"),
    ("run", "parent_run_id"),
    ("run", "root_run_id"),
)
_RUN_PARTS = (
    ("run_dataset", "run_id", ("direction", "dataset_id")),
    ("run_dependency", "run_id", ("job_id", "upstream")),
    ("check_result", "run_id", ("dataset_id", "name", "column_name", "partition_key")),
)
_DATASET_POINTERS = (("lineage_event", "dataset_id"), ("dataset", "canonical_id"))
_DATASET_PARTS = (
    ("edge", "dataset_id", ("job_id", "direction")),
    ("run_dataset", "dataset_id", ("run_id", "direction")),
    ("dataset_update", "dataset_id", ("partition_key", "cause")),
    ("check_result", "dataset_id", ("name", "column_name", "partition_key", "run_id")),
    ("column_edge", "dataset_id", ("job_id", "to_field", "from_dataset_id", "from_field")),
    ("column_edge", "from_dataset_id", ("dataset_id", "job_id", "to_field", "from_field")),
    ("dataset_schema", "dataset_id", ("digest",)),
    ("dataset_tag", "dataset_id", ("field", "tag")),
)


def merge_runs(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Makes each first run a part of the second, and removes it."""
    for pair in pairs:
        _merge(connection, pair, _RUN_POINTERS, _RUN_PARTS)
        connection.execute(text("DELETE FROM run WHERE id = :a"), {"a": pair[0]})


def merge_datasets(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Makes each first dataset a symlink's shadow: all it had belongs to the second."""
    for pair in pairs:
        _merge(connection, pair, _DATASET_POINTERS, _DATASET_PARTS)


def _merge(
    connection: Connection,
    pair: tuple[int, int],
    pointers: Iterable[tuple[str, str]],
    parts: Iterable[tuple[str, str, tuple[str, ...]]],
) -> None:
    given = {"a": pair[0], "b": pair[1]}
    for table, column in pointers:
        connection.execute(text(f"UPDATE {table} SET {column} = :b WHERE {column} = :a"), given)
    for table, column, rest in parts:
        same = " AND ".join(f"o.{c} = {table}.{c}" for c in rest)
        taken = f"EXISTS (SELECT 1 FROM {table} o WHERE o.{column} = :b AND {same})"
        move = f"UPDATE {table} SET {column} = :b WHERE {column} = :a AND NOT {taken}"
        connection.execute(text(move), given)
        connection.execute(text(f"DELETE FROM {table} WHERE {column} = :a"), given)
