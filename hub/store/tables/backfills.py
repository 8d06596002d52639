"""Backfills: what was planned, and how far each of their steps has come."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer

from hub.store.tables.base import at, id_column, key, partial_index, ref, table_of, text

# asked: the wish, plan: notes and figures of its plan; both JSON. active: something of it is to be
# released, or followed. version: of what people and the loop have made of it.
backfill = table_of(
    "backfill",
    id_column(),
    text("namespace", required=True),
    text("name", required=True),
    text("direction", required=True),
    text("asked", required=True),
    text("plan", required=True),
    text("note", required=True),
    text("team"),
    text("created_by", required=True),
    text("state", required=True),
    text("reason"),
    Column("concurrency", Integer, nullable=False),
    Column("per_job", Integer, nullable=False),
    Column("steps", Integer, nullable=False),
    at("created_at"),
    at("updated_at"),
    at("ended_at", required=False),
    Column("active", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("apart", Boolean),  # by launches alone, not by backfills of its orchestrators
)
partial_index("backfill_active", backfill.c.id, backfill.c.active)
Index("backfill_created", backfill.c.created_at, backfill.c.id)

# One run of a job for one partition. after: numbers of the steps that it waits for, as JSON.
# run_id: one that was under way for it when it was planned.
backfill_step = table_of(
    "backfill_step",
    key("backfill_id"),
    Column("no", Integer, primary_key=True, autoincrement=False),
    text("orchestrator"),
    text("job_namespace", required=True),
    text("job_name", required=True),
    text("partition"),  # as the job is told it; none: it has none
    text("asked_partition"),  # what the launch says
    text("conf", required=True),  # JSON
    Column("level", Integer, nullable=False),
    text("writes", required=True),  # JSON
    text("why", required=True),
    text("after", required=True),
    Column("seconds", Float),
    ref("run_id", required=False),
    text("state", required=True),
    text("reason"),
    ref("launch_id", required=False),
    Column("tries", Integer, nullable=False),
    at("changed_at"),
    Column("apart", Boolean),  # no backfill of its orchestrator would make it as planned
    clustered=True,
)
partial_index(
    "backfill_step_launched",
    backfill_step.c.backfill_id,
    backfill_step.c.state == "launched",
)
partial_index(
    "backfill_step_launch", backfill_step.c.launch_id, backfill_step.c.launch_id.is_not(None)
)
