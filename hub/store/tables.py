"""All tables. Keys are small integers that the writers hand out in blocks (`id_block`).

Instants are microseconds (`Timestamp`), JSON is text, raw payloads are zstd bytes: the same bytes
on SQLite and PostgreSQL, so one statement serves both and an export is a plain copy.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from hub.store.types import Id, Timestamp

metadata = MetaData()


def _table(name: str, *columns: Any, clustered: bool = False) -> Table:
    """A table; `clustered` ones live in their primary key's order (no rowid) on SQLite."""
    return Table(name, metadata, *columns, sqlite_with_rowid=not clustered)


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=False)


def _key(name: str) -> Column[int]:
    return Column(name, Id, primary_key=True, autoincrement=False)


def _text_key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _ref(name: str, *, required: bool = True) -> Column[int]:
    return Column(name, Id, nullable=not required)


def _at(name: str, *, required: bool = True) -> Column[Any]:
    return Column(name, Timestamp, nullable=not required)


def _text(name: str, *, required: bool = False) -> Column[str]:
    return Column(name, Text, nullable=not required)


def _where(name: str, column: Column[Any], condition: ColumnElement[bool]) -> None:
    """An index over the few rows that fulfil a condition."""
    Index(name, column, sqlite_where=condition, postgresql_where=condition)


meta = _table("meta", _text_key("key"), _text("value", required=True))

id_block = _table("id_block", _text_key("name"), Column("next", BigInteger, nullable=False))

writer = _table("writer", _id(), _text("name", required=True), _at("started_at"))

lease = _table(
    "lease",
    _text_key("name"),
    _text("owner", required=True),
    Column("epoch", BigInteger, nullable=False),
    _at("held_until"),
)

# One row per (reader, writer): the last change of that writer the reader has dealt with.
cursor = _table(
    "cursor",
    _text_key("reader"),
    _key("writer_id"),
    Column("seq", BigInteger, nullable=False),
    clustered=True,
)

# -- who ---------------------------------------------------------------------------------------

orchestrator = _table(
    "orchestrator",
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _text("kind", required=True),
    _at("created_at"),
    _at("last_event_at", required=False),
    Column("clock_skew_us", BigInteger),
)

namespace = _table(
    "namespace",
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _ref("orchestrator_id", required=False),
    _text("owner"),
    _text("description"),
    Column("hidden", Boolean, nullable=False),
    _at("created_at"),
    _at("updated_at"),
)

team = _table(
    "team",
    _text_key("name"),
    Column("private", Boolean, nullable=False),
    _at("created_at"),
)

token = _table(
    "token",
    _id(),
    _text("name", required=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    _text("scopes", required=True),  # JSON list
    _text("team"),
    _text("orchestrator"),
    _text("namespaces", required=True),  # JSON list of globs it may write; [] = none
    _text("created_by"),
    _at("created_at"),
    _at("expires_at", required=False),
    _at("revoked_at", required=False),
    _at("last_used_at", required=False),
)

audit = _table(
    "audit",
    _id(),
    Column("at", Timestamp, nullable=False, index=True),
    _text("actor", required=True),
    _text("action", required=True),
    _text("subject", required=True),
    _text("detail"),  # JSON
)

# -- what runs ---------------------------------------------------------------------------------

job = _table(
    "job",
    _id(),
    _ref("namespace_id"),
    _text("name", required=True),
    _ref("orchestrator_id", required=False),
    _ref("parent_job_id", required=False),
    _text("processing"),
    _text("integration"),
    _text("kind"),
    _text("description"),
    _text("owners"),  # JSON list
    _text("team"),
    _text("location"),
    _text("facet_marks"),  # JSON {facet: [at, digest]}: which version of each facet holds
    _ref("latest_run_id", required=False),
    Column("latest_run_at", Timestamp),  # sort_at of latest_run_id
    _text("latest_run_state"),
    _ref("version_id", required=False),
    Column("io_at", Timestamp),  # end of the latest completed run that named datasets
    Column("hidden", Boolean, nullable=False),
    _at("created_at"),
    _at("updated_at"),
    UniqueConstraint("namespace_id", "name"),
)
Index("job_updated_at", job.c.updated_at)
Index("job_parent", job.c.parent_job_id)
Index("job_created_at", job.c.created_at)
_where("job_hidden", job.c.namespace_id, job.c.hidden.is_(True))
_where("job_team", job.c.team, job.c.team.is_not(None))

job_facet = _table(
    "job_facet",
    _key("job_id"),
    _text_key("name"),
    _at("at"),
    Column("payload", LargeBinary, nullable=False),
    clustered=True,
)

job_warning = _table(
    "job_warning",
    _key("job_id"),
    _text_key("path"),
    _text_key("message"),
    _at("first_at"),
    _at("last_at"),
    clustered=True,
)

# A version of a job: its location and the datasets of a completed run or job event of it.
job_version = _table(
    "job_version",
    _id(),
    _ref("job_id"),
    Column("uuid", LargeBinary, nullable=False),
    _at("created_at"),
    _text("location"),
    _text("inputs", required=True),  # JSON list of dataset ids
    _text("outputs", required=True),
    _ref("run_id"),  # 0: told by a job event
    UniqueConstraint("job_id", "uuid"),
)

schedule = _table(
    "schedule",
    _key("job_id"),
    _text("kind", required=True),
    _text("expression", required=True),
    _text("timezone", required=True),
    Column("paused", Boolean),
    Column("catchup", Boolean),
    Column("max_active_runs", Integer),
    _at("start_at", required=False),
    _at("end_at", required=False),
    _at("at"),
    _text("origin", required=True),  # facet | observation
)

run = _table(
    "run",
    _id(),
    _ref("orchestrator_id"),
    _ref("job_id"),
    _text("natural_id", required=True),
    Column("map_index", Integer, nullable=False),
    _text("state", required=True),
    _ref("attempt_id"),  # the latest attempt
    Column("attempt_uuid", LargeBinary, nullable=False),
    Column("attempt_no", Integer, nullable=False),
    _at("sort_at"),  # start, or the earliest event that named the run
    _at("started_at", required=False),
    _at("ended_at", required=False),
    _at("completed_at", required=False),  # latest COMPLETE any attempt reported
    _at("nominal_start", required=False),
    _at("nominal_end", required=False),
    _text("partition_key"),
    _ref("parent_run_id", required=False),
    _ref("root_run_id", required=False),
    Column("parent_mark", LargeBinary),  # which event told the parent and the root
    _text("error_class"),
    _text("error_message"),
    _text("external_url"),
    _text("engine"),
    _text("tags"),  # JSON
    _at("created_at"),
    _at("updated_at"),
    UniqueConstraint("job_id", "natural_id", "map_index", "orchestrator_id"),
)
Index("run_of_job", run.c.job_id, run.c.sort_at)
Index("run_of_parent", run.c.parent_run_id)

attempt = _table(
    "attempt",
    _id(),
    _ref("run_id"),
    _ref("job_id"),
    Column("uuid", LargeBinary, nullable=False),
    Column("no", Integer, nullable=False),
    _text("state", required=True),
    _at("state_at"),
    Column("state_rank", SmallInteger, nullable=False),
    Column("state_digest", LargeBinary, nullable=False),
    Column("will_retry", Boolean, nullable=False),
    _at("first_at"),
    _at("started_at", required=False),
    _at("ended_at", required=False),
    _at("completed_at", required=False),  # latest COMPLETE it reported, whatever came after
    _text("error_class"),
    _text("error_message"),
    _text("external_url"),
    UniqueConstraint("uuid", "job_id"),
)
Index("attempt_of_run", attempt.c.run_id)

run_dependency = _table(
    "run_dependency",
    _key("run_id"),
    _key("job_id"),
    Column("upstream", Boolean, primary_key=True),
    Column("uuid", LargeBinary),
    _text("kind"),
    clustered=True,
)

# -- data --------------------------------------------------------------------------------------

dataset = _table(
    "dataset",
    _id(),
    _ref("namespace_id"),
    _text("name", required=True),
    _ref("canonical_id", required=False),  # the dataset this name means
    Column("symlink", Boolean),  # some event calls it a symlink of another
    _text("kind"),
    _text("source_name"),
    _text("source_uri"),
    _text("description"),
    _text("owners"),  # JSON list
    _text("team"),
    _text("lifecycle"),
    _text("version"),
    _ref("schema_id", required=False),
    _text("facet_marks"),
    _at("last_update_at", required=False),
    Column("hidden", Boolean, nullable=False),
    _at("created_at"),
    _at("updated_at"),
    UniqueConstraint("namespace_id", "name"),
)
Index("dataset_updated_at", dataset.c.updated_at)
Index("dataset_canonical", dataset.c.canonical_id)
Index("dataset_created_at", dataset.c.created_at)
_where("dataset_hidden", dataset.c.namespace_id, dataset.c.hidden.is_(True))
_where("dataset_team", dataset.c.team, dataset.c.team.is_not(None))

dataset_facet = _table(
    "dataset_facet",
    _key("dataset_id"),
    _text_key("name"),
    _at("at"),
    Column("payload", LargeBinary, nullable=False),
    clustered=True,
)

dataset_schema = _table(
    "dataset_schema",
    _id(),
    _ref("dataset_id"),
    Column("digest", LargeBinary, nullable=False),
    _text("fields", required=True),  # JSON [[name, type, description], ...]
    _at("first_at"),
    UniqueConstraint("dataset_id", "digest"),
)

# A job's or dataset's tag; `origin` user: set by a person and not by an event.
job_tag = _table(
    "job_tag",
    _key("job_id"),
    _text_key("tag"),
    _text("value", required=True),
    _text("origin", required=True),
    clustered=True,
)
Index("job_tag_tag", job_tag.c.tag)

dataset_tag = _table(
    "dataset_tag",
    _key("dataset_id"),
    _text_key("field"),
    _text_key("tag"),
    _text("value", required=True),
    _text("origin", required=True),
    clustered=True,
)
Index("dataset_tag_tag", dataset_tag.c.tag)

tag = _table("tag", _text_key("name"), _text("description"), _at("updated_at"))

source = _table(
    "source",
    _text_key("name"),
    _text("kind", required=True),
    _text("uri", required=True),
    _text("description"),
    _at("created_at"),
    _at("updated_at"),
)

# Between a job and a dataset, for all time. It is current while last_at >= job.io_at.
edge = _table(
    "edge",
    _key("job_id"),
    _text_key("direction"),
    _key("dataset_id"),
    _at("first_at"),
    _at("last_at"),
    clustered=True,
)
Index("edge_of_dataset", edge.c.dataset_id, edge.c.direction, edge.c.job_id)

# What each attempt of a run did to a dataset (partition).
run_dataset = _table(
    "run_dataset",
    _key("run_id"),
    _text_key("direction"),
    _key("dataset_id"),
    _key("attempt_id"),
    _text_key("partition_key"),  # "": not told; the run's own then
    _at("at"),
    Column("rows", BigInteger),
    Column("bytes", BigInteger),
    Column("files", BigInteger),
    _ref("schema_id", required=False),
    Column("schema_mark", LargeBinary),  # which event showed the schema
    clustered=True,
)
Index(
    "run_dataset_of_dataset",
    run_dataset.c.dataset_id,
    run_dataset.c.direction,
    run_dataset.c.run_id,
)

# `cause` is the attempt, or minus the event time where a dataset says itself that it was written.
dataset_update = _table(
    "dataset_update",
    _id(),
    _ref("dataset_id"),
    _text("partition_key", required=True),  # "" = whole
    Column("cause", BigInteger, nullable=False),
    _ref("run_id", required=False),
    _at("at"),
    Column("rows", BigInteger),
    Column("bytes", BigInteger),
    Column("files", BigInteger),
    _ref("schema_id", required=False),
    _text("lifecycle"),
    UniqueConstraint("dataset_id", "cause", "partition_key"),
)
Index("dataset_update_at", dataset_update.c.dataset_id, dataset_update.c.at)

column_edge = _table(
    "column_edge",
    _key("dataset_id"),
    _key("job_id"),  # 0: told by the dataset itself
    _text_key("to_field"),  # "": holds for every column
    _key("from_dataset_id"),
    _text_key("from_field"),  # "": the dataset as a whole
    _text_key("kind"),
    _text_key("subtype"),
    _text("description"),
    Column("masking", Boolean),
    _at("at"),
    clustered=True,
)
Index("column_edge_from", column_edge.c.from_dataset_id, column_edge.c.from_field)

check_result = _table(
    "check_result",
    _id(),
    _ref("dataset_id"),
    _text("name", required=True),
    _text("column_name", required=True),  # "": the dataset as a whole
    _text("partition_key", required=True),  # "": not told; the run's own then
    _ref("run_id"),  # 0: no run
    _at("at"),
    _text("status", required=True),
    _text("severity", required=True),
    _text("expected"),
    _text("actual"),
    UniqueConstraint("dataset_id", "name", "column_name", "partition_key", "run_id"),
)

freshness_policy = _table(
    "freshness_policy",
    _key("dataset_id"),
    Column("max_lag_s", Float, nullable=False),
    _text("cron"),
    _text("timezone", required=True),
    _at("at"),
)

# -- what orchestrators say of themselves --------------------------------------------------------

backlog_sample = _table(
    "backlog_sample",
    _key("orchestrator_id"),
    _text_key("pool"),
    Column("at", Timestamp, primary_key=True),
    Column("queued", BigInteger, nullable=False),
    Column("running", BigInteger),
    Column("capacity", BigInteger),
    Column("oldest_wait_s", Float),
    clustered=True,
)

health = _table(
    "health",
    _key("orchestrator_id"),
    _text_key("part"),
    _text("status", required=True),
    _text("detail"),
    _at("at"),
    clustered=True,
)

watermark = _table(
    "watermark",
    _key("orchestrator_id"),
    _text_key("stream"),
    _at("complete_to"),
    _at("at"),
    clustered=True,
)

# -- the record itself ---------------------------------------------------------------------------

# On PostgreSQL partitioned by received_at (see the first migration).
lineage_event = _table(
    "lineage_event",
    _id(),
    _at("received_at"),
    _at("event_time"),
    _text("event_type", required=True),  # or JOB, DATASET
    _ref("orchestrator_id"),
    _ref("job_id", required=False),
    _ref("run_id", required=False),
    _ref("dataset_id", required=False),
    Column("payload", LargeBinary, nullable=False),
)
Index("lineage_event_time", lineage_event.c.event_time)
Index("lineage_event_run", lineage_event.c.run_id)

# `key` is the event's hour (4 bytes) and its digest: neighbours in time are neighbours on disk.
event_digest = _table(
    "event_digest",
    Column("key", LargeBinary, primary_key=True),
    clustered=True,
)

# On PostgreSQL partitioned by at. (writer_id, seq) is the order in which one writer committed.
change = _table(
    "change",
    _key("writer_id"),
    _key("seq"),
    _at("at"),
    Column("shard", SmallInteger, nullable=False),
    _text("kind", required=True),
    _ref("job_id", required=False),
    _ref("run_id", required=False),
    _ref("attempt_id", required=False),
    _ref("dataset_id", required=False),
    _text("detail"),  # JSON
    clustered=True,
)

dead_letter = _table(
    "dead_letter",
    _id(),
    Column("received_at", Timestamp, nullable=False, index=True),
    _text("door", required=True),  # lineage | observations
    _text("orchestrator"),
    _text("code", required=True),
    _text("path", required=True),
    _text("found", required=True),
    _text("expected", required=True),
    Column("size", BigInteger, nullable=False),  # bytes of the payload as it came
    Column("payload", LargeBinary, nullable=False),
    _at("replayed_at", required=False),
)

# Counts kept per writer, so that two writers never wait for each other's row.
counter = _table(
    "counter",
    _text_key("name"),
    _key("scope_id"),
    _key("writer_id"),
    Column("value", BigInteger, nullable=False),
    clustered=True,
)

event_count = _table(
    "event_count",
    Column("hour", Timestamp, primary_key=True),
    _text_key("event_type"),
    _key("writer_id"),
    Column("value", BigInteger, nullable=False),
    clustered=True,
)

# Word endings of names, tags, owners and short facet values, lower-case.
search_term = _table(
    "search_term",
    # A prefix is a range only where letters sort by their code points, as they do on SQLite.
    Column("term", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    _text_key("kind"),  # job | dataset
    _key("entity_id"),
    _text_key("origin"),  # name | namespace | tag | owner | facet:NAME
    clustered=True,
)
Index("search_term_entity", search_term.c.kind, search_term.c.entity_id)
