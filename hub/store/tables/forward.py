"""Receivers: how far each has lineage events, and what it did not take."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary

from hub.store.tables.base import at, id_column, key, ref, table_of, text, text_key

receiver = table_of(
    "receiver",
    text_key("name"),
    at("since"),
    Column("failures", Integer, nullable=False),
    at("next_at", required=False),
    text("error"),
    at("sent_at", required=False),
    Column("sent", BigInteger, nullable=False),
    Column("left_out", BigInteger, nullable=False),  # by its filter
    Column("parked", BigInteger, nullable=False),  # ever
    Column("passed_over", BigInteger, nullable=False),  # deleted before they were sent
    clustered=True,
)

# The last id that was dealt with of each block of ids (hub.store.ids); see hub.store.forward.
receiver_place = table_of(
    "receiver_place",
    text_key("receiver"),
    key("block"),
    Column("seq", BigInteger, nullable=False),
    at("seen_at"),
    clustered=True,
)

receiver_parked = table_of(
    "receiver_parked",
    id_column(),
    text("receiver", required=True),
    ref("event_id"),
    at("at"),
    text("reason", required=True),
    Column("again", Boolean, nullable=False),  # somebody wants it sent once more
    Column("payload", LargeBinary, nullable=False),
)
Index("receiver_parked_of", receiver_parked.c.receiver, receiver_parked.c.id)
