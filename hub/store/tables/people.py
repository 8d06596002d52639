"""Who: orchestrators, namespaces, teams, tokens, and what people did."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, Text

from hub.store.tables.base import at, id_column, ref, table_of, text, text_key
from hub.store.types import Timestamp

orchestrator = table_of(
    "orchestrator",
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    text("kind", required=True),
    at("created_at"),
    at("last_event_at", required=False),
    Column("clock_skew_us", BigInteger),
)

# Orchestrators that were declared over the API; those of trackside.yaml stand only there.
declared_orchestrator = table_of(
    "declared_orchestrator",
    text_key("name"),
    text("kind", required=True),
    text("namespaces", required=True),  # JSON list of globs
    text("team"),
    text("settings", required=True),  # JSON; secrets are references
    text("declared_by", required=True),
    at("declared_at"),
)

namespace = table_of(
    "namespace",
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    ref("orchestrator_id", required=False),
    text("owner"),
    text("description"),
    Column("hidden", Boolean, nullable=False),
    at("created_at"),
    at("updated_at"),
)

team = table_of(
    "team",
    text_key("name"),
    Column("private", Boolean, nullable=False),
    at("created_at"),
)

token = table_of(
    "token",
    id_column(),
    text("name", required=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    text("scopes", required=True),  # JSON list
    text("team"),
    text("orchestrator"),
    text("namespaces", required=True),  # JSON list of globs it may write; [] = none
    text("created_by"),
    at("created_at"),
    at("expires_at", required=False),
    at("revoked_at", required=False),
    at("last_used_at", required=False),
)

audit = table_of(
    "audit",
    id_column(),
    Column("at", Timestamp, nullable=False, index=True),
    text("actor", required=True),
    text("action", required=True),
    text("subject", required=True),
    text("detail"),  # JSON
)
