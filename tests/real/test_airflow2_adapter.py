"""The adapter alone watches a real Airflow 2.11, whose API is another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from hub.model import BacklogObserved, EntityName, HealthObserved, ScheduleObserved
from hub.ports import Grade, LaunchRequest, RunName
from tests.support.airflow2 import PASSWORD, USER, Airflow2
from tests.support.watch import SPACE, Watch, moment

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not Airflow2.installed(),
        reason=f"no Airflow in {Airflow2.venv.name}: make {Airflow2.venv.name} installs it",
    ),
]


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    folder = tmp_path_factory.mktemp("real-airflow2-adapter")
    os.environ["AF2_PASSWORD"] = PASSWORD
    with Airflow2(folder) as airflow:
        watch = Watch(airflow, username=USER, password="env:AF2_PASSWORD")
        watch.poll()
        airflow.trigger("stuck", "stuck-1")
        airflow.trigger("ways", "ways-1")
        watch.until_ended("ways")
        watch.cursor["due"] = {}
        for _ in range(5):
            watch.poll()
        yield watch
        watch.adapter.close()
    del os.environ["AF2_PASSWORD"]


def test_every_try_of_every_task_is_known_with_its_state_and_times(watch: Watch) -> None:
    columns = "dag_id, task_id, run_id, map_index, try_number, state, start_date, end_date"
    history = watch.database(f"select {columns} from task_instance_history where state is not null")
    now = watch.database(f"select {columns} from task_instance where state is not null")
    theirs: dict[Any, dict[str, Any]] = {}
    for row in [*history, *now]:
        job = f"{row['dag_id']}.{row['task_id']}"
        theirs[job, row["run_id"], row["map_index"], row["try_number"]] = row
    ours = {
        (name.job.name, name.natural_id, name.map_index, number): attempt
        for name, attempts in watch.memory.attempts.items()
        for number, attempt in attempts.items()
        if "." in name.job.name
    }
    assert len(theirs) >= 8
    assert set(ours) == set(theirs)
    for key, row in theirs.items():
        assert ours[key].own_state in {row["state"], "up_for_retry"}, key
        if row["state"] in {"success", "failed"}:
            assert ours[key].at == moment(row["end_date"]), key
            assert ours[key].started_at == moment(row["start_date"]), key


def test_dag_runs_are_known_with_their_times(watch: Watch) -> None:
    for row in watch.database("select dag_id, run_id, state, start_date, end_date from dag_run"):
        attempt = watch.memory.latest(RunName(EntityName(SPACE, row["dag_id"]), row["run_id"]))
        assert attempt is not None, row
        assert (attempt.own_state, attempt.number) == (row["state"], 1)
        assert attempt.started_at == moment(row["start_date"])


def test_a_pool_that_does_not_exist_is_backlog(watch: Watch) -> None:
    mine = [seen for seen in watch.seen(BacklogObserved) if seen.pool == "nowhere"]
    assert mine[-1].queued == 1


def test_schedules_are_told(watch: Watch) -> None:
    told = {seen.job.name: seen.schedule for seen in watch.seen(ScheduleObserved)}
    assert (told["resting"].kind, told["resting"].expression) == ("cron", "0 5 * * *")
    assert (told["resting"].paused, told["resting"].catchup) == (True, False)
    assert told["reads"].kind == "dataset"
    assert told["ways"].kind == "manual"


def test_a_dataset_that_was_written_is_an_output(watch: Watch) -> None:
    task = watch.memory.latest(RunName(EntityName(SPACE, "ways.never"), "ways-1"))
    assert task is not None
    assert task.outputs == ["db.public.ledger"]


def test_it_is_healthy_and_nothing_could_not_be_read(watch: Watch) -> None:
    parts = {seen.part: (seen.status.value, seen.detail) for seen in watch.seen(HealthObserved)}
    assert {part: told for part, told in parts.items() if told[0] != "HEALTHY"} == {}


def test_a_quiet_poll_asks_at_most_six_times(watch: Watch) -> None:
    watch.poll()
    watch.requests.clear()
    for _ in range(4):
        watch.poll()
    assert max(watch.requests) <= 6


def test_the_check_finds_everything_good(watch: Watch) -> None:
    found = {finding.what: finding for finding in watch.adapter.check_connection()}
    assert {finding.grade for finding in found.values()} == {Grade.GOOD}, found
    assert found["version"].detail.startswith("Airflow 2.")


def test_two_launches_with_one_key_start_one_run(watch: Watch) -> None:
    request = LaunchRequest("key-1", EntityName(SPACE, "stuck"), conf={"a": 1}, note="again")
    first, second = watch.adapter.launch(request), watch.adapter.launch(request)
    assert (first.again, second.again) == (False, True)
    assert watch.adapter.find_launched(request) is not None


def test_the_log_tells_why_a_task_failed(watch: Watch) -> None:
    tail = watch.adapter.log_tail(RunName(EntityName(SPACE, "ways.fails"), "ways-1"), 1, 50)
    assert tail.error == "ValueError: it never works"


def test_a_deleted_run_is_told(watch: Watch) -> None:
    watch.airflow.delete("/dags/stuck/dagRuns/trackside__key-1")
    watch.poll()
    name = RunName(EntityName(SPACE, "stuck"), "stuck-1")
    watch.airflow.delete("/dags/stuck/dagRuns/stuck-1")
    watch.cursor["due"] = {}
    for _ in range(5):
        watch.poll()
    assert watch.state(name) == ("ABORTED", "deleted")
