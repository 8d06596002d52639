"""The record itself: events, changes, dead letters, counts, words to search by."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, SmallInteger, Text

from hub.store.tables.base import at, id_column, key, ref, table_of, text, text_key
from hub.store.types import Timestamp

# On PostgreSQL partitioned by received_at (see the first migration).
lineage_event = table_of(
    "lineage_event",
    id_column(),
    at("received_at"),
    at("event_time"),
    text("event_type", required=True),  # or JOB, DATASET
    ref("orchestrator_id"),
    ref("job_id", required=False),
    ref("run_id", required=False),
    ref("dataset_id", required=False),
    Column("payload", LargeBinary, nullable=False),
)
Index("lineage_event_time", lineage_event.c.event_time)
Index("lineage_event_run", lineage_event.c.run_id)

# `key` is the event's hour (4 bytes) and its digest: neighbours in time are neighbours on disk.
event_digest = table_of(
    "event_digest",
    Column("key", LargeBinary, primary_key=True),
    clustered=True,
)

# On PostgreSQL partitioned by at. (writer_id, seq) is the order in which one writer committed.
change = table_of(
    "change",
    key("writer_id"),
    key("seq"),
    at("at"),
    Column("shard", SmallInteger, nullable=False),
    text("kind", required=True),
    ref("job_id", required=False),
    ref("run_id", required=False),
    ref("attempt_id", required=False),
    ref("dataset_id", required=False),
    text("detail"),  # JSON
    clustered=True,
)

dead_letter = table_of(
    "dead_letter",
    id_column(),
    Column("received_at", Timestamp, nullable=False, index=True),
    text("door", required=True),  # lineage | observations
    text("orchestrator"),
    text("code", required=True),
    text("path", required=True),
    text("found", required=True),
    text("expected", required=True),
    Column("size", BigInteger, nullable=False),  # bytes of the payload as it came
    Column("payload", LargeBinary, nullable=False),
    at("replayed_at", required=False),
)

# Counts kept per writer, so that two writers never wait for each other's row.
counter = table_of(
    "counter",
    text_key("name"),
    key("scope_id"),
    key("writer_id"),
    Column("value", BigInteger, nullable=False),
    clustered=True,
)

event_count = table_of(
    "event_count",
    Column("hour", Timestamp, primary_key=True),
    text_key("event_type"),
    key("writer_id"),
    Column("value", BigInteger, nullable=False),
    clustered=True,
)

# The part of `event_count` that belongs to teams, so that it can be taken off for whom it is not.
# An event counts for the team that had its job, or its dataset, when it came in.
team_event_count = table_of(
    "team_event_count",
    text_key("team"),
    Column("hour", Timestamp, primary_key=True),
    text_key("event_type"),
    key("writer_id"),
    Column("value", BigInteger, nullable=False),
    clustered=True,
)

# Word endings of names, tags, owners and short facet values, lower-case.
search_term = table_of(
    "search_term",
    # A prefix is a range only where letters sort by their code points, as they do on SQLite.
    Column("term", Text().with_variant(Text(collation="C"), "postgresql"), primary_key=True),
    text_key("kind"),  # job | dataset
    key("entity_id"),
    text_key("origin"),  # name | namespace | tag | owner | facet:NAME
    clustered=True,
)
Index("search_term_entity", search_term.c.kind, search_term.c.entity_id)
