"""Runs a few flows against the server of PREFECT_API_URL, and tells what it made as one line of JSON."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect import flow, runtime, task
from prefect.artifacts import create_table_artifact
from prefect.assets import Asset, AssetProperties, materialize
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.flow_engine import run_flow
from prefect.states import Cancelled, Completed, Scheduled

TRIES = {"flaky": 0, "restless": 0}

ORDERS = Asset(
    key="s3://lake/orders",
    properties=AssetProperties(name="orders", description="what was sold", owners=["shop"]),
)


@task(retries=2, retry_delay_seconds=0)
def flaky() -> int:
    TRIES["flaky"] += 1
    if TRIES["flaky"] < 3:
        raise ValueError(f"try {TRIES['flaky']} fails")
    return 1


@task(tags=["io"])
def double(number: int) -> int:
    return number * 2


@task
def breaks() -> None:
    raise KeyError("nothing there")


@task
def after(_: None) -> None:
    """Never runs, for what it waits for fails."""


@materialize(ORDERS, asset_deps=["postgres://shop/orders"])
def write_orders() -> int:
    return 3


@flow(log_prints=True)
def child(number: int = 1) -> int:
    print("a child runs")
    return double(number)


@flow(description="What was sold, each night.")
def etl(day: str = "today") -> None:
    flaky()
    write_orders()
    double.map([1, 2, 3]).wait()
    child(7)
    create_table_artifact(table=[{"rows": 3}], key="sales", description=day)


@flow
def failing() -> None:
    one = breaks.submit()
    after.submit(one).wait()
    one.result()


@flow(retries=1, retry_delay_seconds=0)
def restless() -> str:
    TRIES["restless"] += 1
    if TRIES["restless"] < 2:
        raise RuntimeError("not the first time")
    return runtime.flow_run.get_run_count() and "done"


@flow
def waits() -> None:
    """Stands for what only waits in a queue."""


def deployed(client: SyncPrefectClient, of: object, name: str, **how: object) -> UUID:
    flow_id = client.create_flow_from_name(of.name)
    return client.create_deployment(flow_id=flow_id, name=name, **how)


def main() -> None:
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="shop", type="process", concurrency_limit=5))
        zone = "Europe/Zurich"
        hourly = IntervalSchedule(
            interval=timedelta(hours=1), anchor_date=datetime(2026, 1, 1, 0, 7, tzinfo=UTC)
        )
        nightly = deployed(
            client,
            etl,
            "nightly",
            work_pool_name="shop",
            schedules=[
                DeploymentScheduleCreate(schedule=CronSchedule(cron="30 2 * * *", timezone=zone)),
                DeploymentScheduleCreate(schedule=CronSchedule(cron="0 12 * * 1", timezone=zone)),
            ],
            parameters={"day": "yesterday"},
            tags=["nightly", "sales"],
            description="Each night.",
            concurrency_limit=1,
        )
        deployed(
            client,
            etl,
            "paused",
            paused=True,
            schedules=[DeploymentScheduleCreate(schedule=CronSchedule(cron="*/5 * * * *"))],
        )
        deployed(client, child, "hourly", schedules=[DeploymentScheduleCreate(schedule=hourly)])
        rule = RRuleSchedule(rrule="FREQ=WEEKLY;BYDAY=MO,WE;BYHOUR=6;BYMINUTE=15;BYSECOND=0")
        deployed(client, child, "weekly", schedules=[DeploymentScheduleCreate(schedule=rule)])
        queued = deployed(client, waits, "queued", work_pool_name="shop")
        due = datetime.now(UTC) - timedelta(minutes=3)
        waiting = [
            client.create_flow_run_from_deployment(
                queued, state=Scheduled(scheduled_time=due + timedelta(seconds=number))
            )
            for number in range(3)
        ]
        cancelled = client.create_flow_run_from_deployment(queued)
        client.set_flow_run_state(cancelled.id, Cancelled(), force=True)
        run = client.create_flow_run_from_deployment(nightly)
        run_flow(etl, flow_run=run, return_type="state", parameters=run.parameters)
        failing(return_state=True)
        restless(return_state=True)
        marked = failing(return_state=True)
        client.set_flow_run_state(
            marked.state_details.flow_run_id, Completed(name="Marked"), force=True
        )
        told = {
            "nightly": str(nightly),
            "queued": str(queued),
            "waiting": [str(one.id) for one in waiting],
            "etl": str(run.id),
            "marked": str(marked.state_details.flow_run_id),
        }
    print("MADE " + json.dumps(told), flush=True)


if __name__ == "__main__":
    sys.exit(main())
