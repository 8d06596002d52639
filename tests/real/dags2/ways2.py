"""Dags for the tests against a real Airflow 2: a retry, a skip, a failure, mapped tasks, a pool."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.datasets import Dataset
from airflow.decorators import task
from airflow.models.dag import DAG
from airflow.operators.empty import EmptyOperator

START = datetime(2026, 1, 1, tzinfo=UTC)
LEDGER = Dataset("postgres://books:5432/db/public/ledger")

with DAG("ways", schedule=None, start_date=START, default_args={"owner": "team:ways"}):

    @task.short_circuit(outlets=[LEDGER])
    def never() -> bool:
        return False

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def fails(**context: Any) -> None:
        raise ValueError("it never works")

    @task
    def part(item: int) -> int:
        return item

    never() >> EmptyOperator(task_id="cut_off")
    fails() >> EmptyOperator(task_id="below")
    part.expand(item=[1, 2])

with DAG("stuck", schedule=None, start_date=START):

    @task(pool="nowhere")
    def waits() -> None:
        pass

    waits()

with DAG(
    "resting",
    schedule="0 5 * * *",
    start_date=START,
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=3,
):
    EmptyOperator(task_id="nothing")

with DAG("reads", schedule=[LEDGER], start_date=START):
    EmptyOperator(task_id="nothing")

with DAG("by_the_clock", schedule="0 6 * * *", start_date=START, catchup=False):
    EmptyOperator(task_id="nothing")
