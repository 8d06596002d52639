"""Metaflow: what is made of what its metadata service notes, over an answering one in memory."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.metaflow.config import Config
from adapters.metaflow.wire import Run, beat_ms
from hub.model import RunState, WatermarkObserved
from tests.support.fake_metaflow import NOW, FakeMetaflow
from tests.support.known import Attempt, Memory

Row = dict[str, Any]


class Watch:
    """Looks at a service, `every` seconds apart."""

    def __init__(self, service: FakeMetaflow, **config: Any) -> None:
        self.service = service
        self.adapter = service.adapter(**config)
        self.memory = Memory()
        self.events: list[Row] = []
        self.at = NOW
        self._cursor: Row = {}

    def look(self, seconds: float = 20, times: int = 1) -> None:
        for _ in range(times):
            self.at += timedelta(seconds=seconds)
            seen = self.adapter.observe(json.loads(json.dumps(self._cursor)), self.at, self.memory)
            self.memory.take(seen)
            self.events += seen.events
            self._cursor = dict(seen.cursor)
            self.more, self.requests = seen.more, seen.requests

    def last(self, natural_id: str) -> Attempt:
        found = {name.natural_id: name for name in self.memory.attempts}
        last = self.memory.latest(found[natural_id])
        assert last is not None
        return last

    def names(self) -> set[str]:
        return {name.natural_id for name in self.memory.attempts}


def running(service: FakeMetaflow, **row: Any) -> tuple[str, str]:
    """A run whose task `fit` runs."""
    run = ("Train", service.run("Train", -60, **row))
    service.did(run, "start", -58)
    service.note(run, "fit", -40, attempt="0")
    return run


def test_a_run_that_beats_runs_however_long_its_task_is_silent() -> None:
    service = FakeMetaflow(0)
    run = running(service)
    watch = Watch(service)
    for step in range(30):
        service.beat(run, step * 40)
        watch.look(40)
    assert watch.last("/".join(run)).state is RunState.RUNNING
    assert watch.last("/".join((*run, "fit", "3"))).own_state == "running"


def test_a_run_whose_heartbeat_stops_is_lost_and_so_are_its_tasks() -> None:
    service = FakeMetaflow(0)
    run = running(service)
    watch = Watch(service)
    service.beat(run, -10)
    watch.look(20, times=6)
    assert watch.last("/".join(run)).state is RunState.RUNNING
    watch.look(20, times=2)
    lost = watch.last("/".join(run))
    assert (lost.state, lost.own_state) == (RunState.FAILED, "lost")
    assert lost.at == NOW - timedelta(seconds=10)
    task = watch.last("/".join((*run, "fit", "3")))
    assert (task.state, task.own_state, task.at) == (RunState.ABORTED, "lost", lost.at)


def test_a_run_that_beats_again_after_it_was_lost_may_still_succeed() -> None:
    service = FakeMetaflow(0)
    run = running(service)
    watch = Watch(service)
    service.beat(run, -10)
    watch.look(20, times=10)
    assert watch.last("/".join(run)).own_state == "lost"
    service.beat(run, 200)
    watch.look()
    service.note(run, "fit", 210, task="3", attempt_ok="True")
    service.did(run, "end", 211)
    watch.look()
    assert watch.last("/".join(run)).state is RunState.COMPLETED
    assert watch.last("/".join((*run, "fit", "3"))).state is RunState.COMPLETED


def test_a_time_in_which_nobody_looked_is_no_silence() -> None:
    service = FakeMetaflow(0)
    run = running(service)
    watch = Watch(service)
    service.beat(run, -10)
    watch.look()
    watch.look(3600)  # the hub was away, and so perhaps was the service
    assert watch.last("/".join(run)).state is RunState.RUNNING


@pytest.mark.parametrize(("silent_s", "state"), [(1700, "running"), (1900, "lost")])
def test_a_run_that_a_scheduler_started_is_heard_by_its_tasks(silent_s: int, state: str) -> None:
    """It has no heartbeat of its own, and nothing is heard while the next task waits for a place."""
    service = FakeMetaflow(0)
    run = running(service)
    task = (*run, "fit", "3")
    watch = Watch(service)
    for step in range(100):
        service.rows[task]["last_heartbeat_ts"] = int(NOW.timestamp()) + step * 40
        watch.look(40)
    assert watch.last("/".join(run)).own_state == "running"
    watch.look(20, times=silent_s // 20)
    assert watch.last("/".join(run)).own_state == state


def test_a_run_that_failed_is_told_once_it_is_silent_and_names_the_task_that_failed_first() -> None:
    service = FakeMetaflow(0)
    run = running(service)
    service.beat(run, 0)
    service.note(run, "fit", -20, task="3", attempt_ok="False")
    watch = Watch(service)
    watch.look()
    task = "/".join((*run, "fit", "3"))
    assert watch.last(task).state is RunState.FAILED
    assert watch.last(task).will_retry, "nothing tells that no other try follows"
    watch.look(times=8)
    assert not watch.last(task).will_retry
    assert watch.last("/".join(run)).own_state == "failed"
    (error,) = {
        event["run"]["facets"]["errorMessage"]["message"]
        for event in watch.events
        if event["job"]["name"] == "Train" and "errorMessage" in event["run"]["facets"]
    }
    assert "the task failed: Train/1/fit/3 (after 1 tries)" in error


def test_a_try_that_was_killed_has_failed_once_another_one_begins() -> None:
    service = FakeMetaflow(0)
    run = running(service)
    service.beat(run, 0)
    service.note(run, "fit", -20, nth=1, task="3", runtime="dev")
    watch = Watch(service)
    watch.look()
    (name,) = [one for one in watch.memory.attempts if one.job.name == "Train.fit"]
    first, second = watch.memory.attempts[name][1], watch.memory.attempts[name][2]
    assert (first.state, first.will_retry) == (RunState.FAILED, True)
    assert first.at == NOW - timedelta(seconds=20)
    assert second.own_state == "queued"


def test_a_run_whose_last_step_has_another_name_succeeds_by_that() -> None:
    service = FakeMetaflow(0)
    run = running(service)
    service.note(run, "_parameters", -59, nth=None, end_step="fit")
    service.note(run, "fit", -20, task="3", attempt_ok="True")
    watch = Watch(service)
    watch.look()
    assert watch.last("/".join(run)).state is RunState.COMPLETED
    assert not [name for name in watch.names() if "_parameters" in name]


def test_a_run_that_ended_is_not_read_again() -> None:
    watch = Watch(FakeMetaflow(3))
    watch.look(times=2)
    watch.service.asked.clear()
    watch.look(times=5)
    assert {one.rpartition("/")[2] for one in watch.service.asked} == {"flows", "runs"}


def test_a_run_that_is_told_late_but_began_before_others_is_seen() -> None:
    service = FakeMetaflow(3)
    watch = Watch(service)
    watch.look()
    run = service.completed("Train", -3600 + 100)
    watch.look()
    assert "/".join(run) in watch.names()


def test_very_many_runs_are_read_in_turns_and_new_ones_come_between() -> None:
    service = FakeMetaflow(0)
    for number in range(150):
        run = ("Train", service.run("Train", -5000 + number, last_heartbeat_ts=1))
        service.note(run, "start", -5000 + number, attempt="0")
    watch = Watch(service)
    watch.look(0)
    assert watch.more
    watch.look(0, times=6)
    assert not watch.more
    new = service.completed("Train", -5)
    watch.look(0)
    assert "/".join(new) in watch.names()
    assert watch.requests <= 70


def test_flows_and_runs_can_be_chosen() -> None:
    service = FakeMetaflow(0)
    prod = service.completed("Train", -100, system_tags=["project:c", "project_branch:prod"])
    service.completed("Train", -90, system_tags=["project:c", "project_branch:test.x"])
    service.completed("Scratch", -80, system_tags=["project_branch:prod"])
    watch = Watch(service, flows=["Tr*"], tags=["project_branch:prod"])
    watch.look(times=2)
    runs = {name for name in watch.memory.attempts if name.natural_id.count("/") == 1}
    assert {(name.natural_id, name.job.name) for name in runs} == {("/".join(prod), "c.prod.Train")}


def test_many_flows_are_read_in_turn_and_the_watermark_is_that_of_the_oldest_read() -> None:
    service = FakeMetaflow(0)
    for number in range(20):
        service.completed(f"Flow{number:02}", -100)
    watch = Watch(service)
    watch.look()
    assert watch.more
    assert not [o for o in watch.memory.observations if isinstance(o, WatermarkObserved)]
    watch.look(times=6)
    assert not watch.more
    assert len({name.split("/")[0] for name in watch.names()}) == 20
    mark = [o for o in watch.memory.observations if isinstance(o, WatermarkObserved)][-1]
    assert watch.at - timedelta(minutes=8) < mark.complete_to < watch.at - timedelta(minutes=5)


def test_a_service_that_knows_no_metadata_of_whole_runs_is_asked_task_by_task() -> None:
    whole, single = Watch(FakeMetaflow(2)), Watch(FakeMetaflow(2, whole=False))
    whole.look(times=2)
    single.look(times=2)
    assert single.events == whole.events
    asked = [one for one in single.service.asked if one.endswith("/1/metadata")]
    assert len(asked) == 1, "it is tried once"


def test_artifacts_that_are_asked_for_are_outputs_with_their_hash() -> None:
    service = FakeMetaflow(0)
    run = service.completed("Train", -100)
    (end,) = [key for key in service.rows if key[2:3] == ("end",) and len(key) == 4]
    row = {"name": "model", "sha": "f00", "content_type": "gzip+pickle-v4", "attempt_id": 0}
    service.artifacts[end] = [row, {**row, "name": "rows"}]
    watch = Watch(service, artifacts=["Train/m*"])
    watch.look()
    (event,) = [event for event in watch.events if event["job"]["name"] == "Train"]
    (output,) = event["outputs"]
    assert (output["name"], output["facets"]["version"]["datasetVersion"]) == ("Train/model", "f00")
    assert watch.last("/".join(run)).outputs == ["Train/model"]


@pytest.mark.parametrize(
    ("told", "millis"), [(None, 0), (-1, 0), (1_796_085_772, 1_796_085_772_000), (10**12, 10**12)]
)
def test_a_heartbeat_in_seconds_or_milliseconds_is_understood(
    told: int | None, millis: int
) -> None:
    assert beat_ms(told) == millis


def test_what_a_system_tag_says_may_have_colons() -> None:
    run = Run(1, system_tags=["project_branch:test.a:b", "odd"])
    assert run.told("project_branch") == "test.a:b"
    assert run.told("odd") == ""
    assert run.told("project") is None


@pytest.mark.parametrize("url", ["metaflow", "ftp://x", "http://me:hunter2@host"])
def test_an_address_that_is_none_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Config.model_validate({"url": url})
    assert "hunter2" not in str(refused.value.errors(include_input=False))


def test_times_of_runs_are_those_of_the_service() -> None:
    watch = Watch(FakeMetaflow(1))
    watch.look()
    (name,) = [one for one in watch.memory.attempts if one.job.name == "Train"]
    last = watch.memory.latest(name)
    assert last is not None
    assert last.started_at == NOW - timedelta(seconds=3600)
    assert last.at == NOW - timedelta(seconds=3600 - 35)
    assert isinstance(last.at, datetime)
