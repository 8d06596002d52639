"""What Spark's integration tells beyond the spec."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.openlineage.decode import decode_event
from tests.support.samples import own_events

Row = dict[str, Any]


def sent(job: str, kind: str) -> Row:
    """An event of our own recording."""
    events = (json.loads(raw) for _, raw in own_events("spark"))
    return next(e for e in events if job in e["job"]["name"] and e["eventType"] == kind)


def decoded(event: Row) -> Any:
    return decode_event(json.dumps(event).encode())


@pytest.mark.parametrize(
    ("job", "kind", "unended"),
    [
        ("map_partitions", "START", True),
        ("lake_checked", "START", False),
        ("lake_checked", "FAIL", False),
        ("slow_orders", "START", False),
    ],
)
def test_only_an_rdd_that_writes_nothing_is_told_no_end(job: str, kind: str, unended: bool) -> None:
    found = decoded(sent(job, kind))
    assert found.run.unended is unended
    assert found.warnings == ()


def test_an_rdd_that_writes_tells_its_end() -> None:
    event = sent("map_partitions", "START")
    event["outputs"] = [{"namespace": "file", "name": "/srv/lake/text"}]
    assert not decoded(event).run.unended


def test_only_a_failure_of_spark_stands() -> None:
    event = sent("lake_checked", "FAIL")
    assert decoded(event).run.failure_stands
    assert not decoded(sent("lake_checked", "COMPLETE")).run.failure_stands
    event["job"]["facets"]["jobType"]["integration"] = "AIRFLOW"
    assert not decoded(event).run.failure_stands


def test_its_exception_is_the_error_unless_the_specs_own_facet_tells_one() -> None:
    event = sent("lake_checked", "FAIL")
    run = decoded(event).run
    assert run.error_message == "[USER_RAISED_EXCEPTION] amount is negative SQLSTATE: P0001"
    assert run.error_class == "SparkRuntimeException"
    theirs = {"errorMessage": {"message": "theirs", "programmingLanguage": "java"}}
    for facets in (theirs | event["run"]["facets"], event["run"]["facets"] | theirs):
        told = {**event, "run": {**event["run"], "facets": facets}}
        assert decoded(told).run.error_message == "theirs"


@pytest.mark.parametrize("facet", [{}, {"message": None}, {"message": 7}, [], "text"])
def test_an_exception_of_another_shape_is_no_fault(facet: object) -> None:
    event = sent("lake_checked", "FAIL")
    event["run"]["facets"]["spark.exception"] = facet
    assert decoded(event).run.error_message is None
