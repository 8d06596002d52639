"""What should have happened and did not: expectations, baselines, incidents and their history."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, SmallInteger, UniqueConstraint

from hub.store.tables.base import at, id_column, key, partial_index, ref, table_of, text, text_key
from hub.store.types import Timestamp

# When a rule looks at a subject next; there is no row where it waits for nothing.
expectation = table_of(
    "expectation",
    text_key("rule"),
    text_key("subject_kind"),  # job | dataset
    key("subject_id"),
    ref("orchestrator_id"),  # whose watermark holds the judgement back; 0: nobody's
    Column("shard", SmallInteger, nullable=False),
    at("due_at"),
    at("slot_at", required=False),  # the slot that is judged next
    at("met_at", required=False),  # the latest slot that was met
    Column("held", Boolean),  # the slot is missing; it is not yet told
    text("error"),  # why the rule could not judge
    clustered=True,
)
Index("expectation_due", expectation.c.orchestrator_id, expectation.c.due_at)

# When no hub was there to hear anything.
outage = table_of(
    "outage", Column("begun_at", Timestamp, primary_key=True), at("ended_at"), clustered=True
)

baseline = table_of(
    "baseline",
    key("job_id"),
    text_key("metric"),  # duration
    text("payload"),  # JSON; none: too few runs yet
    at("fitted_at"),
    clustered=True,
)

dataset_baseline = table_of(
    "dataset_baseline",
    key("dataset_id"),
    text_key("metric"),  # rows | bytes | interval
    text("payload"),  # JSON; none: too few updates yet
    at("fitted_at"),
    clustered=True,
)

# A job's schedule over time, as it was declared; none but the last of a job has no end.
schedule_span = table_of(
    "schedule_span",
    key("job_id"),
    Column("since", Timestamp, primary_key=True),
    at("until", required=False),
    text("schedule", required=True),  # JSON
    text("origin"),  # file | declared | learned; none: declared
    text("days"),  # JSON: on which days alone it is due
    text("habit"),  # JSON: what it was learned from
    clustered=True,
)

# Schedules that no orchestrator declares: those of the file, and those learned from history.
hub_schedule = table_of(
    "hub_schedule",
    key("job_id"),
    text_key("origin"),  # file | learned
    text("schedule"),  # JSON; none: the runs follow no clock
    text("days"),  # JSON
    text("habit"),  # JSON
    at("at"),  # since when it holds
    at("looked_at", required=False),  # when it was last tried to learn one
    ref("runs", required=False),  # from how many runs
    clustered=True,
)

# Maintenance windows that were declared over the API; those of trackside.yaml stand only there.
maintenance = table_of(
    "maintenance",
    id_column(),
    text("name", required=True),
    text("team"),
    text("spec", required=True),  # JSON: when, and of what
    text("declared_by", required=True),
    at("declared_at"),
    at("over_at", required=False),  # for good: its end, or when somebody ended it
)

# One period in which one rule was violated by one subject; `key` tells the period.
incident = table_of(
    "incident",
    id_column(),
    text("rule", required=True),
    text("kind", required=True),  # of the rule
    text("subject_kind", required=True),
    ref("subject_id"),
    text("key", required=True),
    ref("job_id", required=False),
    ref("dataset_id", required=False),
    ref("orchestrator_id", required=False),
    text("team"),
    text("severity", required=True),
    text("state", required=True),  # OPEN | ACKNOWLEDGED | SNOOZED | RESOLVED
    text("reason", required=True),
    text("evidence", required=True),  # JSON
    at("since"),  # when it went wrong
    at("opened_at"),
    at("resolved_at", required=False),
    text("resolution"),  # healed | retracted | expected | new_normal
    ref("parent_id", required=False),  # the incident that is the cause of this one
    text("impact"),  # JSON: what is downstream
    Column("dry_run", Boolean, nullable=False),
    at("updated_at"),
    at("snoozed_until", required=False),
    at("escalates_at", required=False),
    text("flaps"),  # JSON; none: it does not flap
    at("due_at", required=False),  # when time alone moves it
    ref("target_id", required=False),
    UniqueConstraint("rule", "subject_kind", "subject_id", "key"),
)
Index("incident_opened_at", incident.c.opened_at, incident.c.id)
Index("incident_parent", incident.c.parent_id)
partial_index("incident_open", incident.c.job_id, incident.c.resolved_at.is_(None))
partial_index("incident_open_dataset", incident.c.dataset_id, incident.c.resolved_at.is_(None))
partial_index(
    "incident_open_orchestrator", incident.c.orchestrator_id, incident.c.resolved_at.is_(None)
)
partial_index("incident_open_subject", incident.c.subject_id, incident.c.resolved_at.is_(None))
partial_index("incident_due", incident.c.due_at, incident.c.due_at.is_not(None))
partial_index(
    "incident_called", incident.c.subject_id, incident.c.resolution.in_(("expected", "new_normal"))
)

# When the incidents of a rule on a subject opened lately, by which flapping is told. `key`: of
# those alone that have it; empty: of any key.
recurrence = table_of(
    "recurrence",
    text_key("rule"),
    text_key("subject_kind"),
    key("subject_id"),
    text_key("key"),
    text("turns", required=True),  # JSON: microseconds since the epoch
    clustered=True,
)

# The history of incidents, in the order of its ids. `by`: who did it; none: the hub itself.
incident_transition = table_of(
    "incident_transition",
    id_column(),
    ref("incident_id"),
    at("at"),
    text("transition", required=True),
    text("by"),
    text("reason", required=True),
    text("evidence", required=True),  # JSON
    Column("version", BigInteger, nullable=False),  # counts the incident's transitions
    text("state"),  # of the incident after it, as are the next two
    text("severity"),
    ref("parent_id", required=False),
)
Index("incident_transition_of", incident_transition.c.incident_id, incident_transition.c.id)
