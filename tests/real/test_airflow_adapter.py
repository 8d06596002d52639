"""The adapter alone watches a real Airflow 3, and knows at the end what its database knows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.airflow import Airflow as Adapter
from adapters.airflow.config import Config
from hub.errors import NotReady
from hub.model import (
    BacklogObserved,
    EntityName,
    HealthObserved,
    RunState,
    ScheduleObserved,
    WatermarkObserved,
)
from hub.ports import Asked, Finding, Grade, LaunchKind, LaunchRequest, RunName
from tests.support import own_tables
from tests.support.airflow import VENV, Airflow
from tests.support.line import until
from tests.support.watch import SPACE, Watch, moment

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not Airflow.installed(), reason=f"no Airflow in {VENV.name}: make {VENV.name} installs it"
    ),
]


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    folder = tmp_path_factory.mktemp("real-airflow-adapter")
    with Airflow(folder) as airflow:
        airflow.post("/pools", {"name": "tiny", "slots": 1})
        airflow.post("/pools", {"name": "shut", "slots": 0})
        watch = Watch(airflow)
        watch.poll()
        airflow.trigger("stuck", "stuck-1")
        airflow.trigger("shut_out", "shut-1")
        airflow.trigger("ways", "ways-1")
        airflow.trigger("by_day", "day-1", partition_key="2026-11-23T00:00:00")
        airflow.trigger("one_at_a_time", "one-1")
        airflow.trigger("one_at_a_time", "two-2")
        watch.until_ended("ways", "one_at_a_time", "by_day", "shop_orders", "shop_report")
        yield watch
        watch.adapter.close()


def test_airflows_rest_api_still_tells_no_deadlines() -> None:
    """Should it begin to, the adapter can read them, and the docs are to be changed."""
    (spec,) = VENV.glob("lib/python3*/site-packages/airflow/**/v2-rest-api-generated.yaml")
    text = spec.read_text().lower()
    assert "/api/v2/dags/{dag_id}/dagruns" in text
    assert "deadline" not in text


def test_every_try_of_every_task_is_known_with_its_state_and_times(watch: Watch) -> None:
    watch.poll()
    ours, theirs = own_tables.tries(watch)
    assert len(theirs) > 15
    assert set(ours) == set(theirs)
    ran = {"success", "failed"}
    for key, row in theirs.items():
        assert ours[key].own_state in {row["state"], "up_for_retry"}, key
        if row["state"] in ran:
            assert ours[key].at == moment(row["end_date"]), key
            assert ours[key].started_at == moment(row["start_date"]), key


def test_every_dag_run_is_known_with_its_state_and_times(watch: Watch) -> None:
    rows = watch.database("select dag_id, run_id, state, start_date, end_date from dag_run")
    assert len(rows) >= 4
    for row in rows:
        attempt = watch.memory.latest(RunName(EntityName(SPACE, row["dag_id"]), row["run_id"]))
        assert attempt is not None, row
        assert attempt.own_state == row["state"]
        assert attempt.started_at == moment(row["start_date"])
        if row["end_date"]:
            assert attempt.at == moment(row["end_date"])
    dag_runs = [name for name in watch.memory.attempts if "." not in name.job.name]
    assert len(dag_runs) == len(rows)


def test_what_never_ran_says_so_in_airflows_own_word(watch: Watch) -> None:
    def state(task: str) -> tuple[str, str]:
        return watch.state(RunName(EntityName(SPACE, f"ways.{task}"), "ways-1"))

    assert state("cut_off") == ("ABORTED", "skipped")
    assert state("below") == ("ABORTED", "upstream_failed")
    assert state("skips") == ("ABORTED", "skipped")
    assert state("empty") == ("COMPLETED", "success")


def test_retries_are_attempts_and_mapped_tasks_are_runs(watch: Watch) -> None:
    fails = watch.memory.attempts[RunName(EntityName(SPACE, "ways.fails"), "ways-1")]
    assert {n: (a.state.value, a.will_retry) for n, a in fails.items()} == {
        1: ("FAILED", True),
        2: ("FAILED", False),
    }
    parts = {
        name.map_index: len(attempts)
        for name, attempts in watch.memory.attempts.items()
        if name.job.name == "ways.part"
    }
    assert parts == {0: 1, 1: 2, 2: 1}


def test_a_task_stands_below_its_dag_run(watch: Watch) -> None:
    run = watch.memory.latest(RunName(EntityName(SPACE, "ways"), "ways-1"))
    task = watch.memory.latest(RunName(EntityName(SPACE, "ways.number"), "ways-1"))
    assert run is not None
    assert task is not None
    assert task.parent == str(run.run_id)


def test_everything_that_was_written_is_an_output_of_the_run_that_wrote_it(watch: Watch) -> None:
    watch.cursor["due"] = {}
    for _ in range(4):
        watch.poll()
    ours, theirs = own_tables.updates(watch)
    assert {dataset for _, _, dataset in theirs} >= {"db.public.ledger", "sold"}
    assert ours == theirs


def test_an_asset_that_was_written_for_a_partition_tells_of_which(watch: Watch) -> None:
    watch.cursor["due"] = {}
    for _ in range(4):
        watch.poll()
    task = watch.memory.latest(RunName(EntityName(SPACE, "by_day.sold"), "day-1"))
    assert task is not None
    assert (task.outputs, task.partition) == (["sold"], "2026-11-23T00:00:00")


def test_what_waits_in_each_pool_is_backlog_also_where_there_are_no_slots(watch: Watch) -> None:
    watch.cursor["due"] = {}
    watch.poll()
    ours, theirs = own_tables.pools(watch)
    assert (theirs["nowhere"], theirs["shut"]) == ((1, 0, 0), (1, 0, 0))
    assert ours == theirs
    waits = {seen.pool: seen.oldest_wait_s for seen in watch.seen(BacklogObserved)}
    assert min(waits["nowhere"], waits["shut"]) > 0


def test_a_full_pool_was_seen_waiting(watch: Watch) -> None:
    assert max(seen.queued for seen in watch.seen(BacklogObserved) if seen.pool == "tiny") >= 1


def test_each_dag_has_the_limits_that_airflow_has_for_it(watch: Watch) -> None:
    ours, theirs = own_tables.schedules(watch)
    assert set(theirs) - set(ours) == {"elsewhere"}  # in a zone that the API does not tell
    assert ours == {dag: limits for dag, limits in theirs.items() if dag != "elsewhere"}


def test_a_file_that_can_not_be_imported_is_told_with_the_reason(watch: Watch) -> None:
    ours, theirs = own_tables.broken_files(watch)
    assert [name.rpartition("/")[2] for name in theirs] == ["broken.py"]
    assert ours == theirs
    told = {seen.part: seen.detail or "" for seen in watch.seen(HealthObserved)}
    assert "a_package_that_nobody_installed" in told[f"file {ours.pop()}"]


def test_schedules_tell_paused_dags_and_leave_out_a_zone_they_can_not_know(watch: Watch) -> None:
    told = {seen.job.name: seen.schedule for seen in watch.seen(ScheduleObserved)}
    assert (told["resting"].kind, told["resting"].expression) == ("cron", "0 5 * * *")
    assert (told["resting"].paused, told["resting"].catchup) == (True, False)
    assert told["resting"].max_active_runs == 3
    assert told["ways"].kind == "manual"
    assert told["shop_report"].kind == "dataset"
    assert "elsewhere" not in told


def test_jobs_tell_owner_and_kind(watch: Watch) -> None:
    facets: dict[str, Any] = {}
    for event in watch.memory.jobs["ways.number"]:
        facets |= event["job"]["facets"]
    assert facets["jobType"]["jobType"] == "TASK"
    assert facets["ownership"]["owners"] == [{"name": "team:ways"}]


def test_airflow_is_healthy_without_a_triggerer(watch: Watch) -> None:
    parts = {seen.part: seen.status.value for seen in watch.seen(HealthObserved)}
    assert parts[""] == parts["scheduler"] == parts["dag_processor"] == "HEALTHY"
    assert "triggerer" not in parts


def test_each_pass_moves_the_watermark_on(watch: Watch) -> None:
    marks = [seen.complete_to for seen in watch.seen(WatermarkObserved)]
    assert len(marks) > 3
    assert marks == sorted(marks)
    assert (datetime.now(UTC) - marks[-1]).total_seconds() < 120


def test_a_quiet_poll_asks_at_most_six_times_and_brings_nothing_new(watch: Watch) -> None:
    time.sleep(1)
    watch.poll()
    watch.requests.clear()
    for _ in range(5):
        watch.poll()
        time.sleep(1)
    assert max(watch.requests) <= 6
    assert watch.memory.new == 0


def test_a_cleared_dag_run_is_one_more_attempt_with_the_providers_run_id(watch: Watch) -> None:
    name = RunName(EntityName(SPACE, "ways"), "ways-1")
    first = watch.memory.latest(name)
    assert first is not None
    watch.airflow.post("/dags/ways/dagRuns/ways-1/clear", {"dry_run": False, "only_failed": True})
    watch.until_ended("ways")
    second = watch.memory.latest(name)
    assert second is not None
    assert (second.number, second.state) == (2, RunState.FAILED)
    assert second.run_id != first.run_id
    test_every_try_of_every_task_is_known_with_its_state_and_times(watch)


def test_deleted_runs_and_dags_are_told(watch: Watch) -> None:
    watch.airflow.trigger("resting", "gone-1")
    watch.poll()
    queued = RunName(EntityName(SPACE, "resting"), "gone-1")
    run = RunName(EntityName(SPACE, "stuck"), "stuck-1")
    task = RunName(EntityName(SPACE, "stuck.waits"), "stuck-1")
    assert {name: watch.state(name) for name in (queued, run, task)} == {
        queued: ("NEW", "queued"),
        run: ("RUNNING", "running"),
        task: ("NEW", "scheduled"),
    }
    watch.airflow.delete("/dags/resting/dagRuns/gone-1")
    watch.airflow.delete("/dags/stuck")
    watch.cursor["due"] = {}
    for _ in range(4):
        watch.poll()
    for name in (queued, run, task):
        assert watch.state(name) == ("ABORTED", "deleted")


def test_the_check_finds_everything_good(watch: Watch) -> None:
    """Airflow calls its own scheduler unhealthy for a moment where the computer is busy."""

    def wrong() -> list[Finding]:
        return [one for one in watch.adapter.check_connection() if one.grade is not Grade.GOOD]

    until(lambda: not wrong(), wrong, timeout_s=120)
    assert "launch" in {one.what for one in watch.adapter.check_connection()}


def test_two_launches_with_one_key_start_one_run(watch: Watch) -> None:
    request = LaunchRequest("key-1", EntityName(SPACE, "one_at_a_time"), conf={"a": 1})
    assert watch.adapter.find_launched(request) is None
    first, second = watch.adapter.launch(request), watch.adapter.launch(request)
    assert (first.again, second.again) == (False, True)
    assert first.natural_id == second.natural_id
    assert watch.adapter.find_launched(request) is not None
    runs = watch.airflow.get("/dags/one_at_a_time/dagRuns")["dag_runs"]
    assert [run["dag_run_id"] for run in runs].count(first.natural_id) == 1


def test_a_paused_dag_is_told_instead_of_leaving_a_run_in_its_queue(watch: Watch) -> None:
    with pytest.raises(NotReady, match="resting is paused"):
        watch.adapter.launch(LaunchRequest("key-2", EntityName(SPACE, "resting")))
    with pytest.raises(NotReady, match="no Dag nowhere"):
        watch.adapter.launch(LaunchRequest("key-2", EntityName(SPACE, "nowhere")))
    assert watch.airflow.get("/dags/resting/dagRuns")["dag_runs"] == []


def test_an_asset_event_is_written_once(watch: Watch) -> None:
    asset = EntityName(SPACE, "postgres://books:5432/db/public/ledger")
    request = LaunchRequest("key-3", asset, kind=LaunchKind.ASSET_EVENT)
    first, second = watch.adapter.launch(request), watch.adapter.launch(request)
    assert (first.again, second.again) == (False, True)
    assert first.natural_id == second.natural_id


def test_the_log_tells_why_a_task_failed(watch: Watch) -> None:
    tail = watch.adapter.log_tail(RunName(EntityName(SPACE, "ways.fails"), "ways-1"), 1, 50)
    assert tail.error == "ValueError: it never works"
    assert 1 <= len(tail.lines) <= 50


def test_a_wrong_token_is_told_with_the_setting_to_change(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD", "hunter2")
    url = watch.airflow.url
    config = Config.model_validate({"url": url, "token": "env:BAD"})
    adapter = Adapter(config, Asked("af", SPACE))
    findings = adapter.check_connection()
    adapter.close()
    bad = [finding for finding in findings if finding.grade is Grade.BAD]
    assert bad
    assert "hunter2" not in str(findings)
    assert "token" in bad[0].detail + bad[0].mend
