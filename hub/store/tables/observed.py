"""What orchestrators say of themselves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float

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

health = table_of(
    "health",
    key("orchestrator_id"),
    text_key("part"),
    text("status", required=True),
    text("detail"),
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
