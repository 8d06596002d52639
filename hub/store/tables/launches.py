"""What is to be launched, what became of it, and what keeps it back."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Text

from hub.store.tables.base import at, id_column, key, partial_index, ref, table_of, text, text_key

# One wish to start one run. What is asked for is asked of the orchestrator under its key.
launch = table_of(
    "launch",
    id_column(),
    Column("key", Text, nullable=False, unique=True),
    text("orchestrator", required=True),
    text("job_namespace", required=True),
    text("job_name", required=True),
    text("kind", required=True),  # job | asset_event | webhook | http | pull | backfill
    text("partition_key"),
    text("conf", required=True),  # JSON
    text("note", required=True),
    ref("subscription_id", required=False),
    text("team"),
    text("asked_by"),  # who asked for it by hand
    text("cause", required=True),  # JSON
    text("rerun"),  # JSON: what is done when its run fails
    ref("rerun_of", required=False),  # the launch of which this is another try
    ref("failed_run_id", required=False),  # the run of which this is another try
    Column("rerun_no", Integer, nullable=False),
    text("state", required=True),
    text("reason"),  # why it is held, refused, dead, ...
    Column("released", Boolean, nullable=False),  # a person has let it go in spite of the breaker
    at("next_at", required=False),  # none: nothing is to be done
    at("give_up_at", required=False),
    Column("attempts", Integer, nullable=False),  # since the last that went well
    Column("tries", Integer, nullable=False),  # of all time: more than 0, it may have got through
    at("failing_since", required=False),
    at("begun_at", required=False),  # first asked of the orchestrator
    text("lease"),
    at("leased_until", required=False),
    text("natural_id"),  # of its run
    text("url"),
    ref("run_id", required=False),
    at("launched_at", required=False),
    at("ended_at", required=False),
    at("look_at", required=False),  # when to look for its runs again
    Column("at_once", Integer),  # of a backfill: how many of its runs
    text("wish"),  # ... what it should do, if that is not to go on
    text("granted"),  # ... and what its orchestrator was told last
    at("created_at"),
    at("updated_at"),
)
partial_index("launch_due", launch.c.next_at, launch.c.next_at.is_not(None))
partial_index("launch_look", launch.c.look_at, launch.c.look_at.is_not(None))
partial_index("launch_open", launch.c.state, launch.c.ended_at.is_(None))
partial_index("launch_dead", launch.c.id, launch.c.state == "dead")
partial_index("launch_natural_id", launch.c.natural_id, launch.c.natural_id.is_not(None))
partial_index("launch_of_run", launch.c.run_id, launch.c.run_id.is_not(None))
partial_index("launch_again", launch.c.failed_run_id, launch.c.failed_run_id.is_not(None))
partial_index(
    "launch_of_subscription",
    launch.c.subscription_id,
    launch.c.subscription_id.is_not(None),
    launch.c.created_at,
)
Index(
    "launch_of_target",
    launch.c.orchestrator,
    launch.c.job_namespace,
    launch.c.job_name,
    launch.c.begun_at,
)
# What limits count.
partial_index("launch_open_of_subscription", launch.c.subscription_id, launch.c.ended_at.is_(None))
partial_index(
    "launch_open_of_target",
    launch.c.orchestrator,
    launch.c.ended_at.is_(None),
    launch.c.job_namespace,
    launch.c.job_name,
)
Index("launch_created", launch.c.created_at, launch.c.id)

# What was done about a launch, and why; of each the latest are kept.
launch_step = table_of(
    "launch_step",
    key("launch_id"),
    Column("no", Integer, primary_key=True, autoincrement=False),
    at("at"),
    text("what", required=True),
    text("reason", required=True),
    clustered=True,
)

# A run of a launch that may start several: of a backfill one for each partition that is planned, of
# an asset event each that it counted for.
launch_effect = table_of(
    "launch_effect",
    key("launch_id"),
    Column("no", Integer, primary_key=True, autoincrement=False),
    text("job_namespace", required=True),
    text("job_name", required=True),
    text("partition_key"),
    at("begin_at", required=False),
    at("finish_at", required=False),
    text("natural_id"),  # none: it has not begun
    ref("run_id", required=False),
    text("state"),  # of a run; left_out: none will come
    at("ended_at", required=False),
    clustered=True,
)
partial_index("launch_effect_of_run", launch_effect.c.run_id, launch_effect.c.run_id.is_not(None))
partial_index("launch_effect_unseen", launch_effect.c.natural_id, launch_effect.c.run_id.is_(None))

# A target while it is launched: who changes it locks its row; where launches go one at a time it
# is held by the one under way.
launch_target = table_of(
    "launch_target",
    text_key("orchestrator"),
    text_key("job_namespace"),
    text_key("job_name"),
    text("lease"),
    at("leased_until", required=False),
)

# Who has stopped launches; of the orchestrator "" those of all.
launch_stop = table_of(
    "launch_stop",
    text_key("orchestrator"),
    at("at"),
    text("by", required=True),
    text("why", required=True),
)

# Lets a team launch jobs that are not its own, besides what trackside.yaml lets it.
launch_grant = table_of(
    "launch_grant",
    id_column(),
    text("team", required=True),
    text("orchestrator", required=True),
    text("namespace", required=True),
    text("job", required=True),
    text("conf", required=True),  # JSON
    text("created_by", required=True),
    at("created_at"),
)
