"""The first store: who, what runs, data, and the record itself.

Written out, not derived from tables.py: what this version made must never change after a release.
Revision ID: 0001
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    column,
    true,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

ID = BigInteger().with_variant(Integer(), "sqlite")
TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    _bookkeeping()
    _who()
    _what_runs()
    _data()
    _orchestrators()
    _record()
    _default_partitions()


def _index_where(name: str, table: str, of: str, condition: ColumnElement[bool]) -> None:
    """An index over the few rows that fulfil a condition."""
    op.create_index(name, table, [of], sqlite_where=condition, postgresql_where=condition)


def partitioned(column: str) -> tuple[str, ...]:
    """What the key of a table partitioned by `column` has besides: PostgreSQL demands it there."""
    return (column,) if op.get_bind().dialect.name == "postgresql" else ()


def _bookkeeping() -> None:
    op.create_table(
        "meta",
        Column("key", Text, nullable=False),
        Column("value", Text, nullable=False),
        PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "id_block",
        Column("name", Text, nullable=False),
        Column("next", BigInteger, nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "writer",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("name", Text, nullable=False),
        Column("started_at", TIME, nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "lease",
        Column("name", Text, nullable=False),
        Column("owner", Text, nullable=False),
        Column("epoch", BigInteger, nullable=False),
        Column("held_until", TIME, nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "cursor",
        Column("reader", Text, nullable=False),
        Column("writer_id", ID, nullable=False),
        Column("seq", BigInteger, nullable=False),
        PrimaryKeyConstraint("reader", "writer_id"),
        sqlite_with_rowid=False,
    )


def _who() -> None:
    op.create_table(
        "orchestrator",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("name", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("last_event_at", TIME),
        Column("clock_skew_us", BigInteger),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("name"),
    )
    op.create_table(
        "namespace",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("name", Text, nullable=False),
        Column("orchestrator_id", ID),
        Column("owner", Text),
        Column("description", Text),
        Column("hidden", Boolean, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("updated_at", TIME, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("name"),
    )
    op.create_table(
        "team",
        Column("name", Text, nullable=False),
        Column("private", Boolean, nullable=False),
        Column("created_at", TIME, nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "token",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("name", Text, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("scopes", Text, nullable=False),
        Column("team", Text),
        Column("orchestrator", Text),
        Column("namespaces", Text, nullable=False),
        Column("created_by", Text),
        Column("created_at", TIME, nullable=False),
        Column("expires_at", TIME),
        Column("revoked_at", TIME),
        Column("last_used_at", TIME),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("digest"),
    )
    op.create_table(
        "audit",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("at", TIME, nullable=False),
        Column("actor", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("detail", Text),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])


def _what_runs() -> None:
    op.create_table(
        "job",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("namespace_id", ID, nullable=False),
        Column("name", Text, nullable=False),
        Column("orchestrator_id", ID),
        Column("parent_job_id", ID),
        Column("processing", Text),
        Column("integration", Text),
        Column("kind", Text),
        Column("description", Text),
        Column("owners", Text),
        Column("team", Text),
        Column("location", Text),
        Column("facet_marks", Text),
        Column("latest_run_id", ID),
        Column("latest_run_at", TIME),
        Column("latest_run_state", Text),
        Column("version_id", ID),
        Column("io_at", TIME),
        Column("hidden", Boolean, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("updated_at", TIME, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("namespace_id", "name"),
    )
    op.create_index("job_parent", "job", ["parent_job_id"])
    op.create_index("job_updated_at", "job", ["updated_at"])
    op.create_index("job_created_at", "job", ["created_at"])
    _index_where("job_hidden", "job", "namespace_id", column("hidden").is_(true()))
    _index_where("job_team", "job", "team", column("team").is_not(None))
    op.create_table(
        "job_facet",
        Column("job_id", ID, nullable=False),
        Column("name", Text, nullable=False),
        Column("at", TIME, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        PrimaryKeyConstraint("job_id", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_warning",
        Column("job_id", ID, nullable=False),
        Column("path", Text, nullable=False),
        Column("message", Text, nullable=False),
        Column("first_at", TIME, nullable=False),
        Column("last_at", TIME, nullable=False),
        PrimaryKeyConstraint("job_id", "path", "message"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_version",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("job_id", ID, nullable=False),
        Column("uuid", LargeBinary, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("location", Text),
        Column("inputs", Text, nullable=False),
        Column("outputs", Text, nullable=False),
        Column("run_id", ID, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("job_id", "uuid"),
    )
    op.create_table(
        "schedule",
        Column("job_id", ID, autoincrement=False, nullable=False),
        Column("kind", Text, nullable=False),
        Column("expression", Text, nullable=False),
        Column("timezone", Text, nullable=False),
        Column("paused", Boolean),
        Column("catchup", Boolean),
        Column("max_active_runs", Integer),
        Column("start_at", TIME),
        Column("end_at", TIME),
        Column("at", TIME, nullable=False),
        Column("origin", Text, nullable=False),
        PrimaryKeyConstraint("job_id"),
    )
    op.create_table(
        "run",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("orchestrator_id", ID, nullable=False),
        Column("job_id", ID, nullable=False),
        Column("natural_id", Text, nullable=False),
        Column("map_index", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("attempt_id", ID, nullable=False),
        Column("attempt_uuid", LargeBinary, nullable=False),
        Column("attempt_no", Integer, nullable=False),
        Column("sort_at", TIME, nullable=False),
        Column("started_at", TIME),
        Column("ended_at", TIME),
        Column("completed_at", TIME),
        Column("nominal_start", TIME),
        Column("nominal_end", TIME),
        Column("partition_key", Text),
        Column("parent_run_id", ID),
        Column("root_run_id", ID),
        Column("parent_mark", LargeBinary),
        Column("error_class", Text),
        Column("error_message", Text),
        Column("external_url", Text),
        Column("engine", Text),
        Column("tags", Text),
        Column("created_at", TIME, nullable=False),
        Column("updated_at", TIME, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("job_id", "natural_id", "map_index", "orchestrator_id"),
    )
    op.create_index("run_of_job", "run", ["job_id", "sort_at"])
    op.create_index("run_of_parent", "run", ["parent_run_id"])
    op.create_table(
        "attempt",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("run_id", ID, nullable=False),
        Column("job_id", ID, nullable=False),
        Column("uuid", LargeBinary, nullable=False),
        Column("no", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("state_at", TIME, nullable=False),
        Column("state_rank", SmallInteger, nullable=False),
        Column("state_digest", LargeBinary, nullable=False),
        Column("will_retry", Boolean, nullable=False),
        Column("first_at", TIME, nullable=False),
        Column("started_at", TIME),
        Column("ended_at", TIME),
        Column("completed_at", TIME),
        Column("error_class", Text),
        Column("error_message", Text),
        Column("external_url", Text),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("uuid", "job_id"),
    )
    op.create_index("attempt_of_run", "attempt", ["run_id"])
    op.create_table(
        "run_dependency",
        Column("run_id", ID, nullable=False),
        Column("job_id", ID, nullable=False),
        Column("upstream", Boolean, nullable=False),
        Column("uuid", LargeBinary),
        Column("kind", Text),
        PrimaryKeyConstraint("run_id", "job_id", "upstream"),
        sqlite_with_rowid=False,
    )


def _data() -> None:
    op.create_table(
        "dataset",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("namespace_id", ID, nullable=False),
        Column("name", Text, nullable=False),
        Column("canonical_id", ID),
        Column("symlink", Boolean),
        Column("kind", Text),
        Column("source_name", Text),
        Column("source_uri", Text),
        Column("description", Text),
        Column("owners", Text),
        Column("team", Text),
        Column("lifecycle", Text),
        Column("version", Text),
        Column("schema_id", ID),
        Column("facet_marks", Text),
        Column("last_update_at", TIME),
        Column("hidden", Boolean, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("updated_at", TIME, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("namespace_id", "name"),
    )
    op.create_index("dataset_canonical", "dataset", ["canonical_id"])
    op.create_index("dataset_updated_at", "dataset", ["updated_at"])
    op.create_index("dataset_created_at", "dataset", ["created_at"])
    _index_where("dataset_hidden", "dataset", "namespace_id", column("hidden").is_(true()))
    _index_where("dataset_team", "dataset", "team", column("team").is_not(None))
    op.create_table(
        "dataset_facet",
        Column("dataset_id", ID, nullable=False),
        Column("name", Text, nullable=False),
        Column("at", TIME, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        PrimaryKeyConstraint("dataset_id", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dataset_schema",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("dataset_id", ID, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("fields", Text, nullable=False),
        Column("first_at", TIME, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("dataset_id", "digest"),
    )
    op.create_table(
        "job_tag",
        Column("job_id", ID, nullable=False),
        Column("tag", Text, nullable=False),
        Column("value", Text, nullable=False),
        Column("origin", Text, nullable=False),
        PrimaryKeyConstraint("job_id", "tag"),
        sqlite_with_rowid=False,
    )
    op.create_index("job_tag_tag", "job_tag", ["tag"])
    op.create_table(
        "dataset_tag",
        Column("dataset_id", ID, nullable=False),
        Column("field", Text, nullable=False),
        Column("tag", Text, nullable=False),
        Column("value", Text, nullable=False),
        Column("origin", Text, nullable=False),
        PrimaryKeyConstraint("dataset_id", "field", "tag"),
        sqlite_with_rowid=False,
    )
    op.create_index("dataset_tag_tag", "dataset_tag", ["tag"])
    op.create_table(
        "tag",
        Column("name", Text, nullable=False),
        Column("description", Text),
        Column("updated_at", TIME, nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "source",
        Column("name", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("uri", Text, nullable=False),
        Column("description", Text),
        Column("created_at", TIME, nullable=False),
        Column("updated_at", TIME, nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "edge",
        Column("job_id", ID, nullable=False),
        Column("direction", Text, nullable=False),
        Column("dataset_id", ID, nullable=False),
        Column("first_at", TIME, nullable=False),
        Column("last_at", TIME, nullable=False),
        PrimaryKeyConstraint("job_id", "direction", "dataset_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("edge_of_dataset", "edge", ["dataset_id", "direction", "job_id"])
    op.create_table(
        "run_dataset",
        Column("run_id", ID, nullable=False),
        Column("direction", Text, nullable=False),
        Column("dataset_id", ID, nullable=False),
        Column("attempt_id", ID, nullable=False),
        Column("partition_key", Text, nullable=False),
        Column("at", TIME, nullable=False),
        Column("rows", BigInteger),
        Column("bytes", BigInteger),
        Column("files", BigInteger),
        Column("schema_id", ID),
        Column("schema_mark", LargeBinary),
        PrimaryKeyConstraint("run_id", "direction", "dataset_id", "attempt_id", "partition_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("run_dataset_of_dataset", "run_dataset", ["dataset_id", "direction", "run_id"])
    op.create_table(
        "dataset_update",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("dataset_id", ID, nullable=False),
        Column("partition_key", Text, nullable=False),
        Column("cause", BigInteger, nullable=False),
        Column("run_id", ID),
        Column("at", TIME, nullable=False),
        Column("rows", BigInteger),
        Column("bytes", BigInteger),
        Column("files", BigInteger),
        Column("schema_id", ID),
        Column("lifecycle", Text),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("dataset_id", "cause", "partition_key"),
    )
    op.create_index("dataset_update_at", "dataset_update", ["dataset_id", "at"])
    op.create_table(
        "column_edge",
        Column("dataset_id", ID, nullable=False),
        Column("job_id", ID, nullable=False),
        Column("to_field", Text, nullable=False),
        Column("from_dataset_id", ID, nullable=False),
        Column("from_field", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("subtype", Text, nullable=False),
        Column("description", Text),
        Column("masking", Boolean),
        Column("at", TIME, nullable=False),
        PrimaryKeyConstraint(
            "dataset_id", "job_id", "to_field", "from_dataset_id", "from_field", "kind", "subtype"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("column_edge_from", "column_edge", ["from_dataset_id", "from_field"])
    op.create_table(
        "check_result",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("dataset_id", ID, nullable=False),
        Column("name", Text, nullable=False),
        Column("column_name", Text, nullable=False),
        Column("partition_key", Text, nullable=False),
        Column("run_id", ID, nullable=False),
        Column("at", TIME, nullable=False),
        Column("status", Text, nullable=False),
        Column("severity", Text, nullable=False),
        Column("expected", Text),
        Column("actual", Text),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("dataset_id", "name", "column_name", "partition_key", "run_id"),
    )
    op.create_table(
        "freshness_policy",
        Column("dataset_id", ID, autoincrement=False, nullable=False),
        Column("max_lag_s", Float, nullable=False),
        Column("cron", Text),
        Column("timezone", Text, nullable=False),
        Column("at", TIME, nullable=False),
        PrimaryKeyConstraint("dataset_id"),
    )


def _orchestrators() -> None:
    op.create_table(
        "backlog_sample",
        Column("orchestrator_id", ID, nullable=False),
        Column("pool", Text, nullable=False),
        Column("at", TIME, nullable=False),
        Column("queued", BigInteger, nullable=False),
        Column("running", BigInteger),
        Column("capacity", BigInteger),
        Column("oldest_wait_s", Float),
        PrimaryKeyConstraint("orchestrator_id", "pool", "at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "health",
        Column("orchestrator_id", ID, nullable=False),
        Column("part", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("detail", Text),
        Column("at", TIME, nullable=False),
        PrimaryKeyConstraint("orchestrator_id", "part"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "watermark",
        Column("orchestrator_id", ID, nullable=False),
        Column("stream", Text, nullable=False),
        Column("complete_to", TIME, nullable=False),
        Column("at", TIME, nullable=False),
        PrimaryKeyConstraint("orchestrator_id", "stream"),
        sqlite_with_rowid=False,
    )


def _record() -> None:
    op.create_table(
        "lineage_event",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("received_at", TIME, nullable=False),
        Column("event_time", TIME, nullable=False),
        Column("event_type", Text, nullable=False),
        Column("orchestrator_id", ID, nullable=False),
        Column("job_id", ID),
        Column("run_id", ID),
        Column("dataset_id", ID),
        Column("payload", LargeBinary, nullable=False),
        PrimaryKeyConstraint("id", *partitioned("received_at")),
        postgresql_partition_by="RANGE (received_at)",
    )
    op.create_index("lineage_event_run", "lineage_event", ["run_id"])
    op.create_index("lineage_event_time", "lineage_event", ["event_time"])
    op.create_table(
        "event_digest",
        Column("key", LargeBinary, nullable=False),
        PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "change",
        Column("writer_id", ID, nullable=False),
        Column("seq", ID, nullable=False),
        Column("at", TIME, nullable=False),
        Column("shard", SmallInteger, nullable=False),
        Column("kind", Text, nullable=False),
        Column("job_id", ID),
        Column("run_id", ID),
        Column("attempt_id", ID),
        Column("dataset_id", ID),
        Column("detail", Text),
        PrimaryKeyConstraint("writer_id", "seq", *partitioned("at")),
        sqlite_with_rowid=False,
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "dead_letter",
        Column("id", ID, autoincrement=False, nullable=False),
        Column("received_at", TIME, nullable=False),
        Column("door", Text, nullable=False),
        Column("orchestrator", Text),
        Column("code", Text, nullable=False),
        Column("path", Text, nullable=False),
        Column("found", Text, nullable=False),
        Column("expected", Text, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("replayed_at", TIME),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_dead_letter_received_at", "dead_letter", ["received_at"])
    op.create_table(
        "counter",
        Column("name", Text, nullable=False),
        Column("scope_id", ID, nullable=False),
        Column("writer_id", ID, nullable=False),
        Column("value", BigInteger, nullable=False),
        PrimaryKeyConstraint("name", "scope_id", "writer_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_count",
        Column("hour", TIME, nullable=False),
        Column("event_type", Text, nullable=False),
        Column("writer_id", ID, nullable=False),
        Column("value", BigInteger, nullable=False),
        PrimaryKeyConstraint("hour", "event_type", "writer_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "search_term",
        Column("term", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False),
        Column("kind", Text, nullable=False),
        Column("entity_id", ID, nullable=False),
        Column("origin", Text, nullable=False),
        PrimaryKeyConstraint("term", "kind", "entity_id", "origin"),
        sqlite_with_rowid=False,
    )
    op.create_index("search_term_entity", "search_term", ["kind", "entity_id"])


def _default_partitions() -> None:
    """Where a row lands that no week was made for; the weeks follow at each start of a hub."""
    if op.get_bind().dialect.name == "postgresql":
        for table in ("lineage_event", "change"):
            op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
