"""What runs: jobs, runs, attempts."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
)

from hub.store.tables.base import at, id_column, key, partial_index, ref, table_of, text, text_key
from hub.store.types import Timestamp

job = table_of(
    "job",
    id_column(),
    ref("namespace_id"),
    text("name", required=True),
    ref("orchestrator_id", required=False),
    ref("parent_job_id", required=False),
    text("processing"),
    text("integration"),
    text("kind"),
    text("description"),
    text("owners"),  # JSON list
    text("team"),
    text("location"),
    text("facet_marks"),  # JSON {facet: [at, digest]}: which version of each facet holds
    ref("latest_run_id", required=False),
    Column("latest_run_at", Timestamp),  # sort_at of latest_run_id
    text("latest_run_state"),
    ref("version_id", required=False),
    Column("io_at", Timestamp),  # end of the latest completed run that named datasets
    Column("hidden", Boolean, nullable=False),
    at("created_at"),
    at("updated_at"),
    UniqueConstraint("namespace_id", "name"),
)
Index("job_updated_at", job.c.updated_at)
Index("job_parent", job.c.parent_job_id)
Index("job_created_at", job.c.created_at)
partial_index("job_hidden", job.c.namespace_id, job.c.hidden.is_(True))
partial_index("job_team", job.c.team, job.c.team.is_not(None))

job_facet = table_of(
    "job_facet",
    key("job_id"),
    text_key("name"),
    at("at"),
    Column("payload", LargeBinary, nullable=False),
    clustered=True,
)

job_warning = table_of(
    "job_warning",
    key("job_id"),
    text_key("path"),
    text_key("message"),
    at("first_at"),
    at("last_at"),
    clustered=True,
)

# A version of a job: its location and the datasets of a completed run or job event of it.
job_version = table_of(
    "job_version",
    id_column(),
    ref("job_id"),
    Column("uuid", LargeBinary, nullable=False),
    at("created_at"),
    text("location"),
    text("inputs", required=True),  # JSON list of dataset ids
    text("outputs", required=True),
    ref("run_id"),  # 0: told by a job event
    UniqueConstraint("job_id", "uuid"),
)

schedule = table_of(
    "schedule",
    key("job_id"),
    text("kind", required=True),
    text("expression", required=True),
    text("timezone", required=True),
    Column("paused", Boolean),
    Column("catchup", Boolean),
    Column("max_active_runs", Integer),
    at("start_at", required=False),
    at("end_at", required=False),
    at("at"),
    text("origin", required=True),  # facet | observation
    text("timing"),  # of rows older than store 0007 not known
    at("anchor", required=False),
    Column("data_interval_s", Float),
    Column("grace_s", Float),
)

run = table_of(
    "run",
    id_column(),
    ref("orchestrator_id"),
    ref("job_id"),
    text("natural_id", required=True),
    Column("map_index", Integer, nullable=False),
    text("state", required=True),
    ref("attempt_id"),  # the latest attempt
    Column("attempt_uuid", LargeBinary, nullable=False),
    Column("attempt_no", Integer, nullable=False),
    at("sort_at"),  # start, or the earliest event that named the run
    at("started_at", required=False),
    at("ended_at", required=False),
    at("completed_at", required=False),  # latest COMPLETE any attempt reported
    at("nominal_start", required=False),
    at("nominal_end", required=False),
    text("partition_key"),
    ref("parent_run_id", required=False),
    ref("root_run_id", required=False),
    Column("parent_mark", LargeBinary),  # which event told the parent and the root
    text("error_class"),
    text("error_message"),
    text("external_url"),
    text("engine"),
    text("tags"),  # JSON
    at("created_at"),
    at("updated_at"),
    text("own_state"),  # the orchestrator's own word for the state
    at("queued_at", required=False),
    text("backfill"),  # of the orchestrator's own, by its id there
    UniqueConstraint("job_id", "natural_id", "map_index", "orchestrator_id"),
)
Index("run_of_job", run.c.job_id, run.c.sort_at)
Index("run_of_parent", run.c.parent_run_id)
partial_index("run_open", run.c.orchestrator_id, run.c.ended_at.is_(None))
partial_index("run_open_of_job", run.c.job_id, run.c.ended_at.is_(None), run.c.sort_at)

attempt = table_of(
    "attempt",
    id_column(),
    ref("run_id"),
    ref("job_id"),
    Column("uuid", LargeBinary, nullable=False),
    Column("no", Integer, nullable=False),
    text("state", required=True),
    at("state_at"),
    Column("state_rank", SmallInteger, nullable=False),
    Column("state_digest", LargeBinary, nullable=False),
    Column("will_retry", Boolean, nullable=False),
    at("first_at"),
    at("started_at", required=False),
    at("ended_at", required=False),
    at("completed_at", required=False),  # latest COMPLETE it reported, whatever came after
    text("error_class"),
    text("error_message"),
    text("external_url"),
    text("own_state"),
    at("queued_at", required=False),
    at("answered_at", required=False),  # when we heard the orchestrator's last answer
    at("end_heard_at", required=False),  # when we heard the answer that decided the end
    Column(
        "ends", SmallInteger
    ),  # which ends were told: 3 bits by senders, 3 by answers, 1: a failure that stands
    UniqueConstraint("uuid", "job_id"),
)
Index("attempt_of_run", attempt.c.run_id)

run_dependency = table_of(
    "run_dependency",
    key("run_id"),
    key("job_id"),
    Column("upstream", Boolean, primary_key=True),
    Column("uuid", LargeBinary),
    text("kind"),
    clustered=True,
)
