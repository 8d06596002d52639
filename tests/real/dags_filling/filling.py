"""Dags that are called by the clock, of whose past nothing was made."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, task

START = datetime(2026, 1, 1, tzinfo=UTC)

with DAG("daily", schedule="0 5 * * *", start_date=START, catchup=False):

    @task(outlets=[Asset("file:///filling/daily")])
    def load() -> None: ...

    load()

with DAG("slow", schedule="0 6 * * *", start_date=START, catchup=False):

    @task(outlets=[Asset("file:///filling/slow")])
    def crawl() -> None:
        time.sleep(20)

    crawl()

with DAG("heard", schedule=[Asset("file:///filling/told")], start_date=START):

    @task
    def listen() -> None: ...

    listen()
