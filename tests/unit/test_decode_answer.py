"""The facet `trackside_answer`: what an orchestrator itself answers about an attempt."""

import json
from datetime import UTC, datetime

import pytest

from hub.errors import BadInput
from hub.model import RunFacts
from hub.openlineage.decode import decode_event

RUN = "0192a1b2-0000-7000-8000-000000000001"
PARENT = "0192a1b2-0000-7000-8000-000000000002"


def run_of(answer: dict, **facets: object) -> RunFacts:
    event = {
        "eventTime": "2026-11-22T06:00:10Z",
        "eventType": "FAIL",
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": RUN, "facets": {"trackside_answer": answer, **facets}},
        "job": {"namespace": "airflow", "name": "etl.load"},
    }
    run = decode_event(json.dumps(event).encode()).run
    assert run is not None
    return run


def test_it_names_the_run_and_the_attempt_by_the_orchestrators_own_ids() -> None:
    run = run_of({"state": "failed", "naturalId": "manual__1", "mapIndex": 3, "attempt": 2})
    assert (run.natural_id, run.map_index, run.attempt) == ("manual__1", 3, 2)


def test_it_tells_the_own_word_for_the_state_and_its_times() -> None:
    run = run_of(
        {
            "state": "upstream_failed",
            "willRetry": True,
            "queuedAt": "2026-11-22T06:00:00Z",
            "startedAt": "2026-11-22T06:00:05+00:00",
            "url": "http://airflow/log",
            "partition": "2026-11-22",
        }
    )
    assert (run.own_state, run.will_retry) == ("upstream_failed", True)
    assert run.queued_at == datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert run.started_at == datetime(2026, 11, 22, 6, 0, 5, tzinfo=UTC)
    assert (run.external_url, run.partition) == ("http://airflow/log", "2026-11-22")


def test_it_names_the_parent_by_its_own_id_too() -> None:
    parent = {"run": {"runId": PARENT}, "job": {"namespace": "airflow", "name": "etl"}}
    run = run_of({"state": "failed", "parentNaturalId": "manual__1"}, parent=parent)
    assert run.parent is not None
    assert run.parent.natural_id == "manual__1"


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({}, "$.run.facets.trackside_answer.state"),
        ({"state": "x", "attempt": 2**40}, "$.run.facets.trackside_answer.attempt"),
        ({"state": "x", "queuedAt": "yesterday"}, "$.run.facets.trackside_answer.queuedAt"),
    ],
)
def test_what_it_can_not_mean_is_refused_with_its_path(answer: dict, path: str) -> None:
    with pytest.raises(BadInput) as caught:
        run_of(answer)
    assert caught.value.path == path
