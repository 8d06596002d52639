"""Who is told what: notifications, their deliveries, silences, and why it was decided so."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Text, UniqueConstraint

from hub.store.tables.base import at, id_column, key, partial_index, ref, table_of, text, text_key
from hub.store.types import Id

# How far a reader has read the transitions of incidents.
transition_cursor = table_of(
    "transition_cursor", text_key("reader"), Column("seq", Id, nullable=False)
)

# When to look at an incident again though nothing happens to it.
look_again = table_of("look_again", key("incident_id"), at("at"), clustered=True)
Index("look_again_at", look_again.c.at)

# What is told of an incident, or of a group of them, by one route.
notification = table_of(
    "notification",
    id_column(),
    Column("key", Text, nullable=False, unique=True),
    text("route", required=True),
    text("targets", required=True),  # JSON list
    text("group_key"),  # none: it is of one incident
    text("state", required=True),  # WAITING | TOLD | OVER
    text("standing"),  # as it was said last
    Column("version", BigInteger, nullable=False),
    Column("loud", Boolean, nullable=False),
    at("begun_at"),
    at("told_at", required=False),  # since when somebody is needed
    at("said_at", required=False),
    at("repeated_at", required=False),
    Column("steps", Integer, nullable=False),  # escalations done
    at("due_at", required=False),
)
partial_index("notification_due", notification.c.due_at, notification.c.due_at.is_not(None))
partial_index("notification_live", notification.c.group_key, notification.c.state != "OVER")
Index("notification_begun", notification.c.begun_at)

# The incidents of a notification; standing: OPEN | ACKNOWLEDGED | RESOLVED.
membership = table_of(
    "membership",
    key("notification_id"),
    key("incident_id"),
    text("standing", required=True),
    clustered=True,
)
Index("membership_incident", membership.c.incident_id)

# What one target should show of a notification, and what it was made to show.
delivery = table_of(
    "delivery",
    id_column(),
    ref("notification_id"),
    text("target", required=True),
    text("key", required=True),
    text("standing", required=True),
    Column("version", BigInteger, nullable=False),
    text("message", required=True),  # JSON
    Column("loud", Boolean, nullable=False),
    text("delivered_standing"),
    Column("delivered_version", BigInteger, nullable=False),  # 0: nothing, as far as is known
    at("delivered_at", required=False),
    text("held", required=True),  # JSON: what the channel wants to be told again
    Column("attempts", Integer, nullable=False),  # since the last that went well
    Column("tries", Integer, nullable=False),  # of all time
    Column("revivals", Integer, nullable=False, server_default="0"),  # since it was asked for
    at("failing_since", required=False),
    at("next_at", required=False),  # none: nothing is to be sent
    at("again_at", required=False),  # when a channel that forgets is told the same once more
    text("lease"),
    at("leased_until", required=False),
    text("error"),
    Column("dead", Boolean, nullable=False),
    at("created_at"),
    at("updated_at"),
    UniqueConstraint("notification_id", "target"),
)
partial_index("delivery_due", delivery.c.next_at, delivery.c.next_at.is_not(None))
partial_index("delivery_again", delivery.c.again_at, delivery.c.again_at.is_not(None))
partial_index("delivery_dead", delivery.c.id, delivery.c.dead)
Index("delivery_key", delivery.c.key)

# Why somebody was told, or was not; of an incident, or of all those of a notification.
decision = table_of(
    "decision",
    id_column(),
    at("at"),
    ref("incident_id", required=False),
    ref("notification_id", required=False),
    text("target"),
    text("what", required=True),
    text("reason", required=True),
)
Index("decision_incident", decision.c.incident_id, decision.c.id)
Index("decision_notification", decision.c.notification_id, decision.c.id)

silence = table_of(
    "silence",
    id_column(),
    text("match", required=True),  # JSON: what must be so
    at("starts_at"),
    at("ends_at"),
    text("by", required=True),
    text("why", required=True),
    at("created_at"),
)
Index("silence_ends_at", silence.c.ends_at)

# How a target does; its id is what an incident of it is of.
target_health = table_of(
    "target_health",
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("failures", Integer, nullable=False),
    at("failing_since", required=False),
    at("paused_until", required=False),
    at("down_since", required=False),
    text("error"),
    at("delivered_at", required=False),
)

# What people have asked for in a channel, so that it is done once.
inbound_action = table_of("inbound_action", text_key("target"), text_key("key"), at("at"))
Index("inbound_action_at", inbound_action.c.at)

# When the digest of a team or a route is sent next, and since when it tells.
digest = table_of(
    "digest",
    text_key("name"),
    text("plan", required=True),  # what was asked for: another one begins anew
    at("since"),
    at("due_at"),
)

# A target, a route, or what a team hears by, as it was declared over the API.
declared_alerting = table_of(
    "declared_alerting",
    text_key("part"),  # targets | routes | teams
    text_key("name"),
    Column("place", Integer, nullable=False),  # of routes: the smaller, the earlier
    text("told", required=True),  # JSON; secrets are references
    text("declared_by", required=True),
    at("declared_at"),
)
