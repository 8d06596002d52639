"""What a watched Airflow's own tables say, and what its adapter told, in the same shape: to be equal.

Each function answers (told by the adapter, in Airflow's database).
"""

from __future__ import annotations

from typing import Any

from adapters.airflow.backlog import DAG_RUNS
from adapters.base.lineage import dataset_of
from hub.model import BacklogObserved, HealthObserved, HealthStatus, ScheduleObserved
from tests.support.known import Attempt
from tests.support.watch import Watch

Try = tuple[str, str, int, int]
_TRY = "dag_id, task_id, run_id, map_index, try_number, state, start_date, end_date"


def tries(watch: Watch) -> tuple[dict[Try, Attempt], dict[Try, dict[str, Any]]]:
    """By job, Dag run, map index and number of the try."""
    told = {
        (name.job.name, name.natural_id, name.map_index, number): attempt
        for name, attempts in watch.memory.attempts.items()
        for number, attempt in attempts.items()
        if "." in name.job.name
    }
    rows = [
        row
        for table in ("task_instance_history", "task_instance")
        for row in watch.database(f"select {_TRY} from {table} where state is not null")
    ]
    return told, {
        (
            f"{row['dag_id']}.{row['task_id']}",
            row["run_id"],
            row["map_index"],
            row["try_number"],
        ): row
        for row in rows
    }


def schedules(watch: Watch) -> tuple[dict[str, Any], dict[str, Any]]:
    """By Dag: whether it is paused, and how many runs it may have."""
    told = {
        seen.job.name: (seen.schedule.paused, seen.schedule.max_active_runs)
        for seen in watch.seen(ScheduleObserved)
    }
    rows = watch.database("select dag_id, is_paused, max_active_runs from dag")
    return told, {row["dag_id"]: (bool(row["is_paused"]), row["max_active_runs"]) for row in rows}


def pools(watch: Watch) -> tuple[dict[str, Any], dict[str, Any]]:
    """By pool: what waits, what runs and how many slots there are. Ask while nothing moves."""
    told = {
        seen.pool: (seen.queued, seen.running, seen.capacity)
        for seen in watch.seen(BacklogObserved)
        if seen.pool != DAG_RUNS
    }
    rows = watch.database(
        "select t.pool, sum(t.state in ('scheduled', 'queued')) waits, sum(t.state = 'running') runs "
        "from task_instance t group by t.pool"
    )
    busy = {row["pool"]: (row["waits"] or 0, row["runs"] or 0) for row in rows}
    slots = {
        row["pool"]: row["slots"] for row in watch.database("select pool, slots from slot_pool")
    }
    waiting = {name for name, (waits, _) in busy.items() if waits}
    return told, {
        name: (*busy.get(name, (0, 0)), slots.get(name, 0)) for name in {*slots, *waiting}
    }


def updates(watch: Watch) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    """(job, Dag run, dataset) of all that was written, of the datasets that have a sure name."""
    told = {
        (name.job.name, name.natural_id, output)
        for name, attempts in watch.memory.attempts.items()
        for attempt in attempts.values()
        for output in attempt.outputs
    }
    new = watch.database("select 1 from sqlite_master where name = 'asset_event'")
    kind = "asset" if new else "dataset"
    rows = watch.database(
        f"select a.uri, e.source_dag_id dag, e.source_task_id task, e.source_run_id run "
        f"from {kind}_event e join {kind} a on a.id = e.{kind}_id where e.source_run_id is not null"
    )
    return told, {
        (f"{row['dag']}.{row['task']}", row["run"], name.name)
        for row in rows
        if (name := dataset_of(row["uri"]))
    }


def broken_files(watch: Watch) -> tuple[set[str], set[str]]:
    """Names of the files that can't be imported."""
    latest = {seen.part: seen.status for seen in watch.seen(HealthObserved)}
    told = {
        part.removeprefix("file ")
        for part, status in latest.items()
        if part.startswith("file ") and status is HealthStatus.DEGRADED
    }
    return told, {row["filename"] for row in watch.database("select filename from import_error")}
