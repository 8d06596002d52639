"""The store itself, its writers, and how far its readers have read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column

from hub.store.tables.base import at, id_column, key, table_of, text, text_key

meta = table_of("meta", text_key("key"), text("value", required=True))

id_block = table_of("id_block", text_key("name"), Column("next", BigInteger, nullable=False))

writer = table_of("writer", id_column(), text("name", required=True), at("started_at"))

lease = table_of(
    "lease",
    text_key("name"),
    text("owner", required=True),
    Column("epoch", BigInteger, nullable=False),
    at("held_until"),
)

# One row per (reader, writer): the last change of that writer the reader has dealt with.
cursor = table_of(
    "cursor",
    text_key("reader"),
    key("writer_id"),
    Column("seq", BigInteger, nullable=False),
    clustered=True,
)
