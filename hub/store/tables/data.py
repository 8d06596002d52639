"""Data: datasets, who deals with them, and how good they are."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, LargeBinary, UniqueConstraint

from hub.store.tables.base import at, id_column, key, partial_index, ref, table_of, text, text_key

dataset = table_of(
    "dataset",
    id_column(),
    ref("namespace_id"),
    text("name", required=True),
    ref("canonical_id", required=False),  # the dataset this name means
    Column("symlink", Boolean),  # some event calls it a symlink of another
    text("kind"),
    text("source_name"),
    text("source_uri"),
    text("description"),
    text("owners"),  # JSON list
    text("team"),
    text("lifecycle"),
    text("version"),
    ref("schema_id", required=False),
    text("facet_marks"),
    at("last_update_at", required=False),
    Column("hidden", Boolean, nullable=False),
    at("created_at"),
    at("updated_at"),
    UniqueConstraint("namespace_id", "name"),
)
Index("dataset_updated_at", dataset.c.updated_at)
Index("dataset_canonical", dataset.c.canonical_id)
Index("dataset_created_at", dataset.c.created_at)
partial_index("dataset_hidden", dataset.c.namespace_id, dataset.c.hidden.is_(True))
partial_index("dataset_team", dataset.c.team, dataset.c.team.is_not(None))

dataset_facet = table_of(
    "dataset_facet",
    key("dataset_id"),
    text_key("name"),
    at("at"),
    Column("payload", LargeBinary, nullable=False),
    clustered=True,
)

dataset_schema = table_of(
    "dataset_schema",
    id_column(),
    ref("dataset_id"),
    Column("digest", LargeBinary, nullable=False),
    text("fields", required=True),  # JSON [[name, type, description], ...]
    at("first_at"),
    UniqueConstraint("dataset_id", "digest"),
)

# A job's or dataset's tag; `origin` user: set by a person and not by an event.
job_tag = table_of(
    "job_tag",
    key("job_id"),
    text_key("tag"),
    text("value", required=True),
    text("origin", required=True),
    clustered=True,
)
Index("job_tag_tag", job_tag.c.tag)

dataset_tag = table_of(
    "dataset_tag",
    key("dataset_id"),
    text_key("field"),
    text_key("tag"),
    text("value", required=True),
    text("origin", required=True),
    clustered=True,
)
Index("dataset_tag_tag", dataset_tag.c.tag)

tag = table_of("tag", text_key("name"), text("description"), at("updated_at"))

source = table_of(
    "source",
    text_key("name"),
    text("kind", required=True),
    text("uri", required=True),
    text("description"),
    at("created_at"),
    at("updated_at"),
)

# Between a job and a dataset, for all time. It is current while last_at >= job.io_at.
edge = table_of(
    "edge",
    key("job_id"),
    text_key("direction"),
    key("dataset_id"),
    at("first_at"),
    at("last_at"),
    clustered=True,
)
Index("edge_of_dataset", edge.c.dataset_id, edge.c.direction, edge.c.job_id)

# What each attempt of a run did to a dataset (partition).
run_dataset = table_of(
    "run_dataset",
    key("run_id"),
    text_key("direction"),
    key("dataset_id"),
    key("attempt_id"),
    text_key("partition_key"),  # "": not told; the run's own then
    at("at"),
    Column("rows", BigInteger),
    Column("bytes", BigInteger),
    Column("files", BigInteger),
    ref("schema_id", required=False),
    Column("schema_mark", LargeBinary),  # which event showed the schema
    clustered=True,
)
Index(
    "run_dataset_of_dataset",
    run_dataset.c.dataset_id,
    run_dataset.c.direction,
    run_dataset.c.partition_key,
    run_dataset.c.at,
)

# `cause` is the attempt, or minus the event time where a dataset says itself that it was written.
dataset_update = table_of(
    "dataset_update",
    id_column(),
    ref("dataset_id"),
    text("partition_key", required=True),  # "" = whole
    Column("cause", BigInteger, nullable=False),
    ref("run_id", required=False),
    at("at"),
    Column("rows", BigInteger),
    Column("bytes", BigInteger),
    Column("files", BigInteger),
    ref("schema_id", required=False),
    text("lifecycle"),
    UniqueConstraint("dataset_id", "cause", "partition_key"),
)
Index("dataset_update_at", dataset_update.c.dataset_id, dataset_update.c.at)
Index(
    "dataset_update_partition",
    dataset_update.c.dataset_id,
    dataset_update.c.partition_key,
    dataset_update.c.at,
    sqlite_where=dataset_update.c.partition_key != "",
    postgresql_where=dataset_update.c.partition_key != "",
)

column_edge = table_of(
    "column_edge",
    key("dataset_id"),
    key("job_id"),  # 0: told by the dataset itself
    text_key("to_field"),  # "": holds for every column
    key("from_dataset_id"),
    text_key("from_field"),  # "": the dataset as a whole
    text_key("kind"),
    text_key("subtype"),
    text("description"),
    Column("masking", Boolean),
    at("at"),
    clustered=True,
)
Index("column_edge_from", column_edge.c.from_dataset_id, column_edge.c.from_field)

check_result = table_of(
    "check_result",
    id_column(),
    ref("dataset_id"),
    text("name", required=True),
    text("column_name", required=True),  # "": the dataset as a whole
    text("partition_key", required=True),  # "": not told; the run's own then
    ref("run_id"),  # 0: no run
    at("at"),
    text("status", required=True),
    text("severity", required=True),
    text("expected"),
    text("actual"),
    UniqueConstraint("dataset_id", "name", "column_name", "partition_key", "run_id"),
)
Index(
    "check_result_at",
    check_result.c.dataset_id,
    check_result.c.name,
    check_result.c.column_name,
    check_result.c.partition_key,
    check_result.c.at,
)
# What was reported since an update.
Index("check_result_since", check_result.c.dataset_id, check_result.c.at)

freshness_policy = table_of(
    "freshness_policy",
    key("dataset_id"),
    Column("max_lag_s", Float, nullable=False),
    text("cron"),
    text("timezone", required=True),
    at("at"),
)
