"""The schedule of a Dag, of what Airflow's list and details tell."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from adapters.airflow.schedule import schedule_of
from adapters.airflow.wire import Dag, DagDetails, Dags
from hub.model import Schedule
from hub.openlineage.decode import decode_event
from tests.support.answers import answer
from tests.support.samples import own

A = {"uri": "s3://lake/a", "name": "a", "group": "asset"}
B = {"uri": "s3://lake/b", "name": "b", "group": "raw"}

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def of(summary: str | None, next_run: datetime | None = None, **details: Any) -> Schedule | None:
    dag = Dag(
        "etl",
        timetable_summary=summary,
        next_dagrun_run_after=next_run,
        next_dagrun_data_interval_start=next_run,
        next_dagrun_data_interval_end=next_run,
    )
    return schedule_of(dag, DagDetails(**details))


@pytest.mark.parametrize(
    ("summary", "kind", "expression"),
    [
        ("*/2 * * * *", "cron", "*/2 * * * *"),
        ("0 6 * * MON-FRI", "cron", "0 6 * * MON-FRI"),
        ("30 0 6 * * *", "cron", "30 0 6 * * *"),
        ("@daily", "cron", "0 0 * * *"),
        ("0 1 * * *, 0,30 2 * * *", "cron", "0 1 * * *\n0,30 2 * * *"),
        (None, "manual", ""),
        ("None", "manual", ""),
        ("@once", "manual", ""),
        ("@continuous", "manual", ""),
        ("Asset or 0 6 * * *", "cron", "0 6 * * *"),
    ],
)
def test_a_summary_is_a_schedule(summary: str | None, kind: str, expression: str) -> None:
    found = of(summary)
    assert found is not None
    assert (found.kind, found.expression) == (kind, expression)


@pytest.mark.parametrize("summary", ["MyCompanyTimetable", "12 events", "PartitionedAtRuntime"])
def test_a_timetable_nobody_else_knows_is_left_out(summary: str) -> None:
    assert of(summary) is None


def test_an_asset_expression_is_a_dataset_schedule() -> None:
    data = answer("airflow/v2/06_dag_details_consumer")
    found = schedule_of(msgspec.convert(data, Dag), msgspec.convert(data, DagDetails))
    assert found is not None
    assert found.kind == "dataset"
    condition = msgspec.json.decode(found.expression)
    orders = {"uri": "postgres://dwh:5432/db/public/orders", "name": "dwh_orders", "group": "asset"}
    assert condition["all"][0] == {"asset": orders}


@pytest.mark.parametrize(
    ("rest", "facet"),
    [
        (
            {"all": [{"asset": A | {"id": 7}}, {"any": [{"asset": B | {"id": 8}}]}]},
            {
                "__type": "asset_all",
                "objects": [
                    {"__type": "asset", "extra": {}} | A,
                    {"__type": "asset_any", "objects": [{"__type": "asset", "extra": {}} | B]},
                ],
            },
        ),
        (
            {"any": [{"alias": {"name": "x", "group": "asset"}}, {"asset_ref": {"name": "y"}}]},
            {
                "__type": "asset_any",
                "objects": [
                    {"__type": "asset_alias", "name": "x", "group": "asset"},
                    {"__type": "asset_ref", "name": "y"},
                ],
            },
        ),
        (
            {"all": ["s3://lake/a", {"alias": "x"}]},
            {
                "__type": "dataset_all",
                "objects": [
                    {"__type": "dataset", "uri": "s3://lake/a", "extra": None},
                    {"__type": "dataset_alias", "name": "x"},
                ],
            },
        ),
    ],
)
def test_a_condition_is_the_same_text_from_rest_and_from_the_facet(rest: Any, facet: Any) -> None:
    polled = of("Asset", asset_expression=rest)
    event = own("airflow/dag_start_asset_triggered_jobDependencies.json")
    event["run"]["facets"]["airflowDagRun"]["dag"]["timetable"] = {"asset_condition": facet}
    pushed = decode_event(json.dumps(event).encode()).job
    assert polled is not None
    assert pushed is not None
    assert pushed.schedule is not None
    assert pushed.schedule.expression == polled.expression


def test_what_else_is_declared_comes_with_it() -> None:
    data = answer("airflow/v2/06_dag_details")
    found = schedule_of(msgspec.convert(data, Dag), msgspec.convert(data, DagDetails))
    assert found == Schedule(
        "cron",
        "*/2 * * * *",
        "UTC",
        paused=False,
        catchup=False,
        max_active_runs=2,
        start_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("cron", "zone", "next_run", "fits"),
    [
        ("0 6 * * *", "UTC", datetime(2026, 11, 23, 6, tzinfo=UTC), True),
        ("0 6 * * *", "UTC", datetime(2026, 11, 23, 5, tzinfo=UTC), False),  # Europe/Berlin's
        ("0 6 * * *", "Europe/Berlin", datetime(2026, 11, 23, 5, tzinfo=UTC), True),
        ("0 6 * * *", "Europe/Berlin", datetime(2026, 7, 23, 4, tzinfo=UTC), True),
        ("0 * * * *", "UTC", datetime(2026, 11, 23, 5, tzinfo=UTC), True),  # the same anywhere
        ("0 * * * *", "UTC", datetime(2026, 11, 23, 5, 30, tzinfo=UTC), False),  # Asia/Kolkata's
        ("*/20 8-18/2 * * *", "UTC", datetime(2026, 11, 23, 10, 40, tzinfo=UTC), True),
        ("*/20 8-18/2 * * *", "UTC", datetime(2026, 11, 23, 11, 40, tzinfo=UTC), False),
        ("H 6 * * *", "UTC", datetime(2026, 11, 23, 6, 17, tzinfo=UTC), True),
        ("0 6 * * *", "Mars/Olympus", datetime(2026, 11, 23, 5, tzinfo=UTC), True),
        ("0 6 * * *", "UTC", None, True),
    ],
)
def test_a_cron_is_told_if_the_next_run_is_its_tick_in_the_dags_zone(
    cron: str, zone: str, next_run: datetime | None, fits: bool
) -> None:
    found = of(cron, next_run, timezone=zone)
    assert (found is not None) is fits
    assert found is None or found.timezone == zone


def test_schedules_of_airflow_2_are_read_too() -> None:
    dags = msgspec.convert(answer("airflow/v1/05_dags"), Dags).dags
    details = DagDetails(timezone="UTC", dataset_expression={"any": [{"uri": "file:///a"}]})
    found = {dag.dag_id: schedule_of(dag, details) for dag in dags}
    cron = schedule_of(dags[1], DagDetails(timezone="UTC"))
    assert found["consumer"] is not None
    assert found["consumer"].kind == "dataset"
    assert cron is not None
    assert (cron.kind, cron.expression) == ("cron", "*/2 * * * *")


def test_an_interval_of_airflow_2_is_read_too() -> None:
    delta = {"__type": "TimeDelta", "days": 1, "seconds": 60, "microseconds": 0}
    dag = Dag(
        "etl",
        schedule_interval=delta,
        next_dagrun_data_interval_start=NOON,
        next_dagrun_data_interval_end=NOON + timedelta(seconds=86460),
    )
    found = schedule_of(dag, DagDetails())
    assert found is not None
    assert (found.kind, found.expression, found.timing) == ("interval", "PT86460S", "interval")


@pytest.mark.parametrize(
    ("summary", "expression", "anchor"),
    [
        ("1 day, 0:00:00", "PT86400S", datetime(1970, 1, 1, 12, tzinfo=UTC)),
        ("0:05:00", "PT300S", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2 days, 1:00:30", "PT176430S", datetime(1970, 1, 1, 23, 12, tzinfo=UTC)),
    ],
)
def test_a_timedelta_is_due_whole_intervals_from_the_next_run(
    summary: str, expression: str, anchor: datetime
) -> None:
    found = of(summary, NOON)
    assert found == Schedule("interval", expression, anchor=anchor)


def test_of_a_timedelta_without_a_next_run_nothing_is_told() -> None:
    assert of("0:05:00") is None


def test_runs_are_called_by_the_beginning_of_their_data_if_they_have_some() -> None:
    dag = Dag(
        "etl",
        timetable_summary="0 12 * * *",
        next_dagrun_run_after=NOON,
        next_dagrun_data_interval_start=NOON - timedelta(days=1),
        next_dagrun_data_interval_end=NOON,
    )
    found = schedule_of(dag, DagDetails())
    assert found == Schedule("cron", "0 12 * * *", timing="interval")


def test_the_sixth_field_of_a_cron_is_its_seconds() -> None:
    assert of("30 6 * * * 15", datetime(2026, 11, 23, 6, 30, 15, tzinfo=UTC)) is not None
