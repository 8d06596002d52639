"""Scan results of Soda come to checks of the tables that it looked at."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.errors import BadInput
from hub.model import Check, CheckStatus, EntityName, EventType, LineageEvent, Severity
from hub.openlineage.decode import decode_event
from hub.quality.base import Given
from hub.quality.soda import read_soda

FILE = Path(__file__).parents[1] / "answers" / "quality" / "soda_scan.json"
GIVEN = Given("duckdb://shop.duckdb", "shop.main.{table}", "2026-11-29")

Json = dict[str, Any]


def scan(**told: Any) -> Json:
    found: Json = msgspec.json.decode(FILE.read_bytes())
    return found | told


def read(told: Json, given: Given = GIVEN) -> tuple[LineageEvent, LineageEvent]:
    events = [decode_event(each) for each in read_soda(msgspec.json.encode(told), given).events]
    assert not [event.warnings for event in events if event.warnings]
    began, ended = events
    return began, ended


def checks(told: Json) -> dict[str, Check]:
    return {c.name: c for facts in read(told)[1].datasets for c in facts.checks}


def one(**told: Any) -> Json:
    return scan(checks=[{"name": "it", "table": "orders", "outcome": "pass"} | told])


def test_checks_are_of_the_table_and_column_with_what_was_measured() -> None:
    _, ended = read(scan())
    (facts,) = ended.datasets
    assert facts.name == EntityName("duckdb://shop.duckdb", "shop.main.orders")
    assert facts.partition == "2026-11-29"
    assert checks(scan())["duplicate_count(id) = 0"] == Check(
        "duplicate_count(id) = 0",
        CheckStatus.FAILED,
        "id",
        Severity.ERROR,
        "not > 0, not < 0",
        "1",
    )


def test_a_check_that_warns_failed_mildly() -> None:
    found = checks(scan())["max(amount) warn when > 5 fail when > 100"]
    assert (found.status, found.severity) == (CheckStatus.FAILED, Severity.WARN)
    assert (found.expected, found.actual) == ("not > 5", "10")


def test_a_check_that_passed_and_one_that_could_not_be_decided() -> None:
    assert checks(one())["it"].status is CheckStatus.PASSED
    assert checks(one(outcome=None))["it"].status is CheckStatus.SKIPPED


def test_a_check_of_a_part_of_the_rows_is_another_one() -> None:
    found = checks(scan())
    assert "row_count > 5 [daily]" in found
    assert "row_count > 0" in found


def test_what_monitors_by_itself_is_a_check_too() -> None:
    automated = [{"name": "anomaly", "table": "orders", "outcome": "fail"}]
    assert "anomaly" in checks(scan(automatedMonitoringChecks=automated))


def test_a_scan_is_a_run_of_its_definition() -> None:
    began, ended = read(scan())
    assert began.job
    assert began.job.name == EntityName("soda", "nightly")
    assert (began.event_type, ended.event_type) == (EventType.START, EventType.COMPLETE)


def test_a_scan_ends_within_the_second_that_it_tells() -> None:
    """Else what was loaded in that second would count as not checked."""
    told = scan(scanEndTimestamp="2026-11-30T13:31:09+00:00")
    whole = read(told)[1].event_time
    assert timedelta(seconds=9) < timedelta(seconds=whole.second + whole.microsecond / 1e6)
    assert (whole.second, whole.microsecond) == (9, 999_999)
    exact = read(scan(scanEndTimestamp="2026-11-30T13:31:09.25+00:00"))[1].event_time
    assert exact.microsecond == 250_000


def test_a_scan_that_could_not_look_at_all_failed_and_says_why() -> None:
    logs = [{"level": "INFO", "message": "hello"}, {"level": "ERROR", "message": "no table gone"}]
    _, ended = read(scan(hasErrors=True, logs=logs, checks=[]))
    assert ended.event_type is EventType.FAIL
    assert ended.run
    assert ended.run.error_message == "no table gone"


def test_the_same_scan_comes_to_the_same_bytes() -> None:
    raw = FILE.read_bytes()
    assert read_soda(raw, GIVEN) == read_soda(raw, GIVEN)


def test_one_name_for_several_tables_is_refused() -> None:
    told = [{"name": "it", "table": table, "outcome": "pass"} for table in ("a", "b")]
    with pytest.raises(BadInput, match=r"dataset: expected a name with \{table\} in it, for there"):
        read(scan(checks=told), Given("db", "orders"))


@pytest.mark.parametrize(
    ("told", "given", "path"),
    [
        ({}, GIVEN, "$.scanStartTimestamp"),
        (scan(scanEndTimestamp="late"), GIVEN, "$.scanEndTimestamp"),
        (scan(checks=[{"outcome": "pass"}]), GIVEN, "$.checks[0].name"),
        (scan(), Given(), "namespace"),
    ],
)
def test_a_mistake_is_told_by_its_path(told: Json, given: Given, path: str) -> None:
    with pytest.raises(BadInput) as wrong:
        read(told, given)
    assert wrong.value.path == path
