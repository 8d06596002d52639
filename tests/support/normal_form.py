"""What a store holds, by names instead of numbers and without what tells when we heard of it.

Two stores that recorded the same facts, in whichever order and batches, have the same normal form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, Table, select

from hub.store import tables as t
from hub.store.db import Database

NormalForm = dict[str, list[Any]]

# Numbers and times of our own, and texts that only say which event won.
_OURS = frozenset({"id", "created_at", "updated_at", "received_at", "facet_marks", "writer_id"})
# Further columns that depend on when something was first told, and nobody may rely on.
_INCIDENTAL = {
    t.job_facet: {"at"},
    t.dataset_facet: {"at"},
    t.column_edge: {"at"},
    t.schedule: {"at", "origin"},
    t.orchestrator: {"last_event_at"},
    t.lineage_event: {"dataset_id"},
    # Where the attempt showed no schema: the one that the dataset happened to have.
    t.dataset_update: {"schema_id"},
}
_WHAT = {
    "namespace_id": t.namespace,
    "orchestrator_id": t.orchestrator,
    "job_id": t.job,
    "parent_job_id": t.job,
    "dataset_id": t.dataset,
    "canonical_id": t.dataset,
    "from_dataset_id": t.dataset,
    "run_id": t.run,
    "parent_run_id": t.run,
    "root_run_id": t.run,
    "latest_run_id": t.run,
    "attempt_id": t.attempt,
    "cause": t.attempt,
    "schema_id": t.dataset_schema,
    "version_id": t.job_version,
}
_TABLES = (
    t.namespace, t.orchestrator, t.job, t.job_facet, t.job_tag, t.job_warning, t.schedule,
    t.run, t.attempt, t.run_dependency, t.run_dataset,
    t.dataset, t.dataset_facet, t.dataset_tag, t.dataset_schema, t.dataset_update,
    t.edge, t.column_edge, t.check_result, t.source, t.freshness_policy, t.health, t.watermark,
    t.backlog_sample, t.lineage_event, t.event_digest,
)  # fmt: skip


def normal_form(db: Database) -> NormalForm:
    with db.reading() as connection:
        names = _Names(connection)
        found = {table.name: _rows(connection, table, names) for table in _TABLES}
        found["search_term"] = _terms(connection, names)
        found["counter"] = _counts(connection, names)
    return found


class _Names:
    """What the numbers of each table stand for."""

    def __init__(self, connection: Connection) -> None:
        self._of: dict[Table, dict[int, Any]] = {}
        for table, name in _NAMING.items():
            rows = connection.execute(select(table)).mappings()
            self._of[table] = {row["id"]: name(row, self) for row in rows}

    def get(self, table: Table, number: int | None) -> Any:
        if number is None or number <= 0:
            return number
        return self._of[table].get(number, f"no {table.name} {number}")

    def text(self, table: Table, numbers: str) -> Any:
        """Of a JSON list of numbers."""
        return sorted(self.get(table, int(n)) for n in numbers.strip("[]").split(",") if n)


# In this order: a run's name holds its job's.
_NAMING: dict[Table, Callable[[Any, _Names], Any]] = {
    t.namespace: lambda row, _: row["name"],
    t.orchestrator: lambda row, _: row["name"],
    t.job: lambda row, names: f"{names.get(t.namespace, row['namespace_id'])}/{row['name']}",
    t.dataset: lambda row, names: f"{names.get(t.namespace, row['namespace_id'])}/{row['name']}",
    t.run: lambda row, names: (
        f"{names.get(t.job, row['job_id'])}[{row['natural_id']}:{row['map_index']}]"
        f"@{names.get(t.orchestrator, row['orchestrator_id'])}"
    ),
    t.attempt: lambda row, names: f"{names.get(t.job, row['job_id'])}#{row['uuid'].hex()}",
    t.dataset_schema: lambda row, names: (
        f"{names.get(t.dataset, row['dataset_id'])}{row['fields']}"
    ),
    t.job_version: lambda row, names: (
        row["location"],
        names.text(t.dataset, row["inputs"]),
        names.text(t.dataset, row["outputs"]),
    ),
}


def _rows(connection: Connection, table: Table, names: _Names) -> list[Any]:
    left_out = _OURS | _INCIDENTAL.get(table, set())
    columns = [column.name for column in table.columns if column.name not in left_out]
    rows = connection.execute(select(*(table.c[name] for name in columns)))
    return _sorted(
        tuple((name, _plain(name, value, names)) for name, value in zip(columns, row, strict=True))
        for row in rows
    )


def _plain(column: str, value: Any, names: _Names) -> Any:
    if column in _WHAT:
        return names.get(_WHAT[column], value)
    if column == "symlink":
        return bool(value)
    return value.hex() if isinstance(value, bytes) else value


def _terms(connection: Connection, names: _Names) -> list[Any]:
    whose = {"job": t.job, "dataset": t.dataset}
    return _sorted(
        (row.kind, names.get(whose[row.kind], row.entity_id), row.origin, row.term)
        for row in connection.execute(select(t.search_term))
    )


def _counts(connection: Connection, names: _Names) -> list[Any]:
    """Sums over the writers."""
    sums: dict[Any, int] = {}
    for row in connection.execute(select(t.counter)):
        key = (row.name, names.get(t.namespace, row.scope_id))
        sums[key] = sums.get(key, 0) + row.value
    for row in connection.execute(select(t.event_count)):
        key = (row.event_type, str(row.hour))
        sums[key] = sums.get(key, 0) + row.value
    return _sorted((*key, value) for key, value in sums.items() if value)


def _sorted(rows: Iterable[Any]) -> list[Any]:
    return sorted(rows, key=repr)
