"""The adapter alone watches a real Airflow 2.11, whose API is another; then a hub does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hub.model import EntityName, HealthObserved, ScheduleObserved
from hub.ports import Grade, LaunchRequest, RunName
from tests.support import own_tables
from tests.support.airflow2 import PASSWORD, USER, Airflow2
from tests.support.connecting import Place
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
        watch.until_ended("ways", "reads", "by_the_clock")
        watch.cursor["due"] = {}
        for _ in range(5):
            watch.poll()
        yield watch
        watch.adapter.close()
    del os.environ["AF2_PASSWORD"]


def test_every_try_of_every_task_is_known_with_its_state_and_times(watch: Watch) -> None:
    ours, theirs = own_tables.tries(watch)
    assert len(theirs) >= 10
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


def test_runs_by_the_clock_and_by_datasets_are_among_them(watch: Watch) -> None:
    kinds = {row["run_type"] for row in watch.database("select run_type from dag_run")}
    assert kinds == {"manual", "scheduled", "dataset_triggered"}


def test_what_waits_in_each_pool_is_backlog(watch: Watch) -> None:
    ours, theirs = own_tables.pools(watch)
    assert theirs["nowhere"] == (1, 0, 0)
    assert ours == theirs


def test_each_dag_has_the_limits_that_airflow_has_for_it(watch: Watch) -> None:
    ours, theirs = own_tables.schedules(watch)
    assert ours == theirs


def test_a_file_that_can_not_be_imported_is_told(watch: Watch) -> None:
    ours, theirs = own_tables.broken_files(watch)
    assert [name.rpartition("/")[2] for name in theirs] == ["broken.py"]
    assert ours == theirs


def test_schedules_are_told(watch: Watch) -> None:
    told = {seen.job.name: seen.schedule for seen in watch.seen(ScheduleObserved)}
    assert (told["resting"].kind, told["resting"].expression) == ("cron", "0 5 * * *")
    assert (told["resting"].paused, told["resting"].catchup) == (True, False)
    assert told["reads"].kind == "dataset"
    assert told["ways"].kind == "manual"


def test_everything_that_was_written_is_an_output_of_the_run_that_wrote_it(watch: Watch) -> None:
    ours, theirs = own_tables.updates(watch)
    assert ("ways.never", "ways-1", "db.public.ledger") in theirs
    assert ours == theirs


def test_it_is_healthy_and_nothing_could_not_be_read(watch: Watch) -> None:
    parts = {seen.part: (seen.status.value, seen.detail) for seen in watch.seen(HealthObserved)}
    sick = {part: told for part, told in parts.items() if told[0] != "HEALTHY"}
    assert {part: told for part, told in sick.items() if not part.startswith("file ")} == {}


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


@pytest.fixture
def place(watch: Watch, tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path, watch.airflow, AF2_PASSWORD=PASSWORD, AF2_WRONG="hunter2")
    place.hub.start()
    yield place
    place.hub.stop(signal.SIGKILL)


def test_from_a_wrong_password_to_equal_rows(place: Place) -> None:
    """Connected from the command line; the hub is stopped, and knows what happened meanwhile."""
    refused = place.add(username=USER, password="env:AF2_WRONG")
    assert refused.returncode == 1
    assert "bad" in refused.stdout
    assert "Not declared" in refused.stderr
    assert "hunter2" not in refused.stdout + refused.stderr
    nowhere = place.add(username=USER, password="env:AF2_PASSWORD", url="http://127.0.0.1:1")
    assert (nowhere.returncode, "can't be reached" in nowhere.stdout) == (1, True)

    added = place.add(username=USER, password="env:AF2_PASSWORD", poll_every_s="1")
    assert added.returncode == 0, added.stdout + added.stderr
    assert "af2 is declared" in added.stdout
    assert "AIRFLOW__OPENLINEAGE__" in added.stdout or "[openlineage]" in added.stdout
    assert PASSWORD not in added.stdout.replace("AF2_PASSWORD", "")
    shown = yaml.safe_load(added.stdout[added.stdout.index("\norchestrators:") :])
    assert shown["orchestrators"][0]["settings"]["password"] == "env:AF2_PASSWORD"
    assert place.command("test", "af2").returncode == 0

    place.airflow.trigger("ways", "after-1")
    place.airflow.await_runs("ways")
    place.until_read()
    status = place.command("status")
    assert tuple(status.stdout.splitlines()[-1].split()[:2]) == ("af2", "airflow")

    place.hub.stop()
    place.airflow.trigger("ways", "after-2")
    place.airflow.await_runs("ways")
    place.hub.start()
    place.until_read()
    ours, theirs = place.ours(), place.theirs()
    assert {key[1] for key in theirs} >= {"after-1", "after-2"}
    assert set(ours) == set(theirs)
    for key, (state, started, ended) in theirs.items():
        assert ours[key][0] in {state, "up_for_retry"}, key
        if state in {"success", "failed"}:
            assert ours[key][1:] == (started, ended), key
