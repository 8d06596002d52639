"""How partitions stand: there, failed, under way, missing, stale; whoever writes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from hub.model import Viewer
from hub.schedules.grids import Cell, PartitionStatus
from hub.schedules.periods import Every
from hub.store import tables as t
from hub.store.db import Database
from hub.store.partition_pages import PartitionsView, page_of_grid
from hub.store.partition_status import Grid, Wanted, dataset_grid, job_grid, statuses_of
from hub.store.reading import Page
from tests.support.build import EVERYBODY, START, Build, at

DAY = 1440
NIGHT = -360 + 120  # START is 06:00: this is 02:00 of its day
NOW = at(20 * DAY)


def day(number: int) -> str:
    return f"{START + timedelta(days=number):%Y-%m-%d}"


class World:
    """A job that writes `mart` of `raw`, in the namespace `db`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        with db.writing() as connection:
            self.build = build = Build(connection)
            self.orchestrator = build.orchestrator()
            self.job = build.job("load", orchestrator_id=self.orchestrator)
            self.raw, self.mart = build.dataset("raw"), build.dataset("mart")
            build.reads(self.job, self.raw)
            build.writes(self.job, self.mart)

    def write(self, numbers: Iterable[int], dataset: int, form: str = "%Y-%m-%d") -> None:
        """Each day's partition in the night after it."""
        for number in numbers:
            key = (START + timedelta(days=number)).strftime(form)
            self.update(dataset, key, (number + 1) * DAY + NIGHT)

    def update(self, dataset: int, key: str, when: float, **values: Any) -> None:
        with self._db.writing() as connection:
            self.build.connection = connection
            self.build.update(dataset, when=when, partition_key=key, **values)

    def run(self, start: float, job: int | None = None, **values: Any) -> int:
        with self._db.writing() as connection:
            self.build.connection = connection
            return self.build.run(job or self.job, start=start, **values)

    def grid(self, now: datetime = NOW, viewer: Viewer = EVERYBODY, **asked: Any) -> Grid:
        with self._db.reading() as connection:
            return dataset_grid(connection, viewer, self.mart, Wanted(now, **asked))

    def job_grid(self, now: datetime = NOW, **asked: Any) -> Grid:
        with self._db.reading() as connection:
            return job_grid(connection, EVERYBODY, self.job, Wanted(now, **asked))

    def page(self, page: Page, viewer: Viewer = EVERYBODY) -> PartitionsView:
        with self._db.reading() as connection:
            grid = dataset_grid(connection, viewer, self.mart, Wanted(at(10 * DAY)))
            return page_of_grid(connection, viewer, grid, page)


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


def statuses(grid: Grid) -> dict[str, str]:
    return {cell.place.key: cell.status.value for cell in reversed(grid.cells)}


def cell(grid: Grid, key: str) -> Cell:
    (found,) = [one for one in grid.cells if one.place.key == key]
    return found


def test_a_hole_in_a_daily_series_is_missing_and_so_is_what_is_due(world: World) -> None:
    world.write((n for n in range(18) if n != 7), world.mart)
    grid = world.grid(at(20 * DAY + NIGHT + 180))
    assert grid.counts == {
        PartitionStatus.COMPLETE: 17,
        PartitionStatus.MISSING: 3,
        PartitionStatus.FAILED: 0,
        PartitionStatus.RUNNING: 0,
        PartitionStatus.STALE: 0,
    }
    absent = [key for key, status in statuses(grid).items() if status == "missing"]
    assert absent == [day(7), day(18), day(19)]
    assert cell(grid, day(18)).due_at == at(19 * DAY + NIGHT + 144)  # a tenth of a day later
    assert statuses(world.grid(at(20 * DAY + NIGHT + 140)))[day(18)] == "missing"
    assert day(19) not in statuses(world.grid(at(20 * DAY + NIGHT + 140)))


def test_one_partition_under_several_names_is_one(world: World) -> None:
    world.write(range(10), world.mart)
    world.write(range(10), world.mart, "%Y%m%d")
    world.update(world.mart, f"{day(3)}T00:00:00", 30 * DAY, rows=7)
    found = cell(world.grid(), day(3))
    assert sorted(found.keys) == sorted([day(3), day(3).replace("-", ""), f"{day(3)}T00:00:00"])
    assert found.written is not None
    assert (found.written.rows, found.written.count) == (7, 3)
    assert found.written.at == at(30 * DAY)


def test_the_latest_of_several_updates_holds(world: World) -> None:
    world.update(world.mart, day(1), 5, rows=1)
    world.update(world.mart, day(1), 9, rows=2)
    world.update(world.mart, day(1), 7, rows=3)
    written = cell(world.grid(), day(1)).written
    assert written is not None
    assert (written.rows, written.at, written.first_at, written.count) == (2, at(9), at(5), 3)


def test_a_run_that_fails_or_runs_for_a_partition_shows(world: World) -> None:
    world.write(range(3), world.mart)
    world.run(5 * DAY, end=5 * DAY + 1, state="FAILED", partition_key=day(0))
    world.run(0, end=1, state="FAILED", partition_key=day(1))  # before it was written
    world.run(5 * DAY, partition_key=day(2))
    world.run(5 * DAY, end=5 * DAY + 1, state="ABORTED", partition_key=day(3))
    assert statuses(world.grid()) == {
        day(0): "failed",
        day(1): "complete",
        day(2): "running",
        day(3): "failed",
    }


def test_a_run_that_names_the_partition_it_writes_means_that_one(
    world: World, db: Database
) -> None:
    run = world.run(5 * DAY, end=5 * DAY + 1, state="FAILED", nominal_start=at(0))
    with db.writing() as connection:
        world.build.connection = connection
        world.build.io(run, "OUTPUT", world.mart, partition_key=day(4))
    assert statuses(world.grid()) == {day(4): "failed"}


def test_the_run_within_which_it_is_written_fails_only_what_is_not_there(
    world: World, db: Database
) -> None:
    with db.writing() as connection:
        world.build.connection = connection
        dag = world.build.job("dag", orchestrator_id=world.orchestrator)
        connection.execute(update(t.job).where(t.job.c.id == world.job).values(parent_job_id=dag))
    world.write([0], world.mart)
    world.run(5 * DAY, dag, end=5 * DAY + 1, state="FAILED", partition_key=day(0))
    world.run(5 * DAY, dag, end=5 * DAY + 1, state="FAILED", partition_key=day(1))
    assert statuses(world.grid()) == {day(0): "complete", day(1): "failed"}


def test_older_than_a_partition_of_its_inputs_is_stale(world: World) -> None:
    world.write(range(10), world.mart)
    world.write(range(10), world.raw)
    world.update(world.raw, day(4), 19 * DAY)
    grid = world.grid()
    assert [key for key, it in statuses(grid).items() if it == "stale"] == [day(4)]
    (newer,) = cell(grid, day(4)).newer
    assert (newer.input, newer.key, newer.at) == (world.raw, day(4), at(19 * DAY))
    world.update(world.mart, day(4), 20 * DAY)
    assert grid.counts[PartitionStatus.STALE] == 1
    assert world.grid().counts[PartitionStatus.STALE] == 0


def test_hours_make_their_day_stale_and_a_month_all_of_its_days(world: World) -> None:
    world.write(range(20), world.mart)
    for hour in range(24):
        world.update(world.raw, f"{day(3)}-{hour:02}:00", 3 * DAY)
    assert world.grid().counts[PartitionStatus.STALE] == 0
    world.update(world.raw, f"{day(3)}-07:00", 19 * DAY)
    grid = world.grid()
    assert [key for key, it in statuses(grid).items() if it == "stale"] == [day(3)]
    assert cell(grid, day(3)).newer[0].key == f"{day(3)}T07"


def test_a_month_that_was_updated_makes_its_days_stale(world: World) -> None:
    world.write(range(40), world.mart)
    world.update(world.raw, f"{START:%Y-%m}", 60 * DAY)
    stale = [key for key, it in statuses(world.grid(at(50 * DAY))).items() if it == "stale"]
    assert stale == [day(n) for n in range(40) if day(n).startswith(f"{START:%Y-%m}")]


def test_regions_are_told_apart(world: World) -> None:
    for number in range(10):
        for region in ("eu", "us"):
            if (number, region) != (5, "us"):
                when = (number + 1) * DAY + NIGHT
                world.update(world.mart, f"{day(number)}|{region}", when)
                world.update(world.raw, f"{day(number)}|{region}", when)
    world.update(world.raw, f"{day(2)}|eu", 19 * DAY)
    grid = world.grid(at(10 * DAY + NIGHT))
    told = {key: it for key, it in statuses(grid).items() if it != "complete"}
    assert told == {f"{day(2)}|eu": "stale", f"{day(5)}|us": "missing"}


def test_what_is_no_time_is_shown_and_never_missing(world: World) -> None:
    for key in ("de", "fr"):
        world.update(world.mart, key, 1)
        world.update(world.raw, key, 2 if key == "fr" else 0)
    assert statuses(world.grid()) == {"fr": "stale", "de": "complete"}
    assert world.grid(since=at(0)).cells == []


def test_without_keys_an_update_is_for_the_time_its_run_is_called_by(
    world: World, db: Database
) -> None:
    for number in range(3):
        run = world.run(
            number * DAY, end=number * DAY + 1, nominal_start=at(number * DAY - 360),
            nominal_end=at((number + 1) * DAY - 360),
        )  # fmt: skip
        with db.writing() as connection:
            world.build.connection = connection
            world.build.update(world.mart, run, when=number * DAY + 1)
    assert statuses(world.grid()) == {day(n): "complete" for n in range(3)}


def test_only_those_that_begin_in_a_time_and_as_often_as_is_told(world: World) -> None:
    world.write([0, 1, 3, 4], world.mart)
    assert statuses(world.grid()) == {day(n): "complete" for n in (0, 1, 3, 4)}  # too few
    told = statuses(world.grid(every=Every.DAY, since=at(DAY - 360), until=at(4 * DAY - 360)))
    assert told == {day(1): "complete", day(2): "missing", day(3): "complete"}


def test_pages_go_from_the_latest_to_the_first_and_name_who_made_what(
    world: World, db: Database
) -> None:
    world.write(range(1, 10), world.mart)
    run = world.run(5, end=6)
    with db.writing() as connection:
        world.build.connection = connection
        world.build.update(world.mart, run, when=6, partition_key=day(0), rows=3)
    seen: list[str] = []
    page = Page(limit=4)
    while True:
        view = world.page(page)
        assert view.total_count == 10
        seen += [one.partition for one in view.partitions]
        if view.next_cursor is None:
            break
        page = Page(limit=4, after=view.next_cursor)
    assert seen == [day(n) for n in reversed(range(10))]
    made = view.partitions[-1].run
    assert made is not None
    assert (made.job.name, made.attempt, made.state) == ("load", 1, "COMPLETED")
    assert (view.every, view.timezone) == (Every.DAY, "UTC")


def test_what_a_team_keeps_to_itself_is_neither_named_nor_counted(
    world: World, db: Database
) -> None:
    world.write(range(10), world.mart)
    world.update(world.raw, day(4), 19 * DAY)
    run = world.run(5, end=6)
    with db.writing() as connection:
        world.build.connection = connection
        world.build.update(world.mart, run, when=25 * DAY, partition_key=day(9))
        team = world.build.team("secret")
        connection.execute(update(t.dataset).where(t.dataset.c.id == world.raw).values(team=team))
        connection.execute(update(t.job).where(t.job.c.id == world.job).values(team=team))
    theirs, ours = Viewer(teams=frozenset({"secret"})), Viewer(teams=frozenset({"other"}))
    assert world.grid(viewer=theirs).counts[PartitionStatus.STALE] == 1
    assert world.grid(viewer=ours).counts[PartitionStatus.STALE] == 0
    assert world.page(Page(limit=1), theirs).partitions[0].run is not None
    assert world.page(Page(limit=1), ours).partitions[0].run is None


def test_a_backfill_asks_for_some_by_whatever_name(world: World, db: Database) -> None:
    world.write(range(10), world.mart)
    world.run(12 * DAY, end=12 * DAY + 1, state="FAILED", partition_key=day(2))
    asked = [day(1), f"{day(2)}T00:00:00", day(33), "20261101"]
    with db.reading() as connection:
        found = statuses_of(connection, EVERYBODY, world.mart, asked, Wanted(NOW))
    told = {key: one.status.value for key, one in found.items()}
    assert told == {
        day(1): "complete",
        f"{day(2)}T00:00:00": "failed",
        day(33): "missing",
        "20261101": "missing",
    }


def test_a_job_misses_the_partitions_that_its_schedule_demands(world: World, db: Database) -> None:
    with db.writing() as connection:
        world.build.connection = connection
        world.build.schedule(world.job, "0 0 * * *")
        world.build.observe(world.orchestrator)
        connection.execute(update(t.watermark).values(complete_to=at(5 * DAY)))
    for number in (1, 2, 4):
        midnight = number * DAY - 360
        world.run(midnight + 5, end=midnight + 6, nominal_start=at(midnight))
    world.run(5 * DAY - 350, nominal_start=at(5 * DAY - 360))
    grid = world.job_grid()
    midnights = [f"{day(n)}T00:00:00Z" for n in range(1, 6)]
    assert list(statuses(grid).values()) == [
        "complete", "complete", "missing", "complete", "running",
    ]  # fmt: skip
    assert list(statuses(grid)) == midnights  # too few to say how far apart they are
    assert list(statuses(world.job_grid(every=Every.DAY))) == [day(n) for n in range(1, 6)]


def test_a_jobs_partition_is_stale_when_what_it_reads_came_later(world: World) -> None:
    for number in range(10):
        world.run(number * DAY, end=number * DAY + 5, partition_key=day(number))
    world.update(world.raw, day(3), 15 * DAY)
    world.run(16 * DAY, end=16 * DAY + 1, state="FAILED", partition_key=day(5))
    told = statuses(world.job_grid(at(9 * DAY)))
    assert {key: it for key, it in told.items() if it != "complete"} == {
        day(3): "stale",
        day(5): "failed",
    }
