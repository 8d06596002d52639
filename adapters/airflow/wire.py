"""Rows as Airflow's REST API answers them, version 2 (Airflow 3) and 1 (Airflow 2) alike.

Every field that a version lacks has a default; what we don't know is ignored.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from hub.errors import Unavailable

T = TypeVar("T")


class Page(Struct):
    """`next_cursor` is only there where the server pages by cursor (3.2 and later)."""

    total_entries: int = 0
    next_cursor: str | UnsetType | None = UNSET


class DagRun(Struct):
    dag_id: str
    dag_run_id: str
    state: str | None = None
    run_type: str | None = None
    logical_date: datetime | None = None
    run_after: datetime | None = None
    queued_at: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    partition_key: str | None = None
    conf: Any = None


class DagRuns(Page, kw_only=True):
    dag_runs: list[DagRun]


class TaskInstance(Struct):
    """A task instance, or one of its tries (those lack the times of their Dag run)."""

    dag_id: str
    dag_run_id: str
    task_id: str
    map_index: int = -1
    state: str | None = None
    try_number: int = 0
    max_tries: int = 0
    logical_date: datetime | None = None
    execution_date: datetime | None = None
    run_after: datetime | None = None
    scheduled_when: datetime | None = None
    queued_when: datetime | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    pool: str | None = None


class TaskInstances(Page, kw_only=True):
    task_instances: list[TaskInstance]


class Tag(Struct):
    name: str


class Dag(Struct):
    """A Dag of the list; those of Airflow 2 are told apart by `schedule_interval`."""

    dag_id: str
    is_paused: bool | None = None
    is_stale: bool = False
    is_active: bool = True
    has_import_errors: bool = False
    timetable_summary: str | None = None
    schedule_interval: dict[str, Any] | str | UnsetType | None = UNSET
    timetable_description: str | None = None
    next_dagrun_run_after: datetime | None = None
    next_dagrun_create_after: datetime | None = None
    next_dagrun_data_interval_start: datetime | None = None
    next_dagrun_data_interval_end: datetime | None = None
    owners: list[str] = []
    tags: list[Tag] | None = None
    max_active_runs: int | None = None
    fileloc: str | None = None
    description: str | None = None

    @property
    def gone(self) -> bool:
        """Its file no longer defines it, or can't be read any more: it is not scheduled."""
        return self.is_stale or not self.is_active

    @property
    def next_data(self) -> tuple[datetime, datetime] | None:
        """The data interval of the next run, if it is known."""
        start, end = self.next_dagrun_data_interval_start, self.next_dagrun_data_interval_end
        return (start, end) if start is not None and end is not None else None

    @property
    def next_run(self) -> datetime | None:
        return self.next_dagrun_run_after or self.next_dagrun_create_after


class Dags(Page, kw_only=True):
    dags: list[Dag]


class DagDetails(Struct):
    catchup: bool | None = None
    timezone: str | None = None
    asset_expression: Any = None
    dataset_expression: Any = None
    doc_md: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    last_parsed: datetime | None = None


class Task(Struct):
    task_id: str
    owner: str | None = None
    doc_md: str | None = None


class Tasks(Page, kw_only=True):
    tasks: list[Task]


class DagVersion(Struct):
    id: str
    dag_id: str


class DagVersions(Page, kw_only=True):
    dag_versions: list[DagVersion]


class BrokenFile(Struct):
    filename: str | None = None
    stack_trace: str | None = None


class ImportErrors(Page, kw_only=True):
    import_errors: list[BrokenFile]


class Pool(Struct):
    name: str
    slots: int
    running_slots: int = 0
    queued_slots: int = 0
    scheduled_slots: int = 0


class Pools(Page, kw_only=True):
    pools: list[Pool]


class TaskOf(Struct):
    dag_id: str
    task_id: str


class Asset(Struct):
    id: int
    uri: str
    name: str | None = None
    updated_at: datetime | None = None
    producing_tasks: list[TaskOf] = []
    consuming_tasks: list[TaskOf] = []


class Assets(Page, kw_only=True):
    """`datasets` in Airflow 2."""

    assets: list[Asset] = []
    datasets: list[Asset] = []


class CausedRun(Struct):
    """A run that an asset event counts for; its id is `dag_run_id` in Airflow 2."""

    dag_id: str
    run_id: str = ""
    dag_run_id: str = ""
    state: str | None = None
    end_date: datetime | None = None
    partition_key: str | None = None


class AssetEvent(Struct):
    timestamp: datetime
    id: int = 0
    extra: Any = None
    uri: str | None = None
    dataset_uri: str | None = None
    source_dag_id: str | None = None
    source_task_id: str | None = None
    source_run_id: str | None = None
    source_map_index: int | None = None
    partition_key: str | None = None
    created_dagruns: list[CausedRun] = []


class AssetEvents(Page, kw_only=True):
    """`dataset_events` in Airflow 2."""

    asset_events: list[AssetEvent] = []
    dataset_events: list[AssetEvent] = []


class Backfill(Struct):
    id: int
    dag_run_conf: dict[str, Any] | None = None
    completed_at: datetime | None = None


class Backfills(Page, kw_only=True):
    backfills: list[Backfill]


class DryRunRow(Struct):
    """A run that a backfill would make; of a Dag with partitions it has no logical date."""

    logical_date: datetime | None = None
    partition_key: str | None = None
    partition_date: datetime | None = None


class DryRun(Page, kw_only=True):
    backfills: list[DryRunRow]


def read(data: Any, kind: type[T], at: str) -> T:
    """The answer as `kind`; Unavailable naming the address and the field if it is something else."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{at} answered in another shape than Airflow's: {error}") from None
