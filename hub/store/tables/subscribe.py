"""Subscriptions: who wants what launched when, what came in for it, and what became of that."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Text

from hub.store.tables.base import at, id_column, key, partial_index, ref, table_of, text, text_key

subscription = table_of(
    "subscription",
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    text("team"),
    text("spec", required=True),  # JSON
    text("origin", required=True),  # api | file
    text("created_by", required=True),
    at("created_at"),
    at("updated_at"),
    at("since", required=False),  # updates that were made from then on count, too
    Column("version", Integer, nullable=False),
    Column("settled_version", Integer, nullable=False),  # what the trigger loop goes by
    at("paused_at", required=False),
    text("paused_by"),
    text("pause_reason"),
    at("replay_to", required=False),  # what came in until then is taken one by one
    at("look_at", required=False),  # when to look for room, or at what was changed
    text("refusal"),  # why it launches nothing
)
partial_index("subscription_look_at", subscription.c.look_at, subscription.c.look_at.is_not(None))

# The datasets that the condition of a subscription names; they need not be there.
subscription_input = table_of(
    "subscription_input",
    text_key("namespace"),
    text_key("name"),
    key("subscription_id"),
    at("since"),  # updates that were recorded from then on count
    clustered=True,
)
Index("subscription_input_of", subscription_input.c.subscription_id)

# An update as one subscription saw it, for each partition of its target that it counts for.
arrival = table_of(
    "arrival",
    key("subscription_id"),
    key("update_id"),
    text_key("partition"),
    text("namespace", required=True),  # of the input
    text("name", required=True),
    text("source_partition", required=True),
    at("at"),
    at("seen_at"),
    text("facts", required=True),  # JSON
    Column("old", Boolean, nullable=False),
    at("waits_since", required=False),  # none: its fate is decided
    text("fate", required=True),  # waiting | launched | coalesced | refused | ignored
    text("reason"),
    ref("launch_id", required=False),
    clustered=True,
)
Index(
    "arrival_of_partition",
    arrival.c.subscription_id,
    arrival.c.partition,
    arrival.c.waits_since,
)
partial_index("arrival_waits", arrival.c.subscription_id, arrival.c.waits_since.is_not(None))
Index("arrival_of_update", arrival.c.update_id)
partial_index("arrival_of_launch", arrival.c.launch_id, arrival.c.launch_id.is_not(None))

# Where one partition of a subscription's target stands.
waiting = table_of(
    "waiting",
    key("subscription_id"),
    text_key("partition"),
    at("due_at", required=False),  # when time alone may change the answer
    text("waiting_for", required=True),  # JSON
    text("blocked"),  # satisfied, and why it is not launched all the same
    at("first_at", required=False),  # since when something waits
    at("last_launch_at", required=False),
    at("changed_at"),
    clustered=True,
)
partial_index("waiting_due", waiting.c.due_at, waiting.c.due_at.is_not(None))
partial_index(
    "waiting_blocked",
    waiting.c.subscription_id,
    waiting.c.blocked.is_not(None),
    waiting.c.first_at,
)

# How a producing team offers a dataset; of one without a row the usual holds.
offer = table_of(
    "offer",
    text_key("namespace"),
    text_key("name"),
    text("visibility", required=True),  # public | teams | private
    text("teams", required=True),  # JSON list
    at("deprecated_at", required=False),  # when it is to end
    text("deprecation"),
    text("changed_by", required=True),
    at("changed_at"),
    clustered=True,
)
