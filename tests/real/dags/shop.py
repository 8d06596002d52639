"""Dags for the tests against a real Airflow: tasks, a retry, a failure, an asset, a mapped task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, task

ORDERS = Asset("file:///shop/orders.parquet")

with DAG(
    "shop_orders",
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    tags=["team:shop"],
    default_args={"owner": "team:shop", "retry_delay": timedelta(seconds=1)},
    description="Orders of the shop",
):
    extract = BashOperator(task_id="extract", bash_command="echo extract", outlets=[ORDERS])

    @task(retries=1)
    def flaky(**context: Any) -> None:
        if context["ti"].try_number == 1:
            raise ValueError("the first try always fails")

    @task
    def part(number: int) -> int:
        return number

    extract >> flaky() >> part.expand(number=[1, 2])

with DAG("shop_report", schedule=[ORDERS], start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    BashOperator(task_id="report", bash_command="exit 3", inlets=[ORDERS])
