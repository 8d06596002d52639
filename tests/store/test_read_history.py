"""Events, changes, the tree of runs, the lineage of runs, and what was reported of data."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.errors import BadInput, NotFound
from hub.model import EntityName, Viewer
from hub.store import (
    changes,
    events,
    hierarchy,
    orchestrators,
    quality,
    run_lineage,
    schedules,
    stats,
    tags,
)
from hub.store.db import Database
from hub.store.reading import Page
from hub.store.run_lineage import LineageRun
from tests.support.build import EVERYBODY, START, Build, at, uuid_of

HOUR = timedelta(hours=1)


def test_the_tree_of_a_run_is_shown_from_its_root_down(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        dag = build.run(build.job("dag"), uuid=uuid_of(1))
        task_job = build.job("task")
        first = build.run(task_job, uuid=uuid_of(2), start=1, parent_run_id=dag, root_run_id=dag)
        build.run(task_job, uuid=uuid_of(3), start=2, parent_run_id=dag, root_run_id=dag)
        leaf = build.run(
            build.job("query"), uuid=uuid_of(4), start=3, parent_run_id=first, root_run_id=dag
        )
    with db.reading() as connection:
        tree = hierarchy.tree_of(connection, EVERYBODY, leaf, 100)
        cut = hierarchy.tree_of(connection, EVERYBODY, leaf, 2)
        children = hierarchy.list_children(connection, EVERYBODY, dag, Page())
    assert [(each.depth, each.run.id) for each in tree.runs] == [
        (depth, str(uuid_of(n))) for depth, n in [(0, 1), (1, 2), (1, 3), (2, 4)]
    ]
    assert tree.runs[3].run.root_run_id == str(uuid_of(1))
    assert (len(cut.runs), cut.truncated, tree.truncated) == (2, True, False)
    assert [run.id for run in children.items] == [str(uuid_of(3)), str(uuid_of(2))]
    assert children.total == 2


def test_a_run_is_in_its_tree_though_its_parent_never_said_where_it_belongs(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        root = build.run(build.job("root"), uuid=uuid_of(1))
        silent = build.run(build.job("silent"), uuid=uuid_of(2))
        leaf = build.run(build.job("leaf"), uuid=uuid_of(3), parent_run_id=silent, root_run_id=root)
    with db.reading() as connection:
        tree = hierarchy.tree_of(connection, EVERYBODY, leaf, 100)
        alone = hierarchy.tree_of(connection, EVERYBODY, leaf, 1)
    assert [(each.depth, each.run.id) for each in tree.runs] == [
        (depth, str(uuid_of(depth + 1))) for depth in range(3)
    ]
    assert ([each.run.id for each in alone.runs], alone.truncated) == ([str(uuid_of(3))], True)


def test_runs_that_name_each_other_as_parents_do_not_hang_the_walk(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("odd")
        one = build.run(job)
        two = build.run(job, parent_run_id=one)
        build.set_parent(one, two)
    with db.reading() as connection:
        assert len(hierarchy.tree_of(connection, EVERYBODY, one, 100).runs) == 2


def test_attempts_are_listed_latest_first(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("job")
        run = build.run(job, uuid=uuid_of(2), attempt_no=1)
        build.attempt(run, job, uuid_of(3), no=2, state="RUNNING")
    with db.reading() as connection:
        found = hierarchy.list_attempts(connection, run)
    assert [(each.id, each.number) for each in found] == [
        (str(uuid_of(3)), 2),
        (str(uuid_of(2)), 1),
    ]


class Chain:
    """extract makes raw; two runs of load read it, the second a newer version; report reads mart."""

    def __init__(self, build: Build) -> None:
        raw, mart = build.dataset("raw"), build.dataset("mart")
        extract, load, report = (build.job(name) for name in ("extract", "load", "report"))
        self.early = self._makes(build, extract, raw, 0)
        self.first = build.run(load, uuid=uuid_of(11), start=10, end=20)
        build.io(self.first, "INPUT", raw, when=20)
        build.io(self.first, "OUTPUT", mart, when=20)
        build.update(mart, self.first, when=20)
        self.late = self._makes(build, extract, raw, 30)
        self.second = build.run(load, uuid=uuid_of(12), start=40, end=50)
        build.io(self.second, "INPUT", raw, when=50)
        build.io(self.second, "OUTPUT", mart, when=50)
        build.update(mart, self.second, when=50)
        self.report = build.run(report, uuid=uuid_of(13), start=25, end=26)
        build.io(self.report, "INPUT", mart, when=26)

    @staticmethod
    def _makes(build: Build, job: int, dataset: int, start: float) -> int:
        run = build.run(job, start=start, end=start + 5)
        build.io(run, "OUTPUT", dataset, when=start + 5)
        build.update(dataset, run, when=start + 5)
        return run


def jobs_of(found: list[LineageRun]) -> list[tuple[str, int]]:
    return [(each.run.job.name, each.depth) for each in found]


def test_upstream_of_a_run_are_the_runs_that_made_the_versions_it_read(db: Database) -> None:
    with db.writing() as connection:
        chain = Chain(Build(connection))
    with db.reading() as connection:
        found = run_lineage.upstream(connection, EVERYBODY, chain.report, 20, 100)
        near = run_lineage.upstream(connection, EVERYBODY, chain.report, 0, 100)
    assert jobs_of(found) == [("report", 0), ("load", 1), ("extract", 2)]
    assert found[1].run.id == str(uuid_of(11))
    assert found[0].inputs[0].produced_by_run_id == str(uuid_of(11))
    assert found[2].run.started_at == at(0)
    assert jobs_of(near) == [("report", 0)]


def test_downstream_of_a_run_are_the_runs_that_read_what_it_made_before_the_next(
    db: Database,
) -> None:
    with db.writing() as connection:
        chain = Chain(Build(connection))
    with db.reading() as connection:
        early = run_lineage.downstream(connection, EVERYBODY, chain.early, 20, 100)
        late = run_lineage.downstream(connection, EVERYBODY, chain.late, 20, 100)
    assert jobs_of(early) == [("extract", 0), ("load", 1), ("report", 2)]
    assert jobs_of(late) == [("extract", 0), ("load", 1)]
    assert late[1].run.id == str(uuid_of(12))


def test_events_are_listed_by_their_time_either_way_and_between_instants(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("job")
        for minute in range(5):
            build.event({"eventType": "START", "n": minute}, when=minute, job_id=job)
        build.event({"n": 9}, when=2, event_type="DATASET")
    with db.reading() as connection:

        def listed(page: Page, *, newest: bool = True) -> tuple[str, str | None]:
            found = events.list_run_events(
                connection, EVERYBODY, page, before=at(4), after=at(1), newest=newest
            )
            assert found.total == 6
            return "".join(str(bytes(raw)[-2:-1], "ascii") for raw in found.items), found.next

        numbers, following = listed(Page(limit=2))
        assert numbers == "32"
        assert listed(Page(limit=2, after=following)) == ("1", None)
        numbers, following = listed(Page(limit=2), newest=False)
        assert numbers == "12"
        assert listed(Page(limit=2, after=following), newest=False) == ("3", None)


def test_the_events_of_a_run_carry_the_time_they_came_in(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("job", team=build.team("secret"))
        run = build.run(job)
        number = build.event({"eventType": "START"}, when=3, run_id=run, job_id=job)
    with db.reading() as connection:
        (event,) = events.list_events_of_run(connection, run, Page()).items
        assert (event.id, event.received_at) == (number, at(3))
        assert events.get_event(connection, EVERYBODY, number) == event
        assert events.get_event(connection, Viewer(), number) is None


def test_changes_are_read_once_by_following_the_cursor_also_of_several_writers(
    db: Database,
) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("job")
        run = build.run(job, uuid=uuid_of(5))
        for _ in range(3):
            build.change("run_started", writer=1, job_id=job, run_id=run)
        build.change(
            "dataset_updated", writer=2, dataset_id=build.dataset("d"), detail='{"rows":1}'
        )
    seen: list[tuple[int, str]] = []
    cursor = None
    with db.reading() as connection:
        while True:
            found = changes.list_changes(connection, EVERYBODY, cursor, 2)
            seen += [(each.writer, each.kind) for each in found.items]
            if found.next == cursor:
                break
            cursor = found.next
        latest = changes.latest_place(connection)
    assert seen == [(1, "run_started")] * 3 + [(2, "dataset_updated")]
    with db.writing() as connection:
        Build(connection, first_id=1000).change("run_failed", writer=2, seq=99, job_id=job)
    with db.reading() as connection:
        for place in (cursor, latest):
            (new,) = changes.list_changes(connection, EVERYBODY, place, 10).items
            assert (new.kind, new.job) == ("run_failed", EntityName("ns", "job"))
        with pytest.raises(BadInput):
            changes.list_changes(connection, EVERYBODY, "nonsense", 10)


def test_changes_of_a_private_team_are_passed_over(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.change("run_started", job_id=build.job("mine", team=build.team("secret")))
        build.change("run_started", job_id=build.job("ours"))
        build.change("orchestrator_health_changed")
    with db.reading() as connection:
        found = changes.list_changes(connection, Viewer(), None, 10).items
    assert [each.job and each.job.name for each in found] == ["ours", None]


def test_figures_count_events_by_type_and_things_by_when_they_were_made(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.job("early", minutes=-600)
        build.job("late", minutes=90)
        for minute in (0, 10, 70):
            build.event({"eventType": "START"}, when=minute)
        build.event({"eventType": "FAIL"}, when=70)
    bounds = [START, START + HOUR, START + 2 * HOUR]
    with db.reading() as connection:
        assert stats.events_between(connection, EVERYBODY, bounds) == [
            {"START": 2},
            {"START": 1, "FAIL": 1},
        ]
        assert stats.grown_to(connection, EVERYBODY, "jobs", bounds) == [1, 1, 2]
        assert stats.grown_to(connection, EVERYBODY, "sources", bounds) == [0, 0, 0]
        assert stats.total_events(connection, EVERYBODY) == 4


def test_checks_and_updates_of_a_dataset_are_listed_latest_first(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders")
        run = build.run(build.job("load"), uuid=uuid_of(1))
        build.check(orders, "not_null", run, when=1, column="id")
        build.check(orders, "row_count", when=2, status="FAILED")
        build.update(orders, run, when=1, rows=5)
        build.update(orders, when=2)
    with db.reading() as connection:
        checks = quality.list_checks(connection, EVERYBODY, orders, Page()).items
        updates = quality.list_updates(connection, EVERYBODY, orders, Page())
        assert quality.freshness_of(connection, orders) is None
    assert [(c.name, c.column, c.status, c.run_id) for c in checks] == [
        ("row_count", None, "FAILED", None),
        ("not_null", "id", "PASSED", str(uuid_of(1))),
    ]
    assert [(u.rows, u.job_name) for u in updates.items] == [(None, None), (5, "load")]
    assert updates.total == 2


def test_orchestrators_show_health_watermarks_and_the_latest_backlog(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        airflow = build.orchestrator("airflow")
        build.orchestrator("dagster")
        build.observe(airflow)
    with db.reading() as connection:
        shown, other = orchestrators.list_orchestrators(connection, Page()).items
        assert orchestrators.get_orchestrator(connection, "airflow") == shown
        samples = orchestrators.list_backlog(connection, "airflow", "default", at(0), 10)
        with pytest.raises(NotFound):
            orchestrators.get_orchestrator(connection, "cron")
    assert [(h.part, h.status) for h in shown.health] == [("", "HEALTHY")]
    assert [w.complete_to for w in shown.watermarks] == [at(5)]
    assert [(b.pool, b.queued) for b in shown.backlog] == [("default", 7)]
    assert [b.queued for b in samples] == [7, 3]
    assert (other.name, other.health, other.backlog) == ("dagster", [], [])


def test_schedules_and_warnings_of_jobs(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("job")
        build.schedule(job, "0 6 * * *")
        build.schedule(build.job("closed", team=build.team("secret")), "0 7 * * *")
        build.warn(job, "$.run.runId", "is no UUID")
    with db.reading() as connection:
        listed = schedules.list_schedules(connection, Viewer(), Page()).items
        assert schedules.schedule_of(connection, Viewer(), job) == listed[0]
        (warning,) = schedules.list_warnings(connection, job)
    assert [(each.job.name, each.expression) for each in listed] == [("job", "0 6 * * *")]
    assert warning.path == "$.run.runId"


def test_children_and_tags_of_a_private_team_are_not_counted(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        top = build.run(build.job("dag"), uuid=uuid_of(1))
        for number, team in ((2, None), (3, build.team("secret"))):
            job = build.job(f"dag.{number}", team=team)
            build.run(job, uuid=uuid_of(number), parent_run_id=top)
            build.tag_job(job, f"tag{number}")
    member = Viewer(teams=frozenset({"secret"}))
    with db.reading() as connection:
        for viewer, seen in ((Viewer(), ["tag2"]), (member, ["tag2", "tag3"])):
            children = hierarchy.list_children(connection, viewer, top, Page())
            assert children.total == len(children.items) == len(seen)
            found = tags.list_tags(connection, viewer, Page()).items
            assert [tag.name for tag in found] == seen
