"""Dags for the tests of the Airflow adapter: every way a task can go. All are started by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.exceptions import AirflowSkipException
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, CronPartitionTimetable, task
from airflow.timetables.trigger import CronTriggerTimetable

START = datetime(2026, 1, 1, tzinfo=UTC)
LEDGER = Asset("postgres://books:5432/db/public/ledger")

with DAG("ways", schedule=None, start_date=START, default_args={"owner": "team:ways"}):

    @task(outlets=[LEDGER])
    def number() -> int:
        return 1

    @task.short_circuit
    def never() -> bool:
        return False

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def fails() -> None:
        raise ValueError("it never works")

    @task
    def skips() -> None:
        raise AirflowSkipException("not today")

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def part(item: int, **context: Any) -> int:
        if item == 2 and context["ti"].try_number == 1:
            raise RuntimeError("the second one fails once")
        return item

    number() >> EmptyOperator(task_id="empty") >> part.expand(item=[1, 2, 3])
    never() >> BashOperator(task_id="cut_off", bash_command="true")
    fails() >> BashOperator(task_id="below", bash_command="true")
    skips()

with DAG(
    "by_day",
    schedule=CronPartitionTimetable("0 0 1 1 *", timezone="UTC"),
    start_date=START,
    catchup=False,
):

    @task(outlets=[Asset("s3://lake/sold")])
    def sold() -> None:
        pass

    sold()

with DAG("one_at_a_time", schedule=None, start_date=START, max_active_runs=1):
    for letter in "abc":
        BashOperator(task_id=letter, bash_command="sleep 2", pool="tiny")

with DAG("stuck", schedule=None, start_date=START):
    BashOperator(task_id="waits", bash_command="true", pool="nowhere")

with DAG("shut_out", schedule=None, start_date=START):
    BashOperator(task_id="waits", bash_command="true", pool="shut")

with DAG(
    "resting",
    schedule="0 5 * * *",
    start_date=START,
    catchup=False,
    is_paused_upon_creation=True,
    tags=["team:ways"],
    max_active_runs=3,
):
    EmptyOperator(task_id="nothing")

with DAG(
    "elsewhere",
    schedule=CronTriggerTimetable("0 6 * * *", timezone="Asia/Tokyo"),
    start_date=START,
    catchup=False,
    is_paused_upon_creation=True,
):
    EmptyOperator(task_id="nothing")
