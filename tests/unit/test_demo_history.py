"""The made-up world: the same for the same seed, and true to the spec and to our decoder."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.demo import captured, observations, simulate
from hub.demo.datasets import columns_of
from hub.demo.jobs import JOBS
from hub.demo.mishaps import mishaps
from hub.demo.nouns import Span, Updated
from hub.demo.tables import TABLES
from hub.errors import BadInput
from hub.openlineage.decode import decode_event
from hub.openlineage.observations import decode_observations

NOW = datetime(2026, 11, 19, 13, 7, 31, tzinfo=UTC)
WORLD = list(simulate(NOW))


def of(job: str, kind: str | None = None) -> list[dict[str, Any]]:
    found = [event for event in WORLD if event.get("job", {}).get("name") == job]
    return [event for event in found if kind in {None, event["eventType"]}]


def slot(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["run"]["facets"]["nominalTime"]["nominalStartTime"])


def seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def test_the_same_seed_makes_the_same_world() -> None:
    assert list(simulate(NOW)) == WORLD


def test_another_seed_makes_another() -> None:
    assert list(simulate(NOW, seed=2)) != WORLD


@pytest.mark.parametrize("hours", [1, 7, 30, 60])
def test_within_a_week_a_later_world_holds_the_earlier_one(hours: int) -> None:
    later = {json.dumps(event) for event in simulate(NOW + timedelta(hours=hours))}
    since = (NOW + timedelta(hours=hours) - timedelta(weeks=3)).isoformat()[:10]
    lost = [e for e in WORLD if e["eventTime"][:10] >= since and json.dumps(e) not in later]
    # A dataset's update of the first day may lie before the later world begins.
    assert not [e for e in lost if e["eventTime"][:10] > since]


def test_events_come_in_their_order_and_none_lies_ahead() -> None:
    times = [datetime.fromisoformat(event["eventTime"]) for event in WORLD]
    assert times == sorted(times)
    assert times[-1] <= NOW


def test_weeks_are_as_many_as_wanted() -> None:
    short = [e for e in simulate(NOW, weeks=1) if "run" in e and "stream" not in e["job"]["name"]]
    assert min(e["eventTime"] for e in short) >= (NOW - timedelta(days=8)).isoformat()
    assert len(short) < len(WORLD) / 2


def test_there_is_enough_to_look_at() -> None:
    kinds = Counter(event.get("eventType") for event in WORLD)
    assert 3_000 < len(WORLD) < 12_000
    assert kinds["FAIL"] > 30
    assert kinds["ABORT"]
    assert kinds["RUNNING"]
    assert len({job.team for job in JOBS}) == 4
    assert len({event["job"]["namespace"] for event in WORLD if "job" in event}) == 4


def test_every_event_is_understood_without_a_warning() -> None:
    warned = [w for event in WORLD for w in decode_event(json.dumps(event).encode()).warnings]
    assert not warned


def test_every_observation_is_understood() -> None:
    seen = [each for _, each in observations(NOW)]
    kinds = Counter(each["type"] for each in seen)
    assert len(decode_observations(json.dumps(seen).encode())) == len(seen)
    assert set(kinds) == {"schedule", "freshness_policy", "backlog", "health", "watermark"}


def test_recorded_events_are_understood() -> None:
    assert len([decode_event(raw) for raw in captured()]) > 50


def test_one_mishap_is_survived_and_one_is_refused() -> None:
    sloppy, hopeless = mishaps(NOW)
    assert len(decode_event(sloppy).warnings) >= 3
    with pytest.raises(BadInput):
        decode_event(hopeless)


def test_tables_are_written_before_a_job_waits_for_them() -> None:
    written: set[str] = set()
    for job in JOBS:
        if isinstance(job.schedule, Updated):
            assert set(job.schedule.tables) <= written
        written |= {key for step in job.steps for key in step.writes}


def test_every_table_and_column_that_a_step_names_exists() -> None:
    span = Span(NOW, 3)
    for job in JOBS:
        for step in job.steps:
            assert {*step.reads, *step.reads_later, *step.writes} <= set(TABLES)
            for line in step.lines:
                for source in line.partition(" = ")[2].split()[1:]:
                    key, _, column = source.rpartition(".")
                    assert column in dict(columns_of(TABLES[key], NOW, span)), line


# -- what is wrong in it -------------------------------------------------------------------------


def test_one_job_is_late() -> None:
    last = max(slot(event) for event in of("stock_levels", "START"))
    assert NOW - last > timedelta(hours=3)


def test_one_run_hangs() -> None:
    started, ended = of("export_partners", "START"), of("export_partners")
    ends = {e["run"]["runId"] for e in ended if e["eventType"] != "START"}
    hanging = [e for e in started if e["run"]["runId"] not in ends]
    assert [seconds(e["eventTime"], NOW.isoformat()) > 3 * 3600 for e in hanging] == [True]


def test_one_dataset_goes_stale_though_its_job_runs() -> None:
    done = of("stock_forecast.stock_forecast", "COMPLETE")
    assert [event["outputs"] for event in done[-3:]] == [[], [], []]
    assert all(event["outputs"] for event in done[:10])


def test_one_job_gets_slower() -> None:
    started = {e["run"]["runId"]: e["eventTime"] for e in of("revenue_daily", "START")}
    took = [
        seconds(started[e["run"]["runId"]], e["eventTime"]) for e in of("revenue_daily", "COMPLETE")
    ]
    assert sum(took[-4:]) / 4 > 1.3 * sum(took[:4]) / 4


def test_checks_fail_and_some_are_only_warnings() -> None:
    checks = [
        assertion
        for event in WORLD
        for dataset in event.get("inputs", ())
        for assertion in dataset.get("inputFacets", {})
        .get("dataQualityAssertions", {})
        .get("assertions", ())
    ]
    failed = {(check["assertion"], check["severity"]) for check in checks if not check["success"]}
    assert {("accepted_values", "warn"), ("as_many_as_customers", "error")} <= failed
    assert any(check["success"] for check in checks)


def test_tries_that_failed_are_tried_again_under_a_run_id_of_their_own() -> None:
    tries = [
        e["run"]["facets"]["airflow"]
        for e in WORLD
        if "airflow" in e.get("run", {}).get("facets", {})
    ]
    again = [each for each in tries if each["taskInstance"]["try_number"] > 1]
    assert again
    assert len({each["taskUuid"] for each in tries}) > len(
        {each["dagRun"]["run_id"] for each in tries}
    )


def test_lineage_of_columns_crosses_orchestrators() -> None:
    event = of("customer_360.orders_by_customer", "COMPLETE")[-1]
    lines = event["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert lines["revenue"]["inputFields"][0]["name"] == "dwh.core.orders"
    written = {o["name"] for e in of("load_warehouse.merge_orders") for o in e["outputs"]}
    assert "dwh.core.orders" in written


def test_a_table_gets_columns_and_a_job_an_input() -> None:
    done = of("load_warehouse.merge_orders", "COMPLETE")
    columns = [len(e["outputs"][0]["facets"]["schema"]["fields"]) for e in done]
    assert columns[0] < columns[-1]
    assert len(done[0]["inputs"]) < len(done[-1]["inputs"])
