"""A Dag that is due each minute, for the test of missed slots."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG(
    "minutely", schedule="* * * * *", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False
):
    EmptyOperator(task_id="nothing")
