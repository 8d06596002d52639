"""Heartbeats: jobs that tell of their runs by a URL, the runs they tell of, and keys of slug URLs."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, UniqueConstraint

from hub.store.tables.base import at, id_column, key, table_of, text, text_key

heartbeat = table_of(
    "heartbeat",
    id_column(),
    text("namespace", required=True),
    text("name", required=True),
    text("slug", required=True),
    Column("digest", LargeBinary, nullable=False, unique=True),  # of the uuid in its URL
    text("schedule"),  # JSON; none: nobody has told one
    at("anchor"),  # the run that the next one is due a period after
    text("team"),
    text("orchestrator"),  # whose token made it
    text("created_by", required=True),
    at("created_at"),
    at("pinged_at", required=False),
    text("origin"),  # file: trackside.yaml declares it
    UniqueConstraint("namespace", "name"),
)
Index("heartbeat_slug", heartbeat.c.namespace, heartbeat.c.slug)

# The latest run of each rid; pings without one share the empty rid.
heartbeat_run = table_of(
    "heartbeat_run",
    key("heartbeat_id"),
    text_key("rid"),
    Column("run_id", LargeBinary, nullable=False),
    at("started_at"),
    at("ended_at", required=False),
    text("outcome"),  # COMPLETE | FAIL
    text("log", required=True),
    clustered=True,
)

# Who shows a namespace's key may ping its heartbeats by their slugs, and make new ones.
ping_key = table_of(
    "ping_key",
    text_key("namespace"),
    Column("digest", LargeBinary, nullable=False, unique=True),
    text("team"),
    text("orchestrator"),
    text("created_by", required=True),
    at("created_at"),
    clustered=True,
)
