"""Moves everything that hangs on one row to another: the two turned out to be the same thing.

Rare, so each pair is a handful of plain statements. Rows of the same key are joined, so that the
outcome is that of all facts having named the one row from the start. `lineage_event.dataset_id`
stays as it was written; changes stay too, for readers may have dealt with them: whoever looks a
run up finds it by the change's attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, TextClause, text

from hub.store.lattice import upsert
from hub.store.ledger import IO_UPSERT

_RUN_POINTERS = (
    ("attempt", "run_id"),
    ("lineage_event", "run_id"),
    ("dataset_update", "run_id"),
    ("job_version", "run_id"),
    ("run", "parent_run_id"),
    ("run", "root_run_id"),
)
_IO = ("direction", "attempt_id", "partition_key", "at", "rows", "bytes", "files", "schema_id")
_EDGE = ("job_id", "direction", "first_at", "last_at")
_COLUMNS = ("job_id", "to_field", "from_field", "kind", "subtype", "description", "masking", "at")
_CHECK = ("name", "column_name", "partition_key")
_WORSE = (
    "at",
    "CASE {0}.status WHEN 'FAILED' THEN 2 WHEN 'PASSED' THEN 1 ELSE 0 END",
    "CASE {0}.severity WHEN 'ERROR' THEN 1 ELSE 0 END",
    "coalesce({0}.expected, '')",
    "coalesce({0}.actual, '')",
)
#: The mark under which a dataset's column lineage from one job is filed.
COLUMNS = "~columns@"
_NOTHING = "ON CONFLICT DO NOTHING"
_OF_DATASET = "kind = 'dataset'"


def merge_runs(connection: Connection, gone: int, kept: int) -> None:
    """Makes the run `gone` a part of the run `kept`, and removes it."""
    run = _Move(connection, gone, kept)
    for table, column in _RUN_POINTERS:
        run.point(table, column)
    run.copy("run_dataset", "run_id", ("dataset_id", "schema_mark", *_IO), IO_UPSERT)
    dependency = upsert(
        "run_dependency", ["run_id", "job_id", "upstream"], greatest=["uuid", "kind"]
    )
    run.copy("run_dependency", "run_id", ("job_id", "upstream", "uuid", "kind"), dependency)
    run.contest("check_result", "run_id", ("dataset_id", *_CHECK), _WORSE)
    connection.execute(text("DELETE FROM run WHERE id = :gone"), run.given)


def merge_datasets(
    connection: Connection, gone: int, kept: int, won: Iterable[str], lost: Iterable[str]
) -> dict[int, int]:
    """Gives all that the dataset `gone` had to `kept`; its word on the facets `won` holds.

    Returns which schemas became one with others.
    """
    dataset = _Move(connection, gone, kept)
    for name in won:
        _drop_facet(dataset, "kept", name)
    for name in lost:
        _drop_facet(dataset, "gone", name)
    dataset.copy("dataset_facet", "dataset_id", ("name", "at", "payload"), _NOTHING)
    dataset.copy("dataset_tag", "dataset_id", ("field", "tag", "value", "origin"), _NOTHING)
    dataset.copy("search_term", "entity_id", ("kind", "origin", "term"), _NOTHING, _OF_DATASET)
    edge = upsert(
        "edge", ["job_id", "direction", "dataset_id"], least=["first_at"], greatest=["last_at"]
    )
    dataset.copy("edge", "dataset_id", _EDGE, edge)
    dataset.copy("column_edge", "from_dataset_id", ("dataset_id", *_COLUMNS), _NOTHING)
    dataset.copy("column_edge", "dataset_id", ("from_dataset_id", *_COLUMNS), _NOTHING)
    twins = _merge_schemas(dataset)
    dataset.copy("run_dataset", "dataset_id", ("run_id", "schema_mark", *_IO), IO_UPSERT)
    _join_updates(dataset)
    dataset.contest("dataset_update", "dataset_id", ("cause", "partition_key"), ("at",))
    dataset.contest("check_result", "dataset_id", ("run_id", *_CHECK), _WORSE)
    dataset.contest("freshness_policy", "dataset_id", (), ("at",))
    dataset.contest("partitions_told", "dataset_id", (), ("at",))
    return twins


def _drop_facet(dataset: _Move, whose: str, name: str) -> None:
    """What one of the two had of a facet, or of a job's columns, makes room for the other's."""
    if name.startswith(COLUMNS):
        job = int(name.removeprefix(COLUMNS))
        dataset.run(
            f"DELETE FROM column_edge WHERE dataset_id = :{whose} AND job_id = :job", job=job
        )
        return
    dataset.run(
        f"DELETE FROM dataset_facet WHERE dataset_id = :{whose} AND name = :name", name=name
    )
    if name == "tags":
        dataset.run(f"DELETE FROM dataset_tag WHERE dataset_id = :{whose} AND origin = 'event'")
    for origin in origins_of(name):
        dataset.run(
            f"DELETE FROM search_term WHERE entity_id = :{whose} AND {_OF_DATASET} AND origin = :of",
            of=origin,
        )


def origins_of(facet: str) -> list[str]:
    """Where search terms that a facet gives are said to come from."""
    known = {"ownership": "owner", "tags": "tag"}
    return [f"facet:{facet}", *([known[facet]] if facet in known else [])]


def _merge_schemas(dataset: _Move) -> dict[int, int]:
    """Schemas of the same content become one; whatever points to them follows."""
    twins = dataset.run(
        "SELECT a.id, b.id, a.first_at FROM dataset_schema a JOIN dataset_schema b"
        " ON b.digest = a.digest WHERE a.dataset_id = :gone AND b.dataset_id = :kept"
    ).all()
    for old, new, first_at in twins:
        for table in ("run_dataset", "dataset_update"):
            dataset.run(
                f"UPDATE {table} SET schema_id = :new WHERE dataset_id IN (:gone, :kept)"
                " AND schema_id = :old",
                old=old,
                new=new,
            )
        dataset.run(
            "UPDATE dataset_schema SET first_at = :at WHERE id = :new AND first_at > :at",
            new=new,
            at=first_at,
        )
        dataset.run("DELETE FROM dataset_schema WHERE id = :old", old=old)
    dataset.point("dataset_schema", "dataset_id")
    return {old: new for old, new, _ in twins}


def _join_updates(dataset: _Move) -> None:
    """Twins, written by one attempt under both names, say the same from now on."""
    twins = (
        "FROM dataset_update o WHERE o.dataset_id IN (:gone, :kept)"
        " AND o.cause = dataset_update.cause AND o.partition_key = dataset_update.partition_key"
    )
    columns = ("at", "rows", "bytes", "files", "lifecycle")
    joined = ", ".join(f"{c} = (SELECT max(o.{c}) {twins})" for c in columns)
    dataset.run(
        f"UPDATE dataset_update SET {joined} WHERE dataset_id IN (:gone, :kept)"
        f" AND EXISTS (SELECT 1 {twins} AND o.id <> dataset_update.id)"
    )


class _Move:
    """From the row `gone` to the row `kept`."""

    def __init__(self, connection: Connection, gone: int, kept: int) -> None:
        self._connection = connection
        self.given = {"gone": gone, "kept": kept}

    def run(self, statement: str, **more: object) -> Any:
        return self._connection.execute(text(statement), {**self.given, **more})

    def point(self, table: str, column: str) -> None:
        self.run(f"UPDATE {table} SET {column} = :kept WHERE {column} = :gone")

    def copy(
        self, table: str, column: str, rest: Sequence[str], conflict: str, only: str = "true"
    ) -> None:
        """Joins the rows of `gone` to those of `kept` as `conflict` says."""
        others = ", ".join(rest)
        self.run(
            f"INSERT INTO {table} ({column}, {others}) SELECT :kept, {others} FROM {table}"
            f" WHERE {column} = :gone AND {only} {conflict}"
        )
        self.run(f"DELETE FROM {table} WHERE {column} = :gone AND {only}")

    def contest(self, table: str, column: str, key: Sequence[str], order: Sequence[str]) -> None:
        """Of two rows of the same `key` the one that is greater in `order` stays."""
        same = "".join(f" AND o.{c} = {table}.{c}" for c in key)
        mine, theirs = (", ".join(_of(row, c) for c in order) for row in (table, "o"))
        self.run(
            f"DELETE FROM {table} WHERE {column} = :gone AND EXISTS (SELECT 1 FROM {table} o"
            f" WHERE o.{column} = :kept{same} AND ({theirs}) >= ({mine}))"
        )
        self.run(
            f"DELETE FROM {table} WHERE {column} = :kept AND EXISTS (SELECT 1 FROM {table} o"
            f" WHERE o.{column} = :gone{same})"
        )
        self.point(table, column)


def _of(row: str, column: str) -> str:
    return column.format(row) if "{" in column else f"{row}.{column}"


def jobs_of_dataset(connection: Connection, datasets: Iterable[int]) -> set[int]:
    """The jobs that have dealt with any of the datasets."""
    return _of_datasets(connection, _JOBS, datasets)


def runs_of_two_minds(connection: Connection, datasets: Iterable[int]) -> set[int]:
    """Runs one of whose attempts wrote such a dataset both with and without a partition."""
    return _of_datasets(connection, _RUNS, datasets)


def last_update_but(connection: Connection, number: int, causes: Collection[int]) -> int | None:
    """When the dataset was last updated by anybody but these."""
    given = {"dataset": number, "few": len(causes) + 1}
    rows = connection.execute(_LAST_UPDATES, given)
    return next((row.last for row in rows if row.cause not in causes), None)


_LAST_UPDATES = text(
    "SELECT cause, max(at) AS last FROM dataset_update WHERE dataset_id = :dataset"
    " GROUP BY cause ORDER BY 2 DESC LIMIT :few"
)
_JOBS = text("SELECT DISTINCT job_id FROM edge WHERE dataset_id = :dataset")
_RUNS = text(
    "SELECT DISTINCT a.run_id FROM run_dataset a JOIN run_dataset b ON b.run_id = a.run_id"
    " AND b.direction = a.direction AND b.dataset_id = a.dataset_id"
    " AND b.attempt_id = a.attempt_id AND b.partition_key <> ''"
    " WHERE a.dataset_id = :dataset AND a.direction = 'OUTPUT' AND a.partition_key = ''"
)


def _of_datasets(connection: Connection, query: TextClause, datasets: Iterable[int]) -> set[int]:
    rows = (connection.execute(query, {"dataset": number}) for number in set(datasets))
    return {row[0] for result in rows for row in result}
