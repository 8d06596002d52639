"""Runs, tasks, schedules and launches of Kubeflow Pipelines. Not tested live: see fake_kubeflow."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from adapters.kubeflow.config import Config
from adapters.kubeflow.schedule import cron_of, schedule_of
from adapters.kubeflow.wire import RecurringRun, read
from hub.errors import Declined, NotReady
from hub.model import EntityName, RunState, Schedule
from hub.ports import Grade, LaunchKind, LaunchRequest
from hub.schedules.slots import timetable_of
from tests.support.fake_kubeflow import (
    NEVER,
    NOW,
    PIPELINE,
    SPEC,
    FakeKubeflow,
    recurring_run,
    run,
    stamp,
    states,
    task,
)
from tests.support.watching import Watch

Json = dict[str, Any]


def watched(*rows: Json, looks: int = 1) -> Watch:
    server = FakeKubeflow(0)
    server.runs = list(rows)
    watch = Watch(server.adapter(), NOW)
    watch.look(looks)
    return watch


def with_tasks(*tasks: Json, **fields: Any) -> Json:
    return run(1, run_details={"task_details": list(tasks)}, **fields)


STATES = [
    ("RUNTIME_STATE_UNSPECIFIED", RunState.NEW),
    ("PENDING", RunState.NEW),
    ("RUNNING", RunState.RUNNING),
    ("CANCELING", RunState.RUNNING),
    ("PAUSED", RunState.RUNNING),
    ("SUCCEEDED", RunState.COMPLETED),
    ("SKIPPED", RunState.ABORTED),
    ("FAILED", RunState.FAILED),
    ("CANCELED", RunState.ABORTED),
]


@pytest.mark.parametrize(("state", "expected"), STATES)
def test_every_state_of_a_run_is_told_with_kubeflows_own_word(
    state: str, expected: RunState
) -> None:
    over = {} if expected not in {RunState.NEW, RunState.RUNNING} else {"finished_at": NEVER}
    row = run(1, state=state, state_history=[], run_details={}, **over)
    told = watched(row).only("churn/nightly")
    assert (told.state, told.own_state) == (expected, state)


@pytest.mark.parametrize(("state", "expected"), STATES)
def test_every_state_of_a_task_is_told_with_kubeflows_own_word(
    state: str, expected: RunState
) -> None:
    row = with_tasks(task("train", state=state, end_time=NEVER), state="RUNNING", state_history=[])
    told = watched(row | {"finished_at": NEVER}).only("churn/nightly.train")
    assert (told.state, told.own_state) == (expected, state)


def test_a_task_that_its_run_has_left_behind_ends_with_it() -> None:
    row = with_tasks(task("train", state="RUNNING", end_time=NEVER), state="FAILED")
    told = watched(row).only("churn/nightly.train")
    ended = datetime.fromisoformat(row["finished_at"])
    assert (told.state, told.own_state, told.at) == (RunState.ABORTED, "RUNNING", ended)


def test_a_failure_says_why() -> None:
    error = {"code": 13, "message": "exit code 1"}
    failed = task("train", state="FAILED", error=error)
    history = [*states(("RUNNING", -3000), ("FAILED", -2900))]
    history[-1]["error"] = {"code": 2, "message": "task train failed"}
    watch = watched(with_tasks(failed, state="FAILED", state_history=history))
    assert watch.facets("churn/nightly.train")["errorMessage"]["message"] == "exit code 1"
    assert watch.facets("churn/nightly")["errorMessage"]["message"] == "task train failed"


def test_a_scheduled_run_is_one_of_its_recurring_run_and_called_by_its_slot() -> None:
    watch = watched(run(1))
    facets = watch.facets("churn/nightly")
    assert facets["nominalTime"]["nominalStartTime"] == "2026-11-22T11:00:00.000000Z"
    assert facets["kubeflow_run"]["parameters"] == {"depth": 3}
    page = "http://kubeflow/pipeline/#/runs/details/"
    assert facets["trackside_answer"]["url"].startswith(page)


def test_a_run_that_nobody_scheduled_is_one_of_its_pipeline() -> None:
    by_hand = run(1, recurring_run_id="")
    assert "nominalTime" not in watched(by_hand).facets("churn")
    handed_in = {**run(2, recurring_run_id=""), "pipeline_spec": {"pipeline_spec": SPEC}}
    handed_in.pop("pipeline_version_reference")
    watch = watched(handed_in)
    assert watch.only("churn").state is RunState.COMPLETED
    assert watch.only("churn.prepare").state is RunState.COMPLETED


def test_a_run_keeps_its_job_when_its_recurring_run_is_deleted() -> None:
    server = FakeKubeflow(1)
    watch = Watch(server.adapter(), NOW)
    watch.look(2)
    server.recurring, server.pipelines = [], []
    again = Watch(server.adapter(), NOW)
    again.cursor = {"names": watch.cursor["names"]}
    again.look()
    assert again.only("churn/nightly").state is RunState.COMPLETED


def test_recurring_runs_of_one_name_are_kept_apart() -> None:
    server = FakeKubeflow(0)
    other = "11111111-2222-4333-8444-555555555555"
    server.recurring.append(recurring_run(recurring_run_id=other))
    server.runs = [run(1), run(2, recurring_run_id=other)]
    watch = Watch(server.adapter(), NOW)
    watch.look(2)
    jobs = {name.job.name for name in watch.memory.attempts}
    assert {"churn/nightly", "churn/nightly-11111111"} <= jobs


def test_tasks_are_those_of_the_pipeline_and_not_what_kubeflow_puts_around_them() -> None:
    own = ("churn-x7k2l", "root", "root-driver", "prepare-driver", "executor", "iteration(0:0)")
    theirs = (task("prepare"), task("fit"), task("train(1:b)"))
    watch = watched(with_tasks(*(task(name) for name in own), *theirs))
    jobs = {name.job.name for name in watch.memory.attempts}
    assert jobs == {"churn/nightly"} | {f"churn/nightly.{it}" for it in ("prepare", "fit", "train")}


def test_tasks_of_a_pipeline_that_can_not_be_read_are_known_by_their_names() -> None:
    server = FakeKubeflow(0)
    server.versions = []
    names = ("root", "root-driver", "prepare-driver", "executor", "prepare")
    server.runs = [with_tasks(*(task(name) for name in names))]
    watch = Watch(server.adapter(), NOW)
    watch.look()
    jobs = {name.job.name for name in watch.memory.attempts}
    assert jobs == {"churn/nightly", "churn/nightly.prepare"}


# -- tries -------------------------------------------------------------------------------------------


def test_a_run_that_was_retried_has_a_try_for_each_time() -> None:
    history = states(
        ("PENDING", -3600),
        ("RUNNING", -3590),
        ("FAILED", -3000),
        ("PENDING", -2000),
        ("RUNNING", -1990),
        ("SUCCEEDED", -1500),
    )
    row = run(1, state_history=history, finished_at=stamp(-1501))
    tries = watched(row).tries("churn/nightly")
    assert [(n, one.state, one.will_retry) for n, one in sorted(tries.items())] == [
        (1, RunState.FAILED, True),
        (2, RunState.COMPLETED, False),
    ]
    assert tries[2].started_at == datetime.fromisoformat(stamp(-1990))
    assert tries[2].at == datetime.fromisoformat(stamp(-1501))


def test_a_run_that_was_just_retried_goes_on_before_its_history_says_so() -> None:
    history = states(("RUNNING", -3590), ("FAILED", -3000))
    row = run(1, state="PENDING", state_history=history, finished_at=NEVER)
    tries = watched(row).tries("churn/nightly")
    assert [one.state for _, one in sorted(tries.items())] == [RunState.FAILED, RunState.NEW]


def test_times_that_have_not_come_are_none() -> None:
    row = run(1, state="PENDING", state_history=[], finished_at=NEVER, run_details={})
    told = watched(row).only("churn/nightly")
    assert (told.at, told.started_at) == (datetime.fromisoformat(row["created_at"]), None)
    waiting = task("train", state="PENDING", start_time="0001-01-01T00:00:00Z", end_time=NEVER)
    row = with_tasks(waiting, state="RUNNING", finished_at=NEVER, state_history=[])
    assert watched(row).only("churn/nightly.train").at == datetime.fromisoformat(stamp(-3590))


# -- nothing is lost ---------------------------------------------------------------------------------


def test_a_run_that_was_told_late_to_have_ended_is_seen() -> None:
    server = FakeKubeflow(0)
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.runs = [run(1)]  # it ended an hour ago
    watch.look(12)
    assert watch.only("churn/nightly").state is RunState.COMPLETED


def test_a_run_that_was_deleted_while_it_ran_ends_with_its_tasks() -> None:
    server = FakeKubeflow(0)
    running = task("train", state="RUNNING", end_time=NEVER)
    server.runs = [with_tasks(running, state="RUNNING", finished_at=NEVER, state_history=[])]
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.runs = []
    watch.look(4)
    for job in ("churn/nightly", "churn/nightly.train"):
        told = watch.only(job)
        assert (told.state, told.own_state) == (RunState.ABORTED, "deleted"), job


def test_a_row_that_the_server_can_not_read_itself_is_passed_over() -> None:
    broken = {"run_id": "x", "state": "RUNNING", "error": {"code": 13, "message": "no spec"}}
    watch = watched(broken, run(1))
    assert {name.job.name for name in watch.memory.attempts} == {
        "churn/nightly",
        "churn/nightly.prepare",
    }


# -- schedules ---------------------------------------------------------------------------------------


def told(**fields: Any) -> Schedule:
    return schedule_of(read(recurring_run(**fields), RecurringRun, "here"), "Europe/Zurich")


def test_a_cron_is_told_with_its_zone_its_bounds_and_its_limits() -> None:
    cron = {"cron": "0 0 5 * * *", "start_time": stamp(0), "end_time": stamp(9e5)}
    assert told(trigger={"cron_schedule": cron}, status="DISABLED") == Schedule(
        "cron",
        "0 5 * * *",
        "Europe/Zurich",
        paused=True,
        catchup=False,
        max_active_runs=1,
        start_at=datetime.fromisoformat(stamp(0)),
        end_at=datetime.fromisoformat(stamp(9e5)),
        timing="shown",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 5 * * *", "0 5 * * *"),
        ("30 0 5 * * 1-5", "0 5 * * 1-5 30"),
        ("0 30 5 1 *", "30 5 1 * *"),  # the weekday may be left out, the seconds may not
        ("0 0 5 ? * MON", "0 5 * * MON"),
        ("@daily", "@daily"),
        ("0 5 * *", None),
        ("@every 1h", None),
    ],
)
def test_seconds_come_first_in_kubeflows_crons_and_last_in_ours(
    text: str, expected: str | None
) -> None:
    assert cron_of(text) == expected
    if expected is not None:
        assert timetable_of(Schedule("cron", expected)) is not None


def test_an_interval_counts_from_its_start_or_from_when_it_was_made() -> None:
    every = {"interval_second": "3600"}
    made = told(trigger={"periodic_schedule": every})
    assert (made.kind, made.expression) == ("interval", "PT3600S")
    assert made.anchor == datetime.fromisoformat(stamp(-9e5))
    begun = told(trigger={"periodic_schedule": every | {"start_time": stamp(60)}})
    assert begun.anchor == begun.start_at == datetime.fromisoformat(stamp(60))


@pytest.mark.parametrize(
    "trigger", [{}, {"cron_schedule": {"cron": "never"}}, {"periodic_schedule": {}}]
)
def test_what_demands_nothing_is_no_schedule(trigger: Json) -> None:
    assert told(trigger=trigger).kind == "manual"


def test_a_recurring_run_that_is_deleted_has_no_schedule_any_more() -> None:
    server = FakeKubeflow(0)
    watch = Watch(server.adapter(), NOW)
    watch.look(2)
    server.recurring = []
    watch.look(3)
    seen = [one.schedule for one in watch.memory.observations if hasattr(one, "schedule")]
    assert [one.kind for one in seen] == ["cron", "manual"]
    assert {"churn", "churn/nightly"} <= set(watch.memory.jobs)


# -- launches, checks --------------------------------------------------------------------------------


def request_for(job: str, **more: Any) -> LaunchRequest:
    return LaunchRequest("key-1", EntityName("space", job), **more)


def test_a_launch_starts_the_latest_version_of_a_pipeline_once() -> None:
    server = FakeKubeflow(0)
    adapter = server.adapter(experiment_id="exp-1")
    asked = request_for("churn", conf={"depth": 4}, partition="2026-11-22")
    assert adapter.find_launched(asked) is None
    first, second = adapter.launch(asked), adapter.launch(asked)
    assert (first.again, second.again) == (False, True)
    assert first.natural_id == second.natural_id
    (row,) = server.runs
    assert row["pipeline_version_reference"] == {"pipeline_id": PIPELINE}
    assert row["runtime_config"] == {"parameters": {"depth": 4}}
    assert row["experiment_id"] == "exp-1"
    watch = Watch(adapter, NOW)
    watch.look()
    (name,) = watch.memory.attempts
    assert (name.job.name, name.natural_id) == ("churn", first.natural_id)


def test_what_kubeflow_can_not_start_is_declined_or_waits() -> None:
    adapter = FakeKubeflow(0).adapter()
    with pytest.raises(Declined):
        adapter.launch(request_for("churn", kind=LaunchKind.ASSET_EVENT))
    with pytest.raises(NotReady, match="launched as its pipeline"):
        adapter.launch(request_for("churn-nightly"))


def test_a_server_of_several_users_wants_a_namespace() -> None:
    server = FakeKubeflow()
    server.health = {"multi_user": True}
    bad = [one for one in server.adapter().check_connection() if one.grade is Grade.BAD]
    assert [one.mend for one in bad] == ["set `kubernetes_namespace`"]
    assert not [
        one
        for one in server.adapter(kubernetes_namespace="ml").check_connection()
        if one.grade is Grade.BAD
    ]
    assert server.asked[-1].url.params["namespace"] == "ml"


def test_the_address_is_where_people_open_it() -> None:
    settings = {"url": "https://kubeflow.example.org/pipeline/apis/v2beta1/"}
    assert Config.model_validate(settings).url == "https://kubeflow.example.org/pipeline"
