"""What was launched is followed to its end, whichever is heard first; and what failed is run again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from hub.api.hub import Hub
from hub.evaluate.telling import Transactions
from hub.main import writing
from hub.model import EntityName, Viewer
from hub.ports import Again, FailedRun, Launched, LaunchRequest, NewLaunch, RerunPolicy
from hub.settings import Settings
from hub.store.launch_runs import UNSEEN
from hub.store.launch_views import LaunchView, Wanted, list_launches
from hub.store.launches import ask
from hub.store.leases import no_fence
from hub.store.reading import Page
from hub.store.run_causes import run_causes
from hub.store.types import to_micros
from hub.triggers.following import Following
from hub.triggers.grants import Grant
from hub.triggers.launching import Way
from hub.triggers.reruns import RerunGiven, Reruns
from tests.support.launching import START, Bench, Orchestrator, World
from tests.support.recording import (
    NOBODY,
    dag_run,
    emptied,
    incoming,
    part_of,
    run_event,
    uuid,
)

MART = EntityName("prod", "mart")
Benches = Callable[..., "Line"]


class Line(Bench):
    """A launch loop, a follow loop, and the door."""

    def __init__(self, hub: Hub, flow: Orchestrator, given: Sequence[RerunGiven]) -> None:
        super().__init__(hub.db, hub.writer, World(flow=flow, prod=flow))
        doing = Transactions(hub.db, hub.writer)
        ways = {"prod": Way(flow.keyed, pulls=False, reruns=flow.reruns)}
        self.following = Following(doing, Reruns(given, lambda: ways))
        self.following.round(self.now, no_fence)
        self._minute = 0

    def hear(self, *events: dict[str, Any]) -> None:
        heard = to_micros(self.now)
        self.writer.record([incoming(one, NOBODY, heard_at=heard) for one in events])

    def follow(self, second: float | None = None) -> None:
        if second is not None:
            self.now = START + timedelta(seconds=second)
        while self.following.round(self.now, no_fence):
            pass

    def launches(self) -> list[LaunchView]:
        with self.db.reading() as connection:
            found = list_launches(connection, Viewer(all=True), Wanted(), Page(), self.now)
        return list(reversed(found.items))


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def line(module_hub: Hub) -> Iterator[Benches]:
    def make(*given: RerunGiven, flow: Orchestrator | None = None) -> Line:
        return Line(module_hub, flow or Orchestrator(), given)

    yield make
    module_hub.writer.call(emptied)


def event(kind: str, minute: float, key: str, run: int = 1, **facets: Any) -> dict[str, Any]:
    """Of a Dag run that the hub has launched under the key."""
    told = dag_run(f"run-{key}") | facets
    return run_event(kind, minute, run, job="mart", run_facets=told)


def now_event(kind: str, at: Any, run: int, run_id: str, **more: Any) -> dict[str, Any]:
    told = run_event(kind, 0, run, **({"job": "mart", "run_facets": dag_run(run_id)} | more))
    return told | {"eventTime": at.isoformat().replace("+00:00", "Z")}


# -- followed --------------------------------------------------------------------------------------


def test_a_launched_run_is_followed_to_its_end(line: Benches) -> None:
    it = line()
    (one,) = it.ask("a")
    it.at(0)
    states = [it.row(one).state]
    for minute, kind in enumerate(("START", "COMPLETE")):
        it.hear(event(kind, minute, "a"))
        it.follow(minute + 1)
        states.append(it.row(one).state)
    assert states == ["launched", "running", "completed"]
    assert it.row(one).run_id == uuid(1)
    assert [what for what, _ in it.steps(one)] == ["asked", "launched", "running", "completed"]


def test_a_run_that_is_heard_of_before_its_launch_is_recorded_is_found(line: Benches) -> None:
    it = line()
    (one,) = it.ask("a")
    it.hear(event("START", 0, "a"), event("COMPLETE", 1, "a"))
    it.follow()
    it.at(5)
    it.follow(6)
    assert (it.row(one).state, it.row(one).run_id) == ("completed", uuid(1))


def test_every_event_twice_and_in_any_order_ends_the_same(line: Benches) -> None:
    it = line()
    (one,) = it.ask("a")
    it.at(0)
    for kind, minute in (("COMPLETE", 1), ("START", 0), ("COMPLETE", 1), ("START", 0)):
        it.hear(event(kind, minute, "a"))
        it.follow(2)
    assert it.row(one).state == "completed"
    assert len(it.launches()) == 1


def test_a_run_of_another_job_or_namespace_is_not_taken_for_it(line: Benches) -> None:
    it = line()
    (one,) = it.ask("a")
    it.at(0)
    facets = dag_run("run-a")
    it.hear(
        run_event("START", 0, 7, job="other", run_facets=facets),
        run_event("START", 0, 8, job="mart", namespace="elsewhere", run_facets=facets),
    )
    it.follow(1)
    assert (it.row(one).state, it.row(one).run_id) == ("launched", None)


def test_a_run_that_is_never_seen_has_vanished_and_is_not_launched_again(line: Benches) -> None:
    it = line()
    (one,) = it.ask("a")
    it.at(0)
    for second in (1, 600, 3000):
        it.follow(second)
    assert it.row(one).state == "launched"
    it.follow(UNSEEN.total_seconds() + 1)
    assert it.row(one).state == "vanished"
    assert "no run was seen since; not launched again" in (it.row(one).reason or "")
    it.at(2 * UNSEEN.total_seconds())
    assert it.world.orchestrators["flow"].runs == {"a": 1}
    it.hear(event("START", 0, "a"))
    it.follow(2 * UNSEEN.total_seconds() + 1)
    assert it.row(one).state == "running"


def test_a_launch_is_told_with_the_updates_that_caused_it_and_those_it_made(
    line: Benches,
) -> None:
    it = line()
    it.hear(
        run_event("START", 0, 50, job="load"),
        run_event("COMPLETE", 1, 50, job="load", outputs=["orders"]),
    )
    with it.db.reading() as connection:
        update = connection.exec_driver_sql("SELECT id FROM dataset_update").scalar_one()
    (one,) = it.ask("a", cause={"updates": [update]})
    it.at(0)
    cause = it.world.orchestrators["flow"].asked[0].cause
    assert cause is not None
    assert (cause.run_id, cause.job) == (uuid(50), EntityName("prod", "load"))
    task: dict[str, Any] = {
        "job": "mart.write",
        "run_facets": part_of(1, "mart"),
        "outputs": ["mart"],
    }
    it.hear(event("START", 2, "a"), run_event("COMPLETE", 3, 2, **task), event("COMPLETE", 4, "a"))
    it.follow(1)
    with it.db.reading() as connection:
        (key,) = connection.exec_driver_sql(f"SELECT run_id FROM launch WHERE id = {one}").one()
        told = run_causes(connection, Viewer(all=True), key, it.now)
    assert told.launch is not None
    assert told.launch.key == "a"
    assert [(each.dataset.name, each.run_id) for each in told.causes] == [("orders", uuid(50))]
    assert [each.dataset.name for each in told.effects] == ["mart"]


# -- run again -------------------------------------------------------------------------------------


def failing(it: Line, run: int, run_id: str, message: str, **more: Any) -> None:
    error = {"errorMessage": {"message": message, "programmingLanguage": "PYTHON"}}
    facets = dag_run(run_id) | error
    it.hear(
        now_event("START", it.now - timedelta(seconds=5), run, run_id, **more),
        now_event("FAIL", it.now, run, run_id, run_facets=facets, **more),
    )


def given(**more: Any) -> RerunGiven:
    return RerunGiven.model_validate({"name": "all", "select": {"name": "mart"}} | more)


def test_a_run_that_failed_for_a_while_is_run_again_with_growing_pauses(line: Benches) -> None:
    it = line(given(when={"transient": {"times": 2, "wait_s": 30}}))
    failing(it, 1, "by-hand", "ConnectionError: connection refused")
    it.follow()
    (first,) = it.launches()
    assert first.orchestrator
    assert (first.state, first.rerun_no) == ("due", 1)
    assert first.next_at == it.now + timedelta(seconds=30)
    assert first.note == "run again (1 of 2): by-hand failed (transient)"


def test_each_failure_is_run_again_once_however_often_it_is_told(line: Benches) -> None:
    it = line(given())
    for _ in range(3):
        failing(it, 1, "by-hand", "ConnectionError: connection refused")
        it.follow()
    assert len(it.launches()) == 1


@pytest.mark.parametrize(
    ("message", "again"),
    [
        ("ConnectionError: connection refused", True),
        ("Container was OOMKilled", True),
        ("403 Client Error: Forbidden", False),
        ("Got 3 results, configured to fail if != 0", False),
        ("KeyError: 'x'", False),
    ],
)
def test_only_failures_that_may_pass_are_run_again(
    line: Benches, message: str, again: bool
) -> None:
    it = line(given())
    failing(it, 1, "by-hand", message)
    it.follow()
    assert bool(it.launches()) is again


def test_an_old_failure_and_one_that_was_followed_by_another_run_are_left(line: Benches) -> None:
    it = line(given())
    failing(it, 1, "old", "connection refused")
    it.follow(7200)
    failing(it, 2, "first", "connection refused")
    it.now += timedelta(seconds=10)
    it.hear(now_event("START", it.now, 3, "second"))
    it.follow()
    assert it.launches() == []


def test_the_policy_of_a_launch_holds_for_its_runs_and_ends(line: Benches) -> None:
    it = line()
    policy = RerunPolicy({"transient": Again(2, 0)})
    wanted = NewLaunch(
        key="a", orchestrator="flow", job=MART, conf={"day": 1}, team="marts", rerun=policy
    )
    it.writer.call(lambda c: ask(c, [wanted], it.now))
    it.loop._grants.declared = (Grant(team="marts", job="mart", conf=["day"]),)
    for number in range(1, 5):
        it.now += timedelta(seconds=60)
        it.loop.round(it.now)
        it.loop.settle()
        natural = it.launches()[-1].natural_id
        failing(it, number, natural or "", "connection refused")
        it.follow()
    told = it.launches()
    assert [one.rerun_no for one in told] == [0, 1, 2]
    assert [one.state for one in told] == ["failed"] * 3
    assert all((one.conf, one.team) == ({"day": 1}, "marts") for one in told)
    assert [one.rerun_of for one in told] == [None, told[0].id, told[1].id]


class Clearing(Orchestrator):
    """Runs a failed run once more as the same run."""

    reruns = True

    def launch(self, request: LaunchRequest) -> Launched:
        found = super().launch(request)
        failed = request.failed
        return found if failed is None else replace(found, natural_id=failed.natural_id)


def attempted(it: Line, attempt: int, end: str) -> None:
    """A run of the clock is tried once more, as Airflow does after a clear, and ends."""
    facets = dag_run("scheduled__1", cleared=attempt - 1)
    message = {"message": "connection refused", "programmingLanguage": "PYTHON"}
    error = {"errorMessage": message} if end == "FAIL" else {}
    began = it.now - timedelta(seconds=0.5)
    it.hear(
        now_event("START", began, attempt, "scheduled__1", run_facets=facets),
        now_event(end, it.now, attempt, "scheduled__1", run_facets=facets | error),
    )


def test_a_run_that_nobody_launched_is_run_once_more_itself_where_that_can_be(
    line: Benches,
) -> None:
    """As often as the policy says, each attempt by one launch, which ends with that attempt."""
    flow = Clearing()
    it = line(given(when={"transient": {"times": 2, "wait_s": 0}}), flow=flow)
    attempted(it, 1, "FAIL")
    it.follow()
    (first,) = it.launches()
    assert (first.kind, first.conf, first.cause["failed"]["run"]) == ("rerun", {}, "scheduled__1")
    it.at(1)
    (asked,) = flow.asked
    assert asked.failed == FailedRun("scheduled__1", START)
    it.follow(2)
    assert it.row(first.id).state == "launched"  # the run still says that it has failed
    attempted(it, 2, "FAIL")
    it.follow()
    assert it.row(first.id).state == "failed"
    second = next(one for one in it.launches() if one.id != first.id)
    assert (second.kind, second.rerun_no, second.rerun_of) == ("rerun", 2, first.id)
    it.at(4)
    attempted(it, 3, "COMPLETE")
    it.follow(5)
    assert it.row(second.id).state == "completed"
    assert len(it.launches()) == 2


def test_a_policy_may_want_a_new_run(line: Benches) -> None:
    it = line(given(anew=True), flow=Clearing())
    attempted(it, 1, "FAIL")
    it.follow()
    (one,) = it.launches()
    assert one.kind == "job"


def test_a_dag_run_is_judged_by_the_errors_of_its_tasks(line: Benches) -> None:
    it = line(given())
    failing(it, 1, "by-hand", "task_failure")
    it.follow()
    assert it.launches() == []
    error = {"errorMessage": {"message": "connection refused", "programmingLanguage": "PYTHON"}}
    facets = part_of(1, "mart") | error
    told = run_event("FAIL", 0, 2, job="mart.load", run_facets=facets)
    it.hear(told | {"eventTime": it.now.isoformat()})
    it.follow()
    assert [one.job.name for one in it.launches()] == ["mart"]
