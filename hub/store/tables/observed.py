"""What orchestrators say of themselves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, LargeBinary

from hub.store.tables.base import at, key, table_of, text, text_key
from hub.store.types import Timestamp

backlog_sample = table_of(
    "backlog_sample",
    key("orchestrator_id"),
    text_key("pool"),
    Column("at", Timestamp, primary_key=True),
    Column("queued", BigInteger, nullable=False),
    Column("running", BigInteger),
    Column("capacity", BigInteger),
    Column("oldest_wait_s", Float),
    clustered=True,
)

# How polling an orchestrator goes, and where it goes on.
poll = table_of(
    "poll",
    text_key("orchestrator"),
    text("cursor", required=True),  # JSON, the adapter's own
    at("begun_at", required=False),  # of the latest poll
    at("ended_at", required=False),
    at("complete_at", required=False),  # of the latest poll that left nothing to read
    at("next_at"),
    Column("failures", BigInteger, nullable=False),  # in a row
    text("error"),
    text("progress", required=True),
    Column("requests", BigInteger, nullable=False),  # of all polls
    Column("events", BigInteger, nullable=False),  # new ones, of all polls
    Column("clock_skew_us", BigInteger),
)

# What a sensor has seen, and when it looks next.
sensor_state = table_of(
    "sensor_state",
    text_key("name"),
    text("declared", required=True),  # digest of what was declared; another begins anew
    text("cursor", required=True),  # JSON, the kind's own
    text("pending"),  # JSON: sightings that are not recorded yet
    text("waits_for"),
    at("next_at"),
    at("looked_at", required=False),
    at("sighted_at", required=False),
    Column("failures", BigInteger, nullable=False),  # in a row
    text("error"),
    text("lease"),
    at("leased_until", required=False),
    clustered=True,
)
Index("sensor_state_next_at", sensor_state.c.next_at)

health = table_of(
    "health",
    key("orchestrator_id"),
    text_key("part"),
    text("status", required=True),
    text("detail"),
    at("at"),
    clustered=True,
)

# Backfills of orchestrators' own, of which runs tell the natural id.
backfill_told = table_of(
    "backfill_told",
    key("orchestrator_id"),
    text_key("natural_id"),
    text("state", required=True),
    text("about", required=True),
    Column("partitions", BigInteger),
    at("begun_at", required=False),
    at("ended_at", required=False),
    at("at"),
    clustered=True,
)

# Of each dataset what its orchestrator says of its partitions.
partitions_told = table_of(
    "partitions_told",
    key("dataset_id"),
    text("definition", required=True),
    Column("truncated", Boolean, nullable=False),
    Column("statuses", LargeBinary, nullable=False),  # zstd JSON {status: [key, ...]}
    at("at"),
    clustered=True,
)

watermark = table_of(
    "watermark",
    key("orchestrator_id"),
    text_key("stream"),
    at("complete_to"),
    at("at"),
    clustered=True,
)
