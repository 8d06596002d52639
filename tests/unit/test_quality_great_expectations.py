"""Validation results of Great Expectations, of both of its shapes, come to checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.errors import BadInput
from hub.model import Check, CheckStatus, DatasetFacts, EntityName, LineageEvent, Severity
from hub.openlineage.decode import decode_event
from hub.quality.base import Given
from hub.quality.great_expectations import read_great_expectations

FILES = Path(__file__).parents[1] / "answers" / "quality"
GIVEN = Given("postgres://dwh:5432")
NOW, BEFORE = "great_expectations_1_checkpoint.json", "great_expectations_018_checkpoint.json"

Json = dict[str, Any]


def file(name: str) -> Json:
    found: Json = msgspec.json.decode((FILES / name).read_bytes())
    return found


def read(told: Any, given: Given = GIVEN) -> list[LineageEvent]:
    events = [
        decode_event(each)
        for each in read_great_expectations(msgspec.json.encode(told), given).events
    ]
    assert not [event.warnings for event in events if event.warnings]
    return events


def facts_of(told: Any, given: Given = GIVEN) -> DatasetFacts:
    (_, ended) = read(told, given)
    (facts,) = ended.datasets
    return facts


def validation(**told: Any) -> Json:
    return file("great_expectations_1_daily.json") | told


def outcome(kind: str = "expect_column_mean_to_be_between", **told: Any) -> Json:
    kwargs = {"column": "a", "min_value": 1, "batch_id": "x"}
    return {"success": True, "expectation_config": {"type": kind, "kwargs": kwargs}} | told


def checks_of(*outcomes: Json) -> list[Check]:
    return list(facts_of(validation(results=list(outcomes))).checks)


@pytest.mark.parametrize("name", [NOW, BEFORE])
def test_expectations_are_checks_with_what_was_observed(name: str) -> None:
    found = {check.name: check for check in facts_of(file(name)).checks}
    assert found["expect_column_values_to_be_unique"] == Check(
        "expect_column_values_to_be_unique",
        CheckStatus.FAILED,
        "id",
        Severity.ERROR,
        actual="2 of 3 unexpected",
    )
    assert found["expect_table_row_count_to_be_between"] == Check(
        "expect_table_row_count_to_be_between",
        CheckStatus.PASSED,
        None,
        Severity.ERROR,
        "max_value=10, min_value=1",
        "3",
    )


def test_an_expectation_that_could_not_be_looked_at_failed_and_says_why() -> None:
    found = {check.name: check for check in facts_of(file(NOW)).checks}
    broken = found["expect_column_mean_to_be_between"]
    assert broken.status is CheckStatus.FAILED
    assert broken.actual == 'Error: The column "nope" in BatchData does not exist.'


def test_a_warning_only_warns() -> None:
    found = {check.name: check for check in facts_of(file(NOW)).checks}
    assert found["expect_column_values_to_not_be_null"].severity is Severity.WARN


@pytest.mark.parametrize("word", ["warning", "info", "WARN"])
def test_before_1_6_how_bad_it_is_may_stand_in_its_meta(word: str) -> None:
    config = outcome()["expectation_config"] | {"meta": {"severity": word}}
    assert checks_of(outcome(expectation_config=config))[0].severity is Severity.WARN


@pytest.mark.parametrize(
    ("name", "job", "began"),
    [(NOW, "orders", "13:33:18.612272"), (BEFORE, "nightly", "13:30:31.123338")],
)
def test_a_validation_is_a_run_of_its_checkpoint_or_suite(name: str, job: str, began: str) -> None:
    events = read(file(name))
    assert [event.event_type for event in events] == ["START", "COMPLETE"]
    assert {event.job.name for event in events if event.job} == {
        EntityName("great-expectations", job)
    }
    assert f"{events[0].event_time:%H:%M:%S.%f}" == began


def test_a_dataset_is_called_as_its_asset_and_a_table_as_its_table() -> None:
    assert facts_of(file(NOW)).name == EntityName("postgres://dwh:5432", "orders")
    told = validation()
    assert told["meta"]["active_batch_definition"]["data_asset_name"] == "orders_asset"
    assert facts_of(told).name.name == "orders"
    told["meta"]["batch_spec"]["schema_name"] = "core"
    assert facts_of(told).name.name == "core.orders"
    assert facts_of(told, Given("db", "shop.{table}")).name == EntityName("db", "shop.core.orders")


@pytest.mark.parametrize(
    ("identifiers", "partition"),
    [
        ({"year": 2026, "month": 11, "day": 29}, "2026-11-29"),
        ({"year": "2026", "month": "1"}, "2026-01"),
        ({"day": {"year": 2026}}, "2026"),
        ({"date": "2026-11-29"}, "2026-11-29"),
        ({"shop": "zurich", "week": 3}, "shop=zurich/week=3"),
        ({"year": 2026, "shop": "zurich"}, "shop=zurich/year=2026"),
        ({"dataframe": "<DATAFRAME>"}, None),
        ({"path": "orders.csv", "shop": "zurich"}, "zurich"),
        ({"day": None}, None),
        ({}, None),
    ],
)
def test_a_batch_tells_its_partition(identifiers: Json, partition: str | None) -> None:
    told = validation()
    told["meta"]["batch_parameters"] = None
    told["meta"]["active_batch_definition"]["batch_identifiers"] = identifiers
    assert facts_of(told).partition == partition


def test_a_partition_that_is_given_wins() -> None:
    assert facts_of(validation()).partition == "2026-11-29"
    assert facts_of(validation(), Given("db", partition="today")).partition == "today"


def test_columns_of_which_there_are_several_stand_together() -> None:
    pair = {"column_A": "a", "column_B": "b"}
    several = {"column_list": ["x", "y"]}
    told = [
        outcome(expectation_config={"type": "t", "kwargs": kwargs}) for kwargs in (pair, several)
    ]
    assert [check.column for check in checks_of(*told)] == ["a,b", "x,y"]


def test_the_same_expectation_twice_is_told_apart_by_what_it_asks() -> None:
    other = {"column": "a", "min_value": 5}
    told = [
        outcome(),
        outcome(expectation_config=outcome()["expectation_config"] | {"kwargs": other}),
        outcome(expectation_config={"type": "expect_x", "kwargs": other}),
    ]
    assert [check.name for check in checks_of(*told)] == [
        "expect_column_mean_to_be_between (min_value=1)",
        "expect_column_mean_to_be_between (min_value=5)",
        "expect_x",
    ]


def test_several_validations_are_several_runs() -> None:
    one, other = file("great_expectations_1_daily.json"), file("great_expectations_1_daily.json")
    other["meta"]["batch_parameters"] = {"year": 2026, "month": 11, "day": 30}
    events = read([one, other])
    assert len({event.run.run_id for event in events if event.run}) == 2
    assert [facts.partition for event in events for facts in event.datasets] == [
        "2026-11-29",
        "2026-11-30",
    ]


def test_the_same_result_comes_to_the_same_bytes_also_within_its_checkpoint() -> None:
    raw = msgspec.json.encode(file(NOW))
    (alone,) = file(NOW)["run_results"].values()
    first = read_great_expectations(raw, GIVEN)
    assert first == read_great_expectations(raw, GIVEN)
    assert first == read_great_expectations(msgspec.json.encode(alone), GIVEN)


def test_nan_is_nothing_that_was_observed() -> None:
    raw = msgspec.json.encode(validation(results=[outcome(result={"observed_value": "NAN"})]))
    report = read_great_expectations(raw.replace(b'"NAN"', b"NaN"), GIVEN)
    (check,) = decode_event(report.events[1]).datasets[0].checks
    assert check.actual is None


@pytest.mark.parametrize(
    ("told", "given", "path"),
    [
        ({}, GIVEN, "$.results"),
        (validation(), Given(), "namespace"),
        (validation(results=[{"success": True}]), GIVEN, "$.results[0].expectation_config"),
        (validation(meta={}), GIVEN, "$.meta.validation_time"),
        (validation(meta={"validation_time": "now"}), GIVEN, "$.meta.validation_time"),
        (
            validation(meta={"validation_time": "2026-11-29T00:00:00Z"}),
            GIVEN,
            "$.meta.active_batch_definition.data_asset_name",
        ),
        ({"run_results": {"a": {"validation_result": {}}}}, GIVEN, "$.run_results.a.validation_result.results"),
        ({"run_results": {"a": 3}}, GIVEN, "$.run_results.a"),
        (file("great_expectations_1_describe.json"), GIVEN, "$.results"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_its_path(told: Json, given: Given, path: str) -> None:
    with pytest.raises(BadInput) as wrong:
        read(told, given)
    assert wrong.value.path == path


def test_what_describes_a_checkpoint_is_told_what_to_write_instead() -> None:
    with pytest.raises(BadInput, match="to_json_dict"):
        read(file("great_expectations_1_describe.json"))
