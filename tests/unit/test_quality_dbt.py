"""dbt's artifacts come to runs that write, checks of what they wrote, and updates of sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.errors import BadInput
from hub.model import (
    Check,
    CheckStatus,
    DatasetFacts,
    Direction,
    EntityName,
    EventType,
    FreshnessPolicyObserved,
    LineageEvent,
    Severity,
)
from hub.openlineage.decode import decode_event
from hub.openlineage.observations import decode_observations
from hub.quality.base import Given
from hub.quality.dbt import read_dbt

FILES = Path(__file__).parents[1] / "answers" / "quality"
SPACE = "duckdb://shop.duckdb"
PARTS = ("manifest", "run_results", "sources")

Json = dict[str, Any]


def artifacts(*parts: str) -> Json:
    """As dbt wrote them."""
    return {
        part: msgspec.json.decode((FILES / f"dbt_{part}.json").read_bytes())
        for part in parts or PARTS
    }


def read(told: Json | None = None, **given: Any) -> list[LineageEvent]:
    raw = msgspec.json.encode(artifacts() if told is None else told)
    report = read_dbt(raw, Given(**{"namespace": SPACE, **given}))
    events = [decode_event(each) for each in report.events]
    assert not [event.warnings for event in events if event.warnings]
    return events


def ends(events: list[LineageEvent]) -> dict[str, list[LineageEvent]]:
    """The last word on each job's runs."""
    found: dict[str, list[LineageEvent]] = {}
    for event in events:
        if event.job is not None and event.event_type is not EventType.START:
            found.setdefault(event.job.name.name, []).append(event)
    return found


def datasets(event: LineageEvent, direction: Direction) -> list[str]:
    return [one.name.name for one in event.datasets if one.direction is direction]


def checks(events: list[LineageEvent]) -> dict[str, tuple[str, Check]]:
    return {
        check.name: (facts.name.name, check)
        for event in events
        for facts in event.datasets
        for check in facts.checks
    }


def result_of(told: Json, start: str) -> Json:
    (found,) = [one for one in told["run_results"]["results"] if one["unique_id"].startswith(start)]
    return dict(found)


def alone(*results: Json, which: str = "build") -> Json:
    """The artifacts of a call that came to these results."""
    told = artifacts("manifest", "run_results")
    told["run_results"] |= {"results": list(results), "args": {"which": which}}
    return told


def test_a_model_is_a_run_that_reads_what_it_depends_on_and_writes_its_table() -> None:
    (orders,) = ends(read())["shop.main.shop.orders.build.run"]
    assert orders.event_type is EventType.COMPLETE
    assert datasets(orders, Direction.INPUT) == ["shop.main.raw_orders"]
    (written,) = [one for one in orders.datasets if one.direction is Direction.OUTPUT]
    assert written.name == EntityName(SPACE, "shop.main.orders")
    assert written.description == "All orders"


def test_a_run_began_and_ended_when_dbt_says() -> None:
    told = artifacts()
    timing = result_of(told, "model.shop.orders")["timing"]
    began, ended = [
        event
        for event in read(told)
        if event.job and event.job.name.name == "shop.main.shop.orders.build.run"
    ]
    assert began.event_type is EventType.START
    assert f"{began.event_time:%H:%M:%S.%f}" in timing[0]["started_at"]
    assert f"{ended.event_time:%H:%M:%S.%f}" in timing[1]["completed_at"]


def test_what_is_ephemeral_is_no_table_but_what_it_reads_is() -> None:
    (events,) = ends(read())["shop.main.shop.events.build.run"]
    assert datasets(events, Direction.INPUT) == ["shop.main.events"]
    assert "shop.main.shop.stg.build.run" not in ends(read())


def test_a_model_that_breaks_fails_with_its_error_and_one_that_is_skipped_did_not_run() -> None:
    found = ends(read())
    (broken,) = found["shop.main.shop.broken.build.run"]
    assert broken.event_type is EventType.FAIL
    assert broken.run
    assert "Table with name nowhere does not exist" in (broken.run.error_message or "")
    assert "shop.main.shop.after.build.run" not in found


def test_rows_are_those_that_the_adapter_tells() -> None:
    (seed,) = ends(read())["shop.main.shop.raw_orders.build.seed"]
    assert [one.rows for one in seed.datasets] == [2]


@pytest.mark.parametrize(
    ("told", "rows"), [({"rows_affected": 0}, 0), ({"rows_affected": -1}, None), ({}, None)]
)
def test_rows_below_zero_are_not_known(told: Json, rows: int | None) -> None:
    one = result_of(artifacts(), "model.shop.orders") | {"adapter_response": told}
    (orders,) = ends(read(alone(one)))["shop.main.shop.orders.build.run"]
    assert [d.rows for d in orders.datasets if d.direction is Direction.OUTPUT] == [rows]


def test_each_microbatch_is_a_run_of_its_partition() -> None:
    found = ends(read())["shop.main.shop.mb.build.run"]
    told = [
        (event.event_type, [d.partition for d in event.datasets if d.partition]) for event in found
    ]
    assert told == [
        (EventType.COMPLETE, ["2026-11-28"]),
        (EventType.FAIL, ["2026-11-29"]),
        (EventType.FAIL, ["2026-11-30"]),
    ]
    assert len({event.run.run_id for event in found if event.run}) == 3


def test_all_of_it_is_a_part_of_one_call_of_dbt_which_failed() -> None:
    events = read()
    (call,) = ends(events)["dbt-run-shop"]
    assert call.event_type is EventType.FAIL
    assert call.run
    assert call.run.error_message == (
        "3 of 12 failed: model.shop.broken, test.shop.not_null_orders_customer_id.c5f02694af, "
        "model.shop.mb"
    )
    parents = {event.run.parent.run_id for event in events if event.run and event.run.parent}
    assert parents == {call.run.run_id}


def test_tests_are_checks_of_their_table_with_what_they_found() -> None:
    table, found = checks(read())["not_null_orders_customer_id"]
    assert table == "shop.main.orders"
    assert found == Check(
        "not_null_orders_customer_id",
        CheckStatus.FAILED,
        "customer_id",
        Severity.ERROR,
        expected="0",
        actual="1",
    )


def test_a_test_of_two_tables_is_of_the_one_that_it_stands_at() -> None:
    table, _ = checks(read())["relationships_orders_customer_id__id__ref_raw_orders_"]
    assert table == "shop.main.orders"


def test_a_test_of_its_own_is_of_every_table_that_it_reads() -> None:
    told = alone(result_of(artifacts(), "test.shop.total"))
    told["manifest"]["nodes"]["test.shop.total"]["depends_on"]["nodes"] = [
        "model.shop.orders",
        "seed.shop.raw_orders",
    ]
    found = [facts.name.name for event in read(told) for facts in event.datasets if facts.checks]
    assert found == ["shop.main.orders", "shop.main.raw_orders"]


def test_the_job_that_tested_did_not_fail_because_a_test_found_something() -> None:
    (tested,) = ends(read())["shop.main.shop.orders.build.test"]
    assert tested.event_type is EventType.COMPLETE


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("pass", (CheckStatus.PASSED, Severity.ERROR)),
        ("warn", (CheckStatus.FAILED, Severity.WARN)),
        ("fail", (CheckStatus.FAILED, Severity.ERROR)),
        ("error", (CheckStatus.FAILED, Severity.ERROR)),
        ("skipped", (CheckStatus.SKIPPED, Severity.ERROR)),
    ],
)
def test_statuses_of_tests(status: str, found: tuple[CheckStatus, Severity]) -> None:
    one = result_of(artifacts(), "test.shop.unique_orders_id") | {"status": status}
    _, check = checks(read(alone(one, which="test")))["unique_orders_id"]
    assert (check.status, check.severity) == found


def test_a_test_that_can_not_be_run_says_why_and_so_does_its_job() -> None:
    trouble = {"status": "error", "message": "no such column", "failures": None}
    one = result_of(artifacts(), "test.shop.unique_orders_id") | trouble
    events = read(alone(one, which="test"))
    _, check = checks(events)["unique_orders_id"]
    assert (check.expected, check.actual) == (None, "no such column")
    (job,) = ends(events)["shop.main.shop.orders.test"]
    assert job.run
    assert job.run.error_message == "no such column"


def test_a_threshold_is_what_is_expected() -> None:
    one = result_of(artifacts(), "test.shop.unique_orders_id")
    told = alone(one | {"status": "fail", "failures": 12})
    told["manifest"]["nodes"][one["unique_id"]]["config"]["error_if"] = "> 10"
    _, check = checks(read(told))["unique_orders_id"]
    assert (check.expected, check.actual) == ("not > 10", "12")


def test_a_source_was_updated_when_dbt_says_that_it_was_loaded() -> None:
    (update,) = [event for event in read(artifacts("manifest", "sources")) if event.job is None]
    (facts,) = update.datasets
    assert facts.name.name == "shop.main.events"
    assert facts.lifecycle == "OVERWRITE"
    assert update.event_time.isoformat() == "2026-11-29T03:00:00+00:00"


def test_nothing_was_updated_where_that_is_not_asked_for() -> None:
    events = read(artifacts("manifest", "sources"), updates=False)
    assert [event for event in events if event.job is None] == []
    assert "freshness" in checks(events)


def test_the_freshness_of_a_source_is_a_check_and_a_policy() -> None:
    told = artifacts("manifest", "sources")
    _, check = checks(read(told))["freshness"]
    assert check.status is CheckStatus.FAILED
    assert (check.expected, check.actual) == (
        "at most 24 hours old",
        "loaded at 2026-11-29T03:00:00+00:00",
    )
    report = read_dbt(msgspec.json.encode(told), Given(SPACE))
    (policy,) = decode_observations(msgspec.json.encode(report.observations))
    assert isinstance(policy, FreshnessPolicyObserved)
    assert policy.dataset == EntityName(SPACE, "shop.main.events")
    assert policy.max_lag_s == 24 * 3600


def test_a_source_that_only_warns_has_that_as_its_policy() -> None:
    told = artifacts("manifest", "sources")
    (one,) = told["sources"]["results"]
    one |= {"status": "warn", "criteria": {"warn_after": {"count": 30, "period": "minute"}}}
    _, check = checks(read(told))["freshness"]
    assert (check.severity, check.expected) == (Severity.WARN, "at most 30 minutes old")
    report = read_dbt(msgspec.json.encode(told), Given(SPACE))
    assert [each["max_lag_s"] for each in report.observations] == [1800]


def test_a_source_whose_age_can_not_be_told_fails_and_has_no_update() -> None:
    told = artifacts("manifest", "sources")
    uid = "source.shop.raw.events"
    told["sources"]["results"] = [
        {"unique_id": uid, "status": "runtime error", "error": "no such table"}
    ]
    events = read(told)
    _, check = checks(events)["freshness"]
    assert (check.status, check.actual) == (CheckStatus.FAILED, "no such table")
    assert all(event.job for event in events)


def test_a_partition_is_of_what_is_written_and_of_what_is_checked() -> None:
    found = {
        facts.partition
        for event in read(alone(*artifacts()["run_results"]["results"][:11]), partition="p")
        for facts in event.datasets
        if facts.checks or facts.direction is Direction.OUTPUT
    }
    assert found == {"p"}


def test_the_same_artifacts_come_to_the_same_bytes() -> None:
    raw = msgspec.json.encode(artifacts())
    assert read_dbt(raw, Given(SPACE)) == read_dbt(raw, Given(SPACE))


@pytest.mark.parametrize("which", ["compile", "generate", "show"])
def test_what_was_only_compiled_has_updated_nothing(which: str) -> None:
    """dbt says success of it all the same, in the same file."""
    told = alone(result_of(artifacts(), "model.shop.orders"), which=which)
    with pytest.raises(BadInput, match=f"results of dbt build, .* found those of dbt {which}"):
        read(told)


@pytest.mark.parametrize(("failures", "found"), [(1234567, "1234567"), (2.0, "2"), (0.5, "0.5")])
def test_failures_are_told_exactly(failures: float, found: str) -> None:
    one = result_of(artifacts(), "test.shop.unique_orders_id")
    _, check = checks(read(alone(one | {"status": "fail", "failures": failures})))[
        "unique_orders_id"
    ]
    assert check.actual == found


@pytest.mark.parametrize(("manifest", "results"), [("v9", "v4"), ("v12", "v6"), ("v31", "v9")])
def test_the_version_of_the_schema_makes_no_difference(manifest: str, results: str) -> None:
    """What was left out or came since 1.5 is optional."""
    told = artifacts("manifest", "run_results")
    told["manifest"]["metadata"]["dbt_schema_version"] = f"https://x/dbt/manifest/{manifest}.json"
    told["run_results"]["metadata"]["dbt_schema_version"] = f"https://x/run-results/{results}.json"
    for node in told["manifest"]["nodes"].values():
        node.pop("attached_node", None)
        node["something_new"] = {"of": ["tomorrow"]}
    for one in told["run_results"]["results"]:
        one.pop("batch_results")
    assert len(checks(read(told))) == 6


def test_bigquery_needs_no_namespace() -> None:
    told = artifacts("manifest", "run_results")
    told["manifest"]["metadata"]["adapter_type"] = "bigquery"
    spaces = {
        facts.name.namespace for event in read(told, namespace=None) for facts in event.datasets
    }
    assert spaces == {"bigquery"}


def _without(told: Json, *path: str | int) -> Json:
    within: Any = told
    for step in path[:-1]:
        within = within[step]
    del within[path[-1]]
    return told


@pytest.mark.parametrize(
    ("told", "given", "path"),
    [
        (artifacts("manifest"), {}, "$.run_results"),
        (artifacts("run_results"), {}, "$.manifest"),
        (artifacts(), {"namespace": None}, "namespace"),
        (artifacts(), {"dataset": "one"}, "dataset"),
        (_without(artifacts(), "run_results", "results", 3, "status"), {}, "$.run_results.results[3].status"),
        (_without(artifacts(), "manifest", "nodes", "model.shop.orders"), {}, "$.run_results.results[4].unique_id"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_its_path(told: Json, given: Json, path: str) -> None:
    with pytest.raises(BadInput) as wrong:
        read(told, **given)
    assert wrong.value.path == path


def test_a_time_that_is_none_is_told_by_its_path() -> None:
    told = artifacts()
    told["sources"]["results"][0]["max_loaded_at"] = "yesterday"
    with pytest.raises(BadInput, match=r"\$.sources.results\[0\].max_loaded_at: .* 'yesterday'"):
        read(told)
    with pytest.raises(BadInput, match="JSON"):
        read_dbt(b"{", Given(SPACE))


def test_datasets_are_called_as_one_likes() -> None:
    told = artifacts("manifest", "sources")
    names = {
        facts.name.name for event in read(told, dataset="prod.{table}") for facts in event.datasets
    }
    assert names == {"prod.shop.main.events"}


def test_a_check_that_was_told_as_facts_is_of_an_input() -> None:
    facts: list[DatasetFacts] = [one for event in read() for one in event.datasets if one.checks]
    assert {one.direction for one in facts} == {Direction.INPUT}
