"""Rows of the recorded tables as the writing side works on them, and their statements.

A row is loaded, changed in memory by pure code and saved if it differs: mutable on purpose, and
never seen outside the writer. Instants are microseconds; field names are column names.
"""

from __future__ import annotations

from operator import itemgetter
from typing import ClassVar

from msgspec import Struct
from sqlalchemy import Table, UniqueConstraint

from hub.store import tables
from hub.store.bulk import Fetch, Insert, Update


class JobRow(Struct):
    id: int
    namespace_id: int
    name: str
    orchestrator_id: int | None
    hidden: bool
    created_at: int
    updated_at: int
    parent_job_id: int | None = None
    processing: str | None = None
    integration: str | None = None
    kind: str | None = None
    description: str | None = None
    owners: str | None = None
    team: str | None = None
    location: str | None = None
    facet_marks: str | None = None
    latest_run_id: int | None = None
    latest_run_at: int | None = None
    latest_run_state: str | None = None
    version_id: int | None = None
    io_at: int | None = None


class DatasetRow(Struct):
    id: int
    namespace_id: int
    name: str
    hidden: bool
    created_at: int
    updated_at: int
    canonical_id: int | None = None
    symlink: bool | None = None
    kind: str | None = None
    source_name: str | None = None
    source_uri: str | None = None
    description: str | None = None
    owners: str | None = None
    team: str | None = None
    lifecycle: str | None = None
    version: str | None = None
    schema_id: int | None = None
    facet_marks: str | None = None
    last_update_at: int | None = None


class RunRow(Struct):
    id: int
    orchestrator_id: int
    job_id: int
    natural_id: str
    map_index: int
    state: str
    attempt_id: int
    attempt_uuid: bytes
    attempt_no: int
    sort_at: int
    created_at: int
    updated_at: int
    started_at: int | None = None
    ended_at: int | None = None
    completed_at: int | None = None
    nominal_start: int | None = None
    nominal_end: int | None = None
    partition_key: str | None = None
    parent_run_id: int | None = None
    root_run_id: int | None = None
    parent_mark: bytes | None = None
    error_class: str | None = None
    error_message: str | None = None
    external_url: str | None = None
    engine: str | None = None
    tags: str | None = None
    own_state: str | None = None
    queued_at: int | None = None
    backfill: str | None = None


class AttemptRow(Struct):
    id: int
    run_id: int
    job_id: int
    uuid: bytes
    no: int
    state: str
    state_at: int
    state_rank: int
    state_digest: bytes
    will_retry: bool
    first_at: int
    started_at: int | None = None
    ended_at: int | None = None
    completed_at: int | None = None
    error_class: str | None = None
    error_message: str | None = None
    external_url: str | None = None
    own_state: str | None = None
    queued_at: int | None = None
    answered_at: int | None = None
    end_heard_at: int | None = None
    ends: int | None = None


class Statements:
    """How the rows of one table are read and written.

    `settled` are the indexed columns, which seldom change: SQLite would move a row within an index
    whenever a statement sets one of its columns, be it to what it was.
    """

    def __init__(self, table: Table, row: type[Struct]) -> None:
        columns = row.__struct_fields__
        values = [c for c in columns if c != "id"]
        settled = [c for c in values if c in _indexed(table) and c != "updated_at"]
        moving = [c for c in values if c not in settled]
        self.table = table.name
        self.insert = Insert(table, columns)
        self.update = Update(table, ["id"], values)
        self.move = Update(table, ["id"], moving)
        self.by_id = Fetch(table, ["id"], columns, lock="id")
        self.settled = itemgetter(*map(columns.index, settled))
        self.moving = itemgetter(*map(columns.index, ["id", *moving]))


def _indexed(table: Table) -> set[str]:
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    indexed = [column.name for index in table.indexes for column in index.columns]
    return {*indexed, *(column.name for one in unique for column in one.columns)}


class Rows:
    """The statements of every row type, and the look-ups by natural key."""

    JOB: ClassVar = Statements(tables.job, JobRow)
    DATASET: ClassVar = Statements(tables.dataset, DatasetRow)
    RUN: ClassVar = Statements(tables.run, RunRow)
    ATTEMPT: ClassVar = Statements(tables.attempt, AttemptRow)


JOB_BY_NAME = Fetch(tables.job, ["namespace_id", "name"], JobRow.__struct_fields__, lock="id")
DATASET_BY_NAME = Fetch(
    tables.dataset, ["namespace_id", "name"], DatasetRow.__struct_fields__, lock="id"
)
RUN_BY_KEY = Fetch(
    tables.run,
    ["job_id", "natural_id", "map_index", "orchestrator_id"],
    RunRow.__struct_fields__,
    lock="id",
)
ATTEMPT_BY_UUID = Fetch(tables.attempt, ["uuid", "job_id"], AttemptRow.__struct_fields__, lock="id")
# For runs that are locked: whoever changes an attempt has locked its run.
ATTEMPTS_OF_RUN = Fetch(tables.attempt, ["run_id"], AttemptRow.__struct_fields__)
SHADOWS = Fetch(tables.dataset, ["canonical_id"], DatasetRow.__struct_fields__, lock="id")
LATEST_RUN = Fetch(
    tables.run,
    ["job_id"],
    ["id", "sort_at", "state"],
    tail="ORDER BY sort_at DESC, natural_id DESC, map_index DESC LIMIT 1",
)
