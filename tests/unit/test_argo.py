"""Workflows of Argo as runs, tries and errors; launches and logs. Not tested live: see fake_argo."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.argo.launch import name_of
from adapters.argo.logs import fnv1a
from adapters.argo.tasks import first_number
from hub.errors import Declined, NotReady, Unavailable
from hub.model import BacklogObserved, EntityName, HealthObserved, HealthStatus, RunState
from hub.ports import CauseRun, LaunchKind, LaunchRequest, RunName
from tests.support.fake_argo import NOW, OWN, FakeArgo, node, nodes, stamp, workflow
from tests.support.watching import Watch

Json = dict[str, Any]


def watched(*rows: Json, looks: int = 1) -> Watch:
    server = FakeArgo(0)
    server.live = list(rows)
    watch = Watch(server.adapter(), NOW)
    watch.look(looks)
    return watch


def with_nodes(*found: Json, **status: Any) -> Json:
    return workflow(1, nodes=nodes(*found), **status)


NAME = workflow(1)["metadata"]["name"]


# -- states ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("", RunState.NEW),
        ("Pending", RunState.NEW),
        ("Running", RunState.RUNNING),
        ("Succeeded", RunState.COMPLETED),
        ("Failed", RunState.FAILED),
        ("Error", RunState.FAILED),
    ],
)
def test_every_phase_of_a_workflow_is_told_with_argos_own_word(
    phase: str, expected: RunState
) -> None:
    told = watched(workflow(1, phase=phase, nodes={})).only("argo/nightly")
    assert (told.state, told.own_state) == (expected, phase or "Unknown")


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("Pending", RunState.NEW),
        ("Running", RunState.RUNNING),
        ("Succeeded", RunState.COMPLETED),
        ("Skipped", RunState.ABORTED),
        ("Failed", RunState.FAILED),
        ("Error", RunState.FAILED),
        ("Omitted", RunState.ABORTED),
    ],
)
def test_every_phase_of_a_task_is_told_with_argos_own_word(phase: str, expected: RunState) -> None:
    row = with_nodes(node(NAME, ".load", phase=phase), phase="Running")
    told = watched(row).only("argo/nightly.load")
    assert (told.state, told.own_state) == (expected, phase)


def test_a_failure_says_why() -> None:
    failed = node(NAME, ".load", phase="Failed", message="Error (exit code 1)")
    watch = watched(with_nodes(failed, phase="Failed", message="child failed"))
    assert _message(watch.event("argo/nightly.load")) == "Error (exit code 1)"
    assert _message(watch.event("argo/nightly")) == "child failed"


def _message(event: Json) -> str:
    return str(event["run"]["facets"]["errorMessage"]["message"])


def test_what_somebody_stopped_was_aborted_and_keeps_argos_word() -> None:
    said = "workflow shutdown with strategy:  Terminate"
    row = with_nodes(
        node(NAME, ".load", phase="Failed", message=said),
        node(NAME, ".check", phase="Failed", message="Error (exit code 1)"),
        phase="Failed",
        message="Stopped with strategy 'Terminate'",
    )
    row["spec"]["shutdown"] = "Terminate"
    watch = watched(row)
    assert watch.only("argo/nightly").state is RunState.ABORTED
    assert watch.only("argo/nightly").own_state == "Failed"
    assert watch.only("argo/nightly.load").state is RunState.ABORTED
    assert watch.only("argo/nightly.check").state is RunState.FAILED


def test_a_task_that_its_workflow_has_left_behind_ends_with_it() -> None:
    row = with_nodes(node(NAME, ".load", phase="Running", finishedAt=None), phase="Failed")
    told = watched(row).only("argo/nightly.load")
    ended = datetime.fromisoformat(row["status"]["finishedAt"])
    assert (told.state, told.own_state, told.at) == (RunState.ABORTED, "Running", ended)


# -- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "more", "spec", "job"),
    [
        ({f"{OWN}/workflow-template": "etl"}, {"generateName": "x-"}, {}, "argo/etl"),
        ({f"{OWN}/cluster-workflow-template": "base"}, {}, {}, "argo/base"),
        ({}, {}, {"workflowTemplateRef": {"name": "etl"}}, "argo/etl"),
        ({}, {"generateName": "hello-world-"}, {}, "argo/hello-world"),
        ({}, {}, {}, f"argo/{NAME}"),
    ],
)
def test_a_workflow_is_a_run_of_what_it_was_made_from(
    labels: Json, more: Json, spec: Json, job: str
) -> None:
    row = workflow(1, nodes={})
    row["metadata"] |= {"labels": labels | {f"{OWN}/completed": "true"}, "annotations": {}, **more}
    row["spec"] = spec
    watch = watched(row)
    assert watch.only(job).state is RunState.COMPLETED
    assert "nominalTime" not in watch.event(job)["run"]["facets"]


def test_a_scheduled_workflow_is_called_by_its_slot_and_one_by_hand_is_not() -> None:
    watch = watched(workflow(1))
    facets = watch.event("argo/nightly")["run"]["facets"]
    assert facets["nominalTime"]["nominalStartTime"] == "2026-11-22T11:00:01.000000Z"
    row = workflow(1)
    row["metadata"]["name"] = "nightly-x7f2k"
    assert "nominalTime" not in watched(row).event("argo/nightly")["run"]["facets"]


@pytest.mark.parametrize(
    ("path", "job"),
    [
        (".load", "load"),
        ("[1].load", "load"),
        (".extract.load", "extract.load"),
        ("[0].extract[2].load(3:eu)", "extract.load"),
        (".load(0:region:eu,path:a.b)", "load"),
        (".onExit", "onExit"),
        ("", "python"),
    ],
)
def test_a_tasks_job_is_where_it_stands_without_numbers_of_steps_and_loops(
    path: str, job: str
) -> None:
    watch = watched(with_nodes(node(NAME, path)))
    assert watch.only(f"argo/nightly.{job}").state is RunState.COMPLETED


def test_each_turn_of_a_loop_is_a_run_of_its_own_and_what_holds_others_is_none() -> None:
    loop = node(NAME, ".load", type="TaskGroup")
    watch = watched(with_nodes(loop, node(NAME, ".load(0:eu)"), node(NAME, ".load(1:us)")))
    jobs = [name.job.name for name in watch.memory.attempts]
    assert jobs == ["argo/nightly", "argo/nightly.load", "argo/nightly.load"]


def test_a_task_stands_below_its_workflow_and_has_its_own_page() -> None:
    row = workflow(1)
    facets = watched(row).event("argo/nightly.load")["run"]["facets"]
    assert facets["parent"]["run"]["runId"] == row["metadata"]["uid"]
    assert facets["trackside_answer"]["url"].startswith(f"http://argo/workflows/argo/{NAME}?uid=")


# -- tries -------------------------------------------------------------------------------------------


def retried(*phases: str, phase: str = "Running") -> Json:
    tries = [
        node(NAME, f".load({n})", phase=one, startedAt=stamp(-3000 + 60 * n))
        for n, one in enumerate(phases)
    ]
    ids = [one["id"] for one in reversed(tries)]
    top = node(NAME, ".load", type="Retry", phase=phase, children=ids, startedAt=stamp(-3000))
    return with_nodes(top, *tries, phase="Running")


def test_each_try_of_a_retried_task_is_an_attempt() -> None:
    tries = watched(retried("Failed", "Running")).tries("argo/nightly.load")
    assert [(n, one.state, one.will_retry) for n, one in sorted(tries.items())] == [
        (1, RunState.FAILED, True),
        (2, RunState.RUNNING, False),
    ]


def test_a_failed_try_will_be_followed_by_another_as_long_as_its_task_goes_on() -> None:
    assert watched(retried("Failed")).only("argo/nightly.load").will_retry
    assert not watched(retried("Failed", phase="Failed")).only("argo/nightly.load").will_retry


def test_a_workflow_that_is_retried_goes_on_with_its_next_attempt() -> None:
    """Its uid stays, and so do the ids of the nodes that are made anew."""
    server = FakeArgo(0)
    failed = node(NAME, ".load", phase="Failed", startedAt=stamp(-3000))
    server.live = [with_nodes(failed, phase="Failed")]
    watch = Watch(server.adapter(), NOW)
    watch.look(2)
    begun = node(NAME, ".load", phase="Running", startedAt=stamp(61), finishedAt=None)
    server.live = [with_nodes(begun, phase="Running", startedAt=stamp(60))]
    watch.look(2)
    server.live = [with_nodes(node(NAME, ".load", startedAt=stamp(61)), startedAt=stamp(60))]
    watch.look(2)
    for job in ("argo/nightly", "argo/nightly.load"):
        states = [one.state for _, one in sorted(watch.tries(job).items())]
        assert states == [RunState.FAILED, RunState.COMPLETED], job


T1, T2, T3 = (datetime(2026, 11, 22, hour, tzinfo=UTC) for hour in (1, 2, 3))


@pytest.mark.parametrize(
    ("starts", "attempt", "began", "first"),
    [
        ([T1], 1, T1, 1),
        ([T1, T2], 1, T1, 1),
        ([T1, T2], 2, T2, 1),
        ([T2], 1, T1, 2),  # made anew
        ([T3], 2, T2, 3),
        ([T2, T3], 3, T2, 3),  # the second round, of which the first try is known
        ([None], 2, None, 2),  # it waits
        ([T1, T2], 2, None, 1),
        ([T1, T2], 1, None, 1),
        ([T1], 2, T2, 1),  # older than what is known
    ],
)
def test_tries_are_numbered_on_from_what_the_hub_knows(
    starts: list[datetime | None], attempt: int, began: datetime | None, first: int
) -> None:
    assert first_number(starts, attempt, began) == first


# -- nothing is lost ---------------------------------------------------------------------------------


def test_what_ended_since_it_was_seen_open_is_told_also_from_the_archive() -> None:
    server = FakeArgo(0)
    row = workflow(1, phase="Running")
    row["metadata"]["creationTimestamp"] = stamp(-500_000)
    server.live = [row]
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.live, server.archive = [], [workflow(1)]
    watch.look()
    assert watch.only("argo/nightly").state is RunState.COMPLETED
    assert watch.only("argo/nightly.load").state is RunState.COMPLETED


def test_what_came_and_ended_between_two_looks_is_told_with_its_tasks() -> None:
    server = FakeArgo(0)
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.archive = [workflow(3601)]
    watch.look()
    assert watch.only("argo/nightly.load").state is RunState.COMPLETED


def test_what_was_told_is_not_asked_for_again() -> None:
    server = FakeArgo(3)
    for row in server.live:
        row["metadata"]["creationTimestamp"] = stamp(-30)
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.asked.clear()
    watch.look(3)
    assert not [path for path in server.paths() if "/workflows/argo/" in path]


def test_many_that_ended_at_once_are_asked_for_in_several_looks() -> None:
    server = FakeArgo(150)
    watch = Watch(server.adapter(), NOW)
    watch.look()
    assert watch.more
    watch.look(2)
    assert not watch.more
    assert len(watch.memory.attempts) == 300


def test_many_that_end_together_are_all_seen_to_end() -> None:
    server = FakeArgo(0)
    server.live = [workflow(n, phase="Running", nodes={}) for n in range(130)]
    for row in server.live:
        row["metadata"]["creationTimestamp"] = stamp(-500_000)
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.live = [workflow(n, nodes={}) for n in range(130)]
    for row in server.live:
        row["metadata"]["creationTimestamp"] = stamp(-500_000)
    watch.look(4)
    ends = {one.state for tries in watch.memory.attempts.values() for one in tries.values()}
    assert ends == {RunState.COMPLETED}


def test_a_workflow_that_is_archived_between_two_pages_is_not_lost() -> None:
    """It leaves the live ones, which come first, so that all after it move up."""
    server = FakeArgo(60, cap=30)
    watch = Watch(server.adapter(), NOW)
    good = server.__call__

    def moving(request: Any) -> Any:
        answer = good(request)
        if request.url.params.get("listOptions.continue") == "0" and server.live:
            server.archive.append(server.live.pop())
        return answer

    server_of = FakeArgo(0)
    server_of.__class__ = type("Moving", (FakeArgo,), {"__call__": lambda _, it: moving(it)})
    watch.adapter = server_of.adapter()
    watch.look(4)
    jobs = [name.job.name for name in watch.memory.attempts]
    assert jobs.count("argo/nightly") == 60


def test_a_workflow_that_was_deleted_while_it_ran_ends_with_its_tasks() -> None:
    server = FakeArgo(0)
    server.live = [with_nodes(node(NAME, ".load", phase="Running"), phase="Running")]
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.live = []
    watch.look(4)
    for job in ("argo/nightly", "argo/nightly.load"):
        told = watch.only(job)
        assert (told.state, told.own_state) == (RunState.ABORTED, "deleted"), job


def test_a_name_that_is_used_again_is_another_run() -> None:
    server = FakeArgo(0)
    server.live = [workflow(1, phase="Running", nodes={})]
    watch = Watch(server.adapter(), NOW)
    watch.look()
    other = workflow(1, phase="Running", nodes={})
    other["metadata"]["uid"] = "00000000-0000-4000-8000-000000000001"
    server.live = [other]
    watch.look(4)
    told = [one.own_state for tries in watch.memory.attempts.values() for one in tries.values()]
    assert sorted(told) == ["Running", "deleted"]


def test_artifacts_at_a_fixed_place_are_datasets_and_those_named_by_the_run_are_not() -> None:
    made = [
        {"name": "orders", "s3": {"bucket": "lake", "key": "orders.parquet"}},
        {"name": "main-logs", "s3": {"bucket": "logs", "key": f"{NAME}/main.log"}},
        {"name": "where", "s3": {"key": "default-repository.tgz"}},
    ]
    read = {"artifacts": [{"name": "raw", "gcs": {"bucket": "raw", "key": "day.csv"}}]}
    row = with_nodes(node(NAME, ".load", outputs={"artifacts": made}, inputs=read))
    event = watched(row).event("argo/nightly.load")
    assert [(d["namespace"], d["name"]) for d in event["outputs"]] == [
        ("s3://lake", "orders.parquet")
    ]
    assert [(d["namespace"], d["name"]) for d in event["inputs"]] == [("gs://raw", "day.csv")]


def test_workflows_that_wait_are_the_backlog_of_their_namespace_until_none_is_left() -> None:
    server = FakeArgo(0)
    waiting = workflow(1, phase="Pending", nodes={}, startedAt=None)
    server.live = [waiting, workflow(2, phase="Running", nodes={})]
    watch = Watch(server.adapter(), NOW)
    watch.look()
    server.live = []
    watch.look()
    seen = [o for o in watch.memory.observations if isinstance(o, BacklogObserved)]
    assert [(o.pool, o.queued, o.running, o.oldest_wait_s) for o in seen] == [
        ("workflows argo", 1, 1, 3599.0),
        ("workflows argo", 0, 0, None),
    ]


def test_a_cron_workflow_that_can_not_be_submitted_is_a_degraded_part_until_it_is_mended() -> None:
    server = FakeArgo(0)
    ill = {"type": "SpecError", "status": "True", "message": "templates.main: not found"}
    server.cron[0]["status"]["conditions"] = [ill]
    watch = Watch(server.adapter(), NOW)
    watch.look(2)
    server.cron[0]["status"]["conditions"] = None
    watch.look(2)
    seen = [o for o in watch.memory.observations if isinstance(o, HealthObserved)]
    assert {o.part for o in seen} == {"cron workflow argo/nightly"}
    assert [seen[0].status, seen[-1].status] == [HealthStatus.DEGRADED, HealthStatus.HEALTHY]
    assert seen[0].detail == "templates.main: not found"


def test_templates_are_jobs_before_they_ran() -> None:
    watch = watched(looks=3)
    assert {"argo/nightly", "argo/etl"} <= set(watch.memory.jobs)


# -- launches ----------------------------------------------------------------------------------------


def request_for(job: str, **more: Any) -> LaunchRequest:
    return LaunchRequest("key-1", EntityName("space", job), **more)


def test_a_launch_submits_a_template_under_a_name_made_of_the_key_and_only_once() -> None:
    server = FakeArgo(0)
    adapter = server.adapter()
    cause = CauseRun("0198", EntityName("a", "b"))
    asked = request_for(
        "argo/etl", conf={"day": "2026-11-22", "n": 3}, partition="2026-11-22", cause=cause
    )
    first, second = adapter.launch(asked), adapter.launch(asked)
    assert (first.again, second.again) == (False, True)
    assert first.natural_id == second.natural_id
    (row,) = server.live
    assert row["metadata"]["name"] == name_of(asked)
    assert len(name_of(asked)) <= 63
    assert row["spec"]["arguments"]["parameters"] == [
        {"name": "day", "value": "2026-11-22"},
        {"name": "n", "value": "3"},
    ]
    watch = Watch(server.adapter(), NOW)
    watch.look()
    (name,) = watch.memory.attempts
    assert (name.job.name, name.natural_id) == ("argo/etl", first.natural_id)
    assert watch.only("argo/etl").partition == "2026-11-22"


def test_a_launch_whose_answer_was_lost_is_found_by_its_name() -> None:
    server = FakeArgo(0)
    asked = request_for("argo/etl")
    assert server.adapter().find_launched(asked) is None
    server.adapter().launch(asked)
    found = server.adapter().find_launched(asked)
    assert found is not None
    assert found.again


def test_a_cron_workflow_can_be_launched_and_what_is_not_there_can_not() -> None:
    server = FakeArgo(0)
    server.adapter().launch(request_for("argo/nightly"))
    assert server.live[0]["metadata"]["labels"][f"{OWN}/cron-workflow"] == "nightly"
    with pytest.raises(NotReady, match="no template"):
        server.adapter().launch(request_for("argo/other"))


def test_what_argo_can_not_do_is_declined() -> None:
    adapter = FakeArgo(0).adapter()
    with pytest.raises(Declined):
        adapter.launch(request_for("argo/etl", kind=LaunchKind.ASSET_EVENT))
    with pytest.raises(Unavailable, match="Kubernetes namespace"):
        adapter.launch(request_for("etl"))


# -- logs --------------------------------------------------------------------------------------------


def test_the_log_of_a_task_is_that_of_its_tries_pod() -> None:
    server = FakeArgo(0)
    row = retried("Failed", "Running")
    server.live, server.log = [row], ["begin", "ValueError: no such day", "end"]
    (top,) = [one for one in row["status"]["nodes"].values() if one["type"] == "Retry"]
    uid = row["metadata"]["uid"]
    run = RunName(EntityName("space", "argo/nightly.load"), f"{NAME}/{uid}/{top['id']}")
    tail = server.adapter().log_tail(run, 1, 2)
    assert tail.lines == ["ValueError: no such day", "end"]
    assert tail.error == "ValueError: no such day"
    pod = f"{NAME}-python-{fnv1a(f'{NAME}.load(0)'.encode())}"
    assert server.asked[-1].url.params["podName"] == pod


def test_the_log_of_a_workflow_is_that_of_all_its_pods() -> None:
    server = FakeArgo(1)
    server.log = ["one", "two"]
    meta = server.live[0]["metadata"]
    run = RunName(EntityName("space", "argo/nightly"), f"{meta['name']}/{meta['uid']}")
    assert server.adapter().log_tail(run, 1, 10).lines == ["one", "two"]
    assert "podName" not in server.asked[-1].url.params


def test_a_pods_number_is_the_hash_that_argo_makes() -> None:
    """FNV-1a of 32 bits, by the values its authors publish."""
    assert [fnv1a(b""), fnv1a(b"a"), fnv1a(b"foobar")] == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]
