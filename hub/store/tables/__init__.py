"""All tables.

Instants are microseconds (`Timestamp`), JSON is text, raw payloads are zstd bytes: the same bytes
on SQLite and PostgreSQL, so one statement serves both and an export is a plain copy.
"""

from hub.store.tables.base import metadata
from hub.store.tables.data import (
    check_result,
    column_edge,
    dataset,
    dataset_facet,
    dataset_schema,
    dataset_tag,
    dataset_update,
    edge,
    freshness_policy,
    job_tag,
    run_dataset,
    source,
    tag,
)
from hub.store.tables.detect import (
    baseline,
    expectation,
    incident,
    incident_transition,
    outage,
    schedule_span,
)
from hub.store.tables.observed import backlog_sample, health, poll, watermark
from hub.store.tables.people import (
    audit,
    declared_orchestrator,
    namespace,
    orchestrator,
    team,
    token,
)
from hub.store.tables.process import cursor, id_block, lease, meta, writer
from hub.store.tables.records import (
    change,
    counter,
    dead_letter,
    event_count,
    event_digest,
    lineage_event,
    search_term,
    team_event_count,
)
from hub.store.tables.work import (
    attempt,
    job,
    job_facet,
    job_version,
    job_warning,
    run,
    run_dependency,
    schedule,
)

__all__ = [
    "attempt",
    "audit",
    "backlog_sample",
    "baseline",
    "change",
    "check_result",
    "column_edge",
    "counter",
    "cursor",
    "dataset",
    "dataset_facet",
    "dataset_schema",
    "dataset_tag",
    "dataset_update",
    "dead_letter",
    "declared_orchestrator",
    "edge",
    "event_count",
    "event_digest",
    "expectation",
    "freshness_policy",
    "health",
    "id_block",
    "incident",
    "incident_transition",
    "job",
    "job_facet",
    "job_tag",
    "job_version",
    "job_warning",
    "lease",
    "lineage_event",
    "meta",
    "metadata",
    "namespace",
    "orchestrator",
    "outage",
    "poll",
    "run",
    "run_dataset",
    "run_dependency",
    "schedule",
    "schedule_span",
    "search_term",
    "source",
    "tag",
    "team",
    "team_event_count",
    "token",
    "watermark",
    "writer",
]
