"""Names and run ids, the same as Airflow's OpenLineage provider makes them.

So an attempt that was pushed and one that was pulled are one attempt.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from adapters.airflow.wire import DagRun, TaskInstance
from hub.model import EntityName
from hub.ports import RunName

#: Of a run without any date (no version of Airflow answers one): its id must still be constant.
NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)


def dag_run_id(namespace: str, row: DagRun, attempt: int) -> UUID:
    """The run id of a Dag run's attempt; each clear is one more attempt."""
    data = f"{namespace}.{row.dag_id}.{attempt - 1}"
    return _static(row.logical_date or row.run_after or NO_DATE, data.encode())


def task_run_id(namespace: str, row: TaskInstance, try_number: int) -> UUID:
    """The run id of one try of a task instance."""
    data = f"{namespace}.{row.dag_id}.{row.task_id}.{try_number}.{row.map_index}"
    return _static(instant(row), data.encode())


def _static(at: datetime, data: bytes) -> UUID:
    # Here, for all the client's transports come with it, and every hub would wait for them.
    from openlineage.client.uuid import generate_static_uuid

    return generate_static_uuid(at, data)


def instant(row: TaskInstance) -> datetime:
    """What the provider takes for the time of the Dag run."""
    return row.logical_date or row.execution_date or row.run_after or NO_DATE


def run_name(namespace: str, row: DagRun) -> RunName:
    return RunName(EntityName(namespace, row.dag_id), row.dag_run_id)


def dag_run_name(namespace: str, row: TaskInstance) -> RunName:
    """The Dag run of a task instance."""
    return RunName(EntityName(namespace, row.dag_id), row.dag_run_id)


def task_name(namespace: str, row: TaskInstance) -> RunName:
    job = EntityName(namespace, f"{row.dag_id}.{row.task_id}")
    return RunName(job, row.dag_run_id, row.map_index)
