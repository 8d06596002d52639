"""Rows of Airflow's REST API as OpenLineage events, on recorded answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from adapters.airflow import events, ids
from adapters.airflow.events import Attempt, Place
from adapters.airflow.site import attempt_of
from adapters.airflow.wire import DagRun, DagRuns, TaskInstance, TaskInstances
from hub.model import EntityName, RunState
from hub.openlineage.decode import decode_event
from hub.ports import KnownRun, RunName
from tests.support.answers import answer
from tests.support.samples import own_events

SPACE = "af-prod"
PLACE = Place(SPACE, "http://airflow")
PARENT = Attempt(1, UUID(int=7))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def task(**fields: Any) -> TaskInstance:
    return TaskInstance("etl", "manual__1", "load", run_after=NOON, **fields)


def told(event: Any) -> dict[str, Any]:
    assert event is not None
    facet: dict[str, Any] = event["run"]["facets"]["trackside_answer"]
    return facet


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


# -- run ids ---------------------------------------------------------------------------------------

PUSHED = [(name, json.loads(raw)) for name, raw in own_events("airflow")]


@pytest.mark.parametrize(("name", "event"), PUSHED, ids=[name for name, _ in PUSHED])
def test_run_ids_are_those_that_the_provider_sent(name: str, event: Any) -> None:
    facets, space = event["run"]["facets"], event["job"]["namespace"]
    if "airflow" in facets:
        run, task = facets["airflow"]["dagRun"], facets["airflow"]["task"]
        instance = facets["airflow"]["taskInstance"]
        row = TaskInstance(run["dag_id"], run["run_id"], task["task_id"])
        row.map_index = instance.get("map_index", -1)
        row.logical_date, row.run_after = times_of(run)
        assert str(ids.task_run_id(space, row, instance["try_number"])) == event["run"]["runId"]
    elif "airflowDagRun" in facets:
        run = facets["airflowDagRun"]["dagRun"]
        logical, after = times_of(run)
        dag_run = DagRun(run["dag_id"], run["run_id"], logical_date=logical, run_after=after)
        attempt = run["clear_number"] + 1
        assert str(ids.dag_run_id(space, dag_run, attempt)) == event["run"]["runId"]
    else:
        assert "manual" in name  # a state that a person set has no facet to compare with


def times_of(run: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    found = (run.get("logical_date"), run.get("run_after"))
    logical, after = (datetime.fromisoformat(text) if text else None for text in found)
    return logical, after


# -- states ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("scheduled", "OTHER"),
        ("queued", "OTHER"),
        ("running", "START"),
        ("deferred", "START"),
        ("up_for_reschedule", "START"),
        ("restarting", "START"),
        ("success", "COMPLETE"),
        ("failed", "FAIL"),
        ("up_for_retry", "FAIL"),
        ("skipped", "ABORT"),
        ("upstream_failed", "ABORT"),
        ("removed", "ABORT"),
        ("a word of a later Airflow", "OTHER"),
    ],
)
def test_a_state_is_an_event_type_and_keeps_its_own_word(state: str, kind: str) -> None:
    event = events.task_event(PLACE, task(state=state, try_number=1), PARENT)
    assert event is not None
    assert (event["eventType"], told(event)["state"]) == (kind, state)


def test_a_task_that_waits_for_others_gives_no_event() -> None:
    assert events.task_event(PLACE, task(state=None), PARENT) is None


def test_only_a_failure_that_is_tried_again_says_so() -> None:
    again = events.task_event(PLACE, task(state="up_for_retry", try_number=1), PARENT)
    last = events.task_event(PLACE, task(state="failed", try_number=2, max_tries=1), PARENT)
    earlier = events.task_event(PLACE, task(state="failed", try_number=1), PARENT, latest=2)
    assert told(again)["willRetry"] is True
    assert told(earlier)["willRetry"] is True
    assert "willRetry" not in told(last)


def test_an_earlier_try_without_an_end_was_cleared() -> None:
    row = task(state="running", try_number=1, start_date=NOON, end_date=after(5))
    event = events.task_event(PLACE, row, PARENT, latest=2)
    assert event is not None
    assert (event["eventType"], told(event)["state"]) == ("ABORT", "cleared")
    assert event["eventTime"] == "2026-11-22T12:00:05Z"


# -- times -----------------------------------------------------------------------------------------


def test_an_ended_attempt_is_told_at_its_end() -> None:
    row = task(
        state="success",
        try_number=1,
        scheduled_when=NOON,
        queued_when=after(1),
        start_date=after(2),
        end_date=after(9),
    )
    event = events.task_event(PLACE, row, PARENT)
    assert event is not None
    assert event["eventTime"] == "2026-11-22T12:00:09Z"
    assert told(event)["startedAt"] == "2026-11-22T12:00:02Z"
    assert told(event)["queuedAt"] == "2026-11-22T12:00:00Z"


def test_a_waiting_retry_has_not_started_though_its_row_has_the_start_of_the_try_before() -> None:
    row = task(
        state="queued",
        try_number=2,
        start_date=NOON,
        end_date=after(3),
        scheduled_when=after(8),
        queued_when=after(9),
    )
    event = events.task_event(PLACE, row, PARENT)
    assert event is not None
    assert event["eventTime"] == "2026-11-22T12:00:09Z"
    assert "startedAt" not in told(event)


def test_what_never_ran_has_no_start() -> None:
    row = task(state="upstream_failed", start_date=after(3), end_date=after(3))
    assert "startedAt" not in told(events.task_event(PLACE, row, PARENT))


def test_what_skipped_itself_has_one() -> None:
    row = task(state="skipped", try_number=1, start_date=after(3), end_date=after(4))
    assert told(events.task_event(PLACE, row, PARENT))["startedAt"] == "2026-11-22T12:00:03Z"


def test_a_deferred_task_that_waits_again_was_queued_before_it_started_not_after() -> None:
    row = task(state="running", try_number=1, start_date=NOON, scheduled_when=after(60))
    assert "queuedAt" not in told(events.task_event(PLACE, row, PARENT))


# -- recorded answers ------------------------------------------------------------------------------

RECORDED_TASKS = [
    "airflow/v2/12_ti_deferred",
    "airflow/v2/26_ti_state_filter",
    "airflow/v2/26_ti_tries",
    "airflow/v2/27_ti_mapped",
    "airflow/v2/31_ti_updated_cursor",
    "airflow/v1/12_ti_updated",
    "airflow/v1/27_ti_batch",
    "airflow/v1/30_tries",
]
RECORDED_RUNS = [
    "airflow/v2/13_dagruns_queued",
    "airflow/v2/31_dr_updated_cursor",
    "airflow/v1/13_dr_updated",
]


@pytest.mark.parametrize("name", RECORDED_TASKS)
def test_the_hub_understands_every_recorded_task_instance(name: str) -> None:
    rows = msgspec.convert(answer(name), TaskInstances).task_instances
    assert rows
    for row in rows:
        event = events.task_event(PLACE, row, PARENT)
        if row.state is None:
            continue
        read = decode_event(json.dumps(event).encode())
        assert read.warnings == ()
        assert read.run is not None
        assert (read.run.natural_id, read.run.map_index) == (row.dag_run_id, row.map_index)
        assert read.run.own_state == row.state
        assert read.run.parent is not None
        assert read.run.parent.natural_id == row.dag_run_id


@pytest.mark.parametrize("name", RECORDED_RUNS)
def test_the_hub_understands_every_recorded_dag_run(name: str) -> None:
    rows = msgspec.convert(answer(name), DagRuns).dag_runs
    assert rows
    for row in rows:
        event = events.dag_run_event(PLACE, row, attempt_of(SPACE, row, None))
        read = decode_event(json.dumps(event).encode())
        assert read.warnings == ()
        assert read.run is not None
        assert (read.run.natural_id, read.run.attempt) == (row.dag_run_id, 1)
        assert read.run.own_state == row.state


def test_the_same_row_is_the_same_json() -> None:
    rows = msgspec.convert(answer("airflow/v2/31_dr_updated_cursor"), DagRuns).dag_runs
    one, two = (events.dag_run_event(PLACE, rows[0], PARENT) for _ in range(2))
    assert json.dumps(one) == json.dumps(two)


def test_a_slot_is_told_as_the_provider_tells_it() -> None:
    data = answer("airflow/v2/27_ti_mapped")  # manual: none
    manual = msgspec.convert(data, TaskInstances).task_instances[0]
    row = DagRun("etl", "scheduled__1", run_type="scheduled", state="running")
    row.data_interval_start = row.data_interval_end = row.logical_date = NOON
    slot = events.dag_run_event(PLACE, row, PARENT)["run"]["facets"]["nominalTime"]
    assert (slot["nominalStartTime"], slot["nominalEndTime"]) == ("2026-11-22T12:00:00Z",) * 2
    by_hand = DagRun(manual.dag_id, manual.dag_run_id, run_type="manual", run_after=NOON)
    assert "nominalTime" not in events.dag_run_event(PLACE, by_hand, PARENT)["run"]["facets"]


def test_a_link_leads_to_the_place_in_airflow() -> None:
    assert PLACE.page("a b", "r+1") == "http://airflow/dags/a%20b/runs/r%2B1"
    assert PLACE.page("d", "r", "t", 2) == "http://airflow/dags/d/runs/r/tasks/t/mapped/2"
    old = Place(SPACE, "http://airflow", is_old=True)
    assert old.page("d", "r", "t") == "http://airflow/dags/d/grid?dag_run_id=r&task_id=t"


# -- which attempt of a Dag run --------------------------------------------------------------------

NAME = RunName(EntityName(SPACE, "etl"), "manual__1")


def known(attempt: int, state: RunState, started_at: datetime | None) -> KnownRun:
    return KnownRun(NAME, UUID(int=attempt).bytes, attempt, state, started_at)


def dag_run(**fields: Any) -> DagRun:
    return DagRun("etl", "manual__1", run_after=NOON, **fields)


def test_a_run_nobody_knows_is_a_first_attempt() -> None:
    row = dag_run(state="running", queued_at=NOON, start_date=after(1))
    attempt = attempt_of(SPACE, row, None)
    assert attempt == Attempt(1, ids.dag_run_id(SPACE, row, 1))


def test_a_known_run_keeps_its_attempt_and_its_run_id() -> None:
    row = dag_run(state="success", queued_at=NOON, start_date=after(1), end_date=after(9))
    attempt = attempt_of(SPACE, row, known(3, RunState.RUNNING, after(1)))
    assert attempt == Attempt(3, UUID(int=3))


@pytest.mark.parametrize(
    "row",
    [
        dag_run(state="queued", queued_at=after(60)),
        dag_run(state="running", queued_at=after(60), start_date=after(61)),
        dag_run(state="failed", queued_at=after(60), start_date=after(61), end_date=after(70)),
        dag_run(state="running", queued_at=after(60), start_date=after(1)),
    ],
    ids=["queued again", "running again", "over again", "cleared while it ran"],
)
def test_a_run_that_begins_later_than_the_known_attempt_was_cleared(row: DagRun) -> None:
    attempt = attempt_of(SPACE, row, known(1, RunState.FAILED, after(1)))
    assert attempt == Attempt(2, ids.dag_run_id(SPACE, row, 2))


def test_a_stale_answer_is_no_clear() -> None:
    row = dag_run(state="running", queued_at=NOON, start_date=after(1))
    attempt = attempt_of(SPACE, row, known(1, RunState.COMPLETED, after(1)))
    assert attempt.number == 1


def test_a_known_run_that_has_not_started_keeps_its_attempt() -> None:
    row = dag_run(state="running", queued_at=NOON, start_date=after(30))
    assert attempt_of(SPACE, row, known(1, RunState.NEW, None)).number == 1


def test_a_cleared_while_running_attempt_begins_when_it_was_cleared() -> None:
    row = dag_run(state="running", queued_at=after(60), start_date=after(1))
    event = events.dag_run_event(PLACE, row, attempt_of(SPACE, row, None))
    assert told(event)["attempt"] == 2
    assert told(event)["startedAt"] == "2026-11-22T12:01:00Z"
