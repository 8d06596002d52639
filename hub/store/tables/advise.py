"""Advice that a person wants to hear no more of."""

from __future__ import annotations

from hub.store.tables.base import at, table_of, text, text_key

advice_dismissal = table_of(
    "advice_dismissal",
    text_key("key"),
    text("kind", required=True),
    text("namespace", required=True),  # of the job or dataset that it is about
    text("name", required=True),
    text("why", required=True),
    text("dismissed_by", required=True),
    at("dismissed_at"),
    clustered=True,
)
