"""Checks of one's own come to lineage events of their datasets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from hub.errors import BadInput
from hub.model import Check, CheckStatus, EntityName, Severity
from hub.openlineage.decode import decode_event
from hub.quality.custom import read_checks

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ORDERS = {"namespace": "s3://lake", "name": "shop/orders"}

Json = dict[str, Any]


def told(**more: Any) -> Json:
    return {"dataset": ORDERS, "name": "totals", "status": "passed"} | more


def read(value: Any) -> list[tuple[EntityName, str | None, datetime, tuple[Check, ...]]]:
    events = [decode_event(each) for each in read_checks(msgspec.json.encode(value), NOON)]
    assert not [event.warnings for event in events if event.warnings]
    return [
        (facts.name, facts.partition, event.event_time, facts.checks)
        for event in events
        for facts in event.datasets
    ]


def test_all_of_a_check_is_told() -> None:
    at = "2026-11-30T06:00:00+01:00"
    more = {"column": "amount", "severity": "warn", "expected": ">= 1000", "actual": 12.5}
    (found,) = read(told(status="failed", partition="2026-11-29", at=at, **more))
    assert found == (
        EntityName("s3://lake", "shop/orders"),
        "2026-11-29",
        datetime(2026, 11, 30, 5, tzinfo=UTC),
        (Check("totals", CheckStatus.FAILED, "amount", Severity.WARN, ">= 1000", "12.5"),),
    )


def test_it_was_checked_now_and_is_an_error_unless_told_otherwise() -> None:
    ((_, partition, at, (check,)),) = read(told(status="failed"))
    assert (partition, at, check.severity) == (None, NOON, Severity.ERROR)


@pytest.mark.parametrize("word", ["passed", "failed", "skipped"])
def test_every_status_is_kept(word: str) -> None:
    ((*_, (check,)),) = read(told(status=word))
    assert check.status == word.upper()


def test_many_are_one_event_for_each_dataset_partition_and_time() -> None:
    many = [told(), told(name="other"), told(partition="p"), told(at="2026-11-30T06:00:00Z")]
    assert [len(checks) for *_, checks in read(many)] == [2, 1, 1]
    assert read([]) == []


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (told(status="bad"), "$.status"),
        ([told(), told(severity="fatal")], "$[1].severity"),
        ([told(), told(at="soon")], "$[1].at"),
        (told(name=""), "$.name"),
        (told(dataset="orders"), "$.dataset"),
        ([told(dataset={"namespace": "x", "name": ""})], "$[0].dataset.name"),
        ({"dataset": ORDERS, "name": "x"}, "$.status"),
        (told(colum="a"), "$"),
        (3, "$"),
    ],
)
def test_a_mistake_is_told_by_its_path(wrong: Any, path: str) -> None:
    with pytest.raises(BadInput) as error:
        read(wrong)
    assert error.value.path == path
