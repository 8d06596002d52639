"""Jobs, their runs and versions, as the store shows them."""

from __future__ import annotations

import pytest
from msgspec import structs

from hub.errors import BadInput, NotFound
from hub.model import EntityName, RunState, Viewer
from hub.store import jobs, runs
from hub.store.db import Database
from hub.store.reading import Page
from tests.support.build import EVERYBODY, Build, at, uuid_of

LOAD = EntityName("ns", "dag.load")


def test_a_job_is_shown_with_its_datasets_tags_parent_and_runs(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        airflow = build.orchestrator("airflow-prod")
        dag = build.job("dag")
        load = build.job("dag.load", parent_job_id=dag, orchestrator_id=airflow, owners='["ann"]')
        build.reads(load, build.dataset("b"), build.dataset("a"))
        build.writes(load, build.dataset("c"))
        build.tag_job(load, "nightly")
        for hour in range(12):
            build.run(load, start=60 * hour, end=60 * hour + 5)
    with db.reading() as connection:
        job = jobs.get_job(connection, EVERYBODY, LOAD)
    assert (job.simple_name, job.parent_job_name) == ("load", "dag")
    assert job.inputs == [EntityName("db", "a"), EntityName("db", "b")]
    assert job.outputs == [EntityName("db", "c")]
    assert (job.tags, job.owners, job.orchestrator) == (["nightly"], ["ann"], "airflow-prod")
    assert job.latest_run is not None
    assert job.latest_run.started_at == at(660)
    assert job.latest_run.duration_ms == 300_000
    assert [run.started_at for run in job.latest_runs or []] == [
        at(60 * hour) for hour in range(11, 1, -1)
    ]


def test_a_list_shows_the_latest_run_in_full_and_its_history_in_brief(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        load, orders = build.job("dag.load"), build.dataset("orders")
        for number in (0, 60):
            run = build.run(load, start=number, end=number + 5, uuid=uuid_of(number))
            build.version(load, run, inputs=[], outputs=[], when=number)
            build.io(run, "INPUT", orders, when=number + 1)
    with db.reading() as connection:
        (listed,) = jobs.list_jobs(connection, EVERYBODY, Page()).items
        whole = jobs.get_job(connection, EVERYBODY, LOAD)
    assert listed.latest_run is not None
    assert listed.latest_run.job_version is not None
    assert len(listed.latest_run.input_dataset_versions) == 1
    assert [len(run.input_dataset_versions) for run in whole.latest_runs or []] == [1, 1]
    assert listed.latest_runs == [
        structs.replace(run, input_dataset_versions=[], job_version=None)
        for run in whole.latest_runs or []
    ]


def test_a_job_without_runs_has_null_and_no_empty_list_of_them(db: Database) -> None:
    with db.writing() as connection:
        Build(connection).job("dag.load")
    with db.reading() as connection:
        job = jobs.get_job(connection, EVERYBODY, LOAD)
    assert job.latest_run is None
    assert job.latest_runs is None


def test_jobs_with_news_come_first_and_cursors_lead_through_all(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        for number in range(7):
            build.job(f"job{number}", minutes=number // 2)
    seen: list[str] = []
    page = Page(limit=3)
    with db.reading() as connection:
        while True:
            found = jobs.list_jobs(connection, EVERYBODY, page)
            assert found.total == 7
            seen += [job.name for job in found.items]
            if found.next is None:
                break
            page = Page(limit=3, after=found.next)
    assert seen == ["job6", "job5", "job4", "job3", "job2", "job1", "job0"]


def test_a_cursor_of_another_list_is_bad_input(db: Database) -> None:
    with db.reading() as connection, pytest.raises(BadInput):
        jobs.list_jobs(connection, EVERYBODY, Page(after="bm9uc2Vuc2U"))


def test_jobs_are_filtered_by_the_state_of_their_latest_run(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.run(build.job("good"), end=1)
        build.run(build.job("bad"), end=1, state="FAILED")
    with db.reading() as connection:
        found = jobs.list_jobs(connection, EVERYBODY, Page(), states=[RunState.FAILED])
    assert ([job.name for job in found.items], found.total) == (["bad"], 1)


def test_a_namespace_lists_its_own_jobs_and_an_unknown_one_is_not_found(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.job("mine", "a")
        build.job("theirs", "b")
    with db.reading() as connection:
        found = jobs.list_jobs(connection, EVERYBODY, Page(), within="a")
        assert ([job.name for job in found.items], found.total) == (["mine"], 1)
        with pytest.raises(NotFound, match="Namespace 'c' not found"):
            jobs.list_jobs(connection, EVERYBODY, Page(), within="c")


def test_a_private_team_s_jobs_are_neither_listed_nor_counted_nor_found(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.team("secret")
        build.team("open", private=False)
        build.run(build.job("dag.load", team="secret"), uuid=uuid_of(99))
        build.job("other", team="open")
    outsider, member = Viewer(), Viewer(teams=frozenset({"secret"}))
    with db.reading() as connection:
        found = jobs.list_jobs(connection, outsider, Page())
        assert ([job.name for job in found.items], found.total) == (["other"], 1)
        assert jobs.list_jobs(connection, member, Page()).total == 2
        with pytest.raises(NotFound):
            jobs.get_job(connection, outsider, LOAD)
        with pytest.raises(NotFound):
            runs.get_run(connection, outsider, uuid_of(99))
        assert runs.get_run(connection, member, uuid_of(99)).job == LOAD


def test_a_hidden_job_is_gone_until_its_next_event(db: Database) -> None:
    with db.writing() as connection:
        Build(connection).job("dag.load")
        jobs.hide_job(connection, EVERYBODY, LOAD)
    with db.reading() as connection:
        assert jobs.list_jobs(connection, EVERYBODY, Page()).total == 0
        with pytest.raises(NotFound):
            jobs.get_job(connection, EVERYBODY, LOAD)


def test_a_run_is_found_by_the_run_id_of_any_attempt(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("dag.load")
        run = build.run(job, uuid=uuid_of(7), attempt_no=2)
        build.attempt(run, job, uuid_of(6), no=1)
    with db.reading() as connection:
        assert runs.get_run(connection, EVERYBODY, uuid_of(6)).id == str(uuid_of(7))


def test_jobs_that_share_a_run_id_are_told_apart_by_name(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.run(build.job("first"), uuid=uuid_of(7))
        build.run(build.job("second"), uuid=uuid_of(7))
    with db.reading() as connection:
        assert runs.get_run(connection, EVERYBODY, uuid_of(7)).job.name == "first"
        second = [EntityName("ns", "second")]
        assert runs.get_run(connection, EVERYBODY, uuid_of(7), second).job.name == "second"


def test_the_facets_of_a_run_are_merged_from_its_events_and_later_ones_win(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        run = build.run(build.job("dag.load"), uuid=uuid_of(1), end=5)
        build.event({"run": {"facets": {"a": {"n": 2}}}}, when=5, run_id=run)
        build.event({"run": {"facets": {"a": {"n": 1}, "b": {"n": 1}}}}, when=0, run_id=run)
        build.event({"run": {"facets": "nonsense"}}, when=3, run_id=run)
    with db.reading() as connection:
        facets = runs.get_run(connection, EVERYBODY, uuid_of(1)).facets
    assert {name: bytes(raw) for name, raw in facets.items()} == {
        "a": b'{"n": 2}',
        "b": b'{"n": 1}',
    }


def test_a_run_shows_the_versions_of_its_datasets_as_of_itself(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("dag.load")
        source, target = build.dataset("source"), build.dataset("target")
        build.update(source, when=0)
        run = build.run(job, uuid=uuid_of(1), start=1, end=5)
        build.io(run, "INPUT", source, when=5)
        build.io(run, "OUTPUT", target, when=5, rows=10)
        build.update(target, run, when=5)
        build.update(source, when=9)
    with db.reading() as connection:
        shown = runs.get_run(connection, EVERYBODY, uuid_of(1))
    (read,), (written,) = shown.input_dataset_versions, shown.output_dataset_versions
    assert read.dataset_version_id.name == "source"
    assert read.dataset_version_id.version is not None
    assert read.dataset_version_id.version != written.dataset_version_id.version
    assert written.rows == 10


def test_runs_of_a_job_are_listed_latest_first_with_their_number(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("dag.load")
        for minute in range(5):
            build.run(job, start=minute, end=minute + 1)
    with db.reading() as connection:
        first = runs.list_runs(connection, EVERYBODY, LOAD, Page(limit=2))
        second = runs.list_runs(connection, EVERYBODY, LOAD, Page(limit=2, after=first.next))
        by_offset = runs.list_runs(connection, EVERYBODY, LOAD, Page(limit=2, offset=2))
    assert [run.started_at for run in first.items] == [at(4), at(3)]
    assert [run.started_at for run in second.items] == [at(2), at(1)]
    assert by_offset.items == second.items
    assert first.total == 5


def test_a_job_version_shows_the_datasets_of_its_run(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("dag.load")
        a, b = build.dataset("a"), build.dataset("b")
        run = build.run(job, end=5, uuid=uuid_of(1))
        version = build.version(job, run, inputs=[a], outputs=[b], when=5)
    with db.reading() as connection:
        (listed,) = jobs.list_job_versions(connection, EVERYBODY, LOAD, Page()).items
        assert jobs.get_job_version(connection, EVERYBODY, LOAD, version) == listed
        assert listed.inputs == [EntityName("db", "a")]
        assert listed.outputs == [EntityName("db", "b")]
        of_run = runs.get_run(connection, EVERYBODY, uuid_of(1)).job_version
        assert of_run is not None
        assert of_run.version == str(version)
        with pytest.raises(NotFound):
            jobs.get_job_version(connection, EVERYBODY, LOAD, uuid_of(8))
