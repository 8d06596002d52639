"""Dags that never heard of one another: one writes orders of a day, the other reports of a day."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, task

START = datetime(2026, 1, 1, tzinfo=UTC)

with DAG("orders", schedule=None, start_date=START):

    @task(outlets=[Asset("file:///crossing/orders")])
    def extract() -> None: ...

    extract()

with DAG("report", schedule=None, start_date=START):

    @task(outlets=[Asset("file:///crossing/report")])
    def write() -> None: ...

    write()
