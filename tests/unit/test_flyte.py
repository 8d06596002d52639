"""Executions, nodes, schedules and launches of Flyte. Not tested live: see fake_flyte."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.flyte.config import Config
from adapters.flyte.events import node_names
from adapters.flyte.launch import literal, name_of
from adapters.flyte.plans import schedule_of
from adapters.flyte.wire import Plan, read
from hub.errors import Declined, NotReady, Unavailable
from hub.model import EntityName, RunState, Schedule
from hub.ports import LaunchKind, LaunchRequest
from hub.schedules.slots import timetable_of
from tests.support.fake_flyte import (
    NOW,
    PLACE,
    WORKFLOW,
    FakeFlyte,
    execution,
    execution_id,
    node,
    plan,
    stamp,
)
from tests.support.watching import Watch

Json = dict[str, Any]
JOB = f"{PLACE}/etl.nightly"
NAME = execution(1)["id"]["name"]


def watched(*rows: Json, nodes: tuple[Json, ...] = (), looks: int = 1) -> Watch:
    server = FakeFlyte(0)
    server.executions, server.nodes = list(rows), list(nodes)
    watch = Watch(server.adapter(), NOW)
    watch.look(looks)
    return watch


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("UNDEFINED", RunState.NEW),
        ("QUEUED", RunState.NEW),
        ("RUNNING", RunState.RUNNING),
        ("SUCCEEDING", RunState.RUNNING),
        ("FAILING", RunState.RUNNING),
        ("ABORTING", RunState.RUNNING),
        ("SUCCEEDED", RunState.COMPLETED),
        ("FAILED", RunState.FAILED),
        ("TIMED_OUT", RunState.FAILED),
        ("ABORTED", RunState.ABORTED),
    ],
)
def test_every_phase_of_an_execution_is_told_with_flytes_own_word(
    phase: str, expected: RunState
) -> None:
    told = watched(execution(1, phase=phase)).only(JOB)
    assert (told.state, told.own_state) == (expected, phase)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("QUEUED", RunState.NEW),
        ("RUNNING", RunState.RUNNING),
        ("DYNAMIC_RUNNING", RunState.RUNNING),
        ("FAILING", RunState.RUNNING),
        ("SUCCEEDED", RunState.COMPLETED),
        ("RECOVERED", RunState.COMPLETED),
        ("FAILED", RunState.FAILED),
        ("TIMED_OUT", RunState.FAILED),
        ("ABORTED", RunState.ABORTED),
        ("SKIPPED", RunState.ABORTED),
    ],
)
def test_every_phase_of_a_node_is_told_with_flytes_own_word(phase: str, expected: RunState) -> None:
    watch = watched(execution(1, phase="RUNNING"), nodes=(node(NAME, phase=phase),))
    told = watch.only(f"{JOB}.load")
    assert (told.state, told.own_state) == (expected, phase)


def test_a_node_that_its_execution_has_left_behind_ends_with_it() -> None:
    row = execution(1, phase="ABORTED")
    told = watched(row, nodes=(node(NAME, phase="RUNNING"),)).only(f"{JOB}.load")
    ended = datetime.fromisoformat(row["closure"]["updated_at"])
    assert (told.state, told.own_state, told.at) == (RunState.ABORTED, "RUNNING", ended)


def test_nodes_are_called_as_people_call_them_and_those_that_do_nothing_are_left_out() -> None:
    keys = ("start-node", "n0", "n1", "n2", "n9", "end-node")
    watch = watched(execution(1), nodes=tuple(node(NAME, key) for key in keys))
    names = [it.job.name.removeprefix(f"{JOB}.") for it in watch.memory.attempts]
    assert names == [JOB, "load", "train-n1", "train-n2", "n9"]
    assert node_names(WORKFLOW)["n0"] == "load"
    assert node_names({"closure": None}) == node_names(None) == {}


def test_a_failure_says_why_and_an_abort_who() -> None:
    error = {"code": "USER:ValueError", "message": "no such day", "kind": "USER"}
    assert _message(watched(execution(1, phase="FAILED", error=error))) == "no such day"
    assert _message(watched(execution(1, phase="TIMED_OUT"))) == "TIMED_OUT"
    abort = {"cause": "wrong day", "principal": "ann"}
    facet = watched(execution(1, phase="ABORTED", abort_metadata=abort)).facets(JOB)
    assert facet["flyte_execution"]["abortCause"] == "wrong day"
    assert facet["flyte_execution"]["abortedBy"] == "ann"


def _message(watch: Watch) -> str:
    return str(watch.facets(JOB)["errorMessage"]["message"])


def test_a_scheduled_execution_is_called_by_its_slot_and_one_by_hand_is_not() -> None:
    facets = watched(execution(1)).facets(JOB)
    assert facets["nominalTime"]["nominalStartTime"] == "2026-11-22T11:00:00.000000Z"
    page = f"http://flyte/console/projects/shop/domains/production/executions/{NAME}"
    assert facets["trackside_answer"]["url"] == page
    row = execution(1)
    row["spec"]["metadata"]["mode"] = "MANUAL"
    assert "nominalTime" not in watched(row).facets(JOB)


def test_an_execution_that_another_has_started_stands_below_it() -> None:
    parent, child = execution(1), execution(2)
    where = {"node_id": "n0", "execution_id": execution_id(NAME)}
    child["spec"]["metadata"] |= {"mode": "CHILD_WORKFLOW", "parent_node_execution": where}
    child["spec"]["launch_plan"]["name"] = "etl.child"
    watch = watched(parent, child)
    told = watch.only(f"{PLACE}/etl.child")
    assert told.parent == str(watch.only(JOB).run_id)


# -- nothing is lost ---------------------------------------------------------------------------------


def test_nodes_of_open_executions_are_asked_for_again_though_nothing_else_changes() -> None:
    server = FakeFlyte(0)
    server.executions = [execution(1, phase="RUNNING")]
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.nodes = [node(NAME)]
    watch.look()
    assert watch.only(f"{JOB}.load").state is RunState.COMPLETED


def test_what_changes_is_told_again_and_what_does_not_is_not_asked_for() -> None:
    server = FakeFlyte(0)
    server.executions = [execution(3590, phase="RUNNING")]
    watch = Watch(server.adapter(), NOW)
    watch.look()
    over = execution(3590)
    server.executions = [over | {"updated": stamp(70)}]
    watch.look()
    assert watch.only(JOB).state is RunState.COMPLETED
    server.asked.clear()
    watch.look(3)
    assert not [path for path in server.paths() if "node_executions" in path]


def test_an_end_that_reached_flyte_late_is_seen() -> None:
    server = FakeFlyte(0)
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.executions = [execution(1) | {"updated": stamp(30)}]  # it ended an hour ago
    watch.look()
    assert watch.only(JOB).state is RunState.COMPLETED


def test_many_are_asked_for_in_several_looks() -> None:
    server = FakeFlyte(150)
    watch = Watch(server.adapter(), NOW)
    watch.look()
    assert watch.more
    watch.look(3)
    assert not watch.more
    assert len(watch.memory.attempts) == 300


def test_an_execution_that_is_gone_ends() -> None:
    server = FakeFlyte(0)
    server.executions = [execution(1, phase="RUNNING")]
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.executions = []
    watch.look(4)
    assert (watch.only(JOB).state, watch.only(JOB).own_state) == (RunState.ABORTED, "deleted")


# -- schedules ---------------------------------------------------------------------------------------


def told(schedule: Json | None = None, **spec: Any) -> Schedule:
    return schedule_of(read(plan("p", schedule, **spec), Plan, "here"), "Europe/Zurich")


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (
            {"cron_schedule": {"schedule": "0 5 * * *", "offset": ""}},
            Schedule("cron", "0 5 * * *", "Europe/Zurich", paused=False, timing="shown"),
        ),
        (
            {"cron_schedule": {"schedule": "@daily", "offset": ""}},
            Schedule("cron", "@daily", "Europe/Zurich", paused=False, timing="shown"),
        ),
        ({"rate": {"value": 10, "unit": "MINUTE"}}, Schedule("interval", "PT600S", paused=False)),
        ({"rate": {"value": 2, "unit": "DAY"}}, Schedule("interval", "PT172800S", paused=False)),
        ({"cron_schedule": {"schedule": "0 5 * * *", "offset": "PT1H"}}, Schedule("manual")),
        ({"cron_expression": "0 5 * * ? *"}, Schedule("manual")),
        ({"rate": {"value": 0, "unit": "HOUR"}}, Schedule("manual")),
    ],
)
def test_schedules_of_launch_plans(schedule: Json, expected: Schedule) -> None:
    found = told(schedule)
    assert found == expected
    assert (timetable_of(found) is None) is (expected.kind == "manual")


def test_a_bound_on_executions_at_once_is_told() -> None:
    assert told(concurrency_policy={"max": 1, "behavior": "SKIP"}).max_active_runs == 1


def test_a_launch_plan_that_is_deactivated_has_no_schedule_any_more() -> None:
    server = FakeFlyte(0)
    watch = Watch(server.adapter(), NOW)
    watch.look(2)
    server.plans = []
    watch.look(3)
    seen = [one.schedule.kind for one in watch.memory.observations if hasattr(one, "schedule")]
    assert seen == ["cron", "manual"]
    assert JOB in watch.memory.jobs


# -- launches ----------------------------------------------------------------------------------------


def request_for(job: str, **more: Any) -> LaunchRequest:
    return LaunchRequest("key-1", EntityName("space", job), **more)


def test_a_launch_starts_an_execution_under_a_name_made_of_the_key_and_only_once() -> None:
    server = FakeFlyte(0)
    adapter = server.adapter()
    asked = request_for(JOB, conf={"n": "3", "rate": 1, "dry": "true"}, partition="2026-11-22")
    assert adapter.find_launched(asked) is None
    first, second = adapter.launch(asked), adapter.launch(asked)
    assert (first.again, second.again) == (False, True)
    assert first.natural_id == second.natural_id == name_of(asked)
    (row,) = server.executions
    values = {key: one["scalar"]["primitive"] for key, one in row["inputs"]["literals"].items()}
    assert values == {"n": {"integer": "3"}, "rate": {"float_value": 1.0}, "dry": {"boolean": True}}
    watch = Watch(adapter, NOW)
    watch.look()
    (name,) = watch.memory.attempts
    assert (name.job.name, name.natural_id) == (JOB, first.natural_id)
    assert watch.only(JOB).partition == "2026-11-22"


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("2026-11-22T00:00:00Z", "DATETIME", {"datetime": "2026-11-22T00:00:00Z"}),
        (3, "STRING", {"string_value": "3"}),
        (3, "", {"integer": "3"}),
        (0.5, "", {"float_value": 0.5}),
        (False, "", {"boolean": False}),
        ("x", "", {"string_value": "x"}),
    ],
)
def test_the_conf_is_told_as_the_inputs_want_it(value: Any, kind: str, expected: Json) -> None:
    assert literal(value, kind) == {"scalar": {"primitive": expected}}


def test_lists_and_objects_of_the_conf_are_told_too() -> None:
    assert literal([1], "")["collection"]["literals"] == [literal(1, "")]
    assert literal({"a": 1}, "STRUCT") == {"scalar": {"generic": {"a": 1}}}
    assert literal(None, "") == {"scalar": {"none_type": {}}}
    with pytest.raises(Unavailable, match="where a number is wanted"):
        literal("x", "FLOAT")


def test_what_flyte_can_not_start_is_declined_or_waits() -> None:
    adapter = FakeFlyte(0).adapter()
    with pytest.raises(Declined):
        adapter.launch(request_for(JOB, kind=LaunchKind.ASSET_EVENT))
    with pytest.raises(NotReady, match="no launch plan"):
        adapter.launch(request_for(f"{PLACE}/other"))
    with pytest.raises(Unavailable, match="is not <project>"):
        adapter.launch(request_for("other"))


# -- login -------------------------------------------------------------------------------------------


def test_a_client_logs_in_where_flyte_says_and_again_when_its_token_has_run_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLYTE_SECRET", "s3cret")
    server = FakeFlyte(1, secret="s3cret")
    adapter = server.adapter(client_id="hub", client_secret="env:FLYTE_SECRET")
    watch = Watch(adapter, NOW)
    watch.look(2)
    assert server.tokens == ["Bearer token-0"]
    server.tokens.append("Bearer somebody else's")
    watch.look()
    assert len(server.tokens) == 3
    assert watch.only(JOB).state is RunState.COMPLETED


@pytest.mark.parametrize(
    "settings",
    [
        {"projects": []},
        {"projects": ["shop"]},
        {"client_id": "hub"},
        {"client_id": "hub", "client_secret": "env:A", "token": "env:B"},
        {"timezone": "Mars/Olympus"},
    ],
)
def test_settings_that_can_not_work_are_refused(settings: Json) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"url": "http://flyte", "projects": [PLACE]} | settings)
