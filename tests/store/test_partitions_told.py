"""What an orchestrator says of partitions and of its own backfills, beside what happened."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert

from hub.model import RunState
from hub.schedules.grids import PartitionStatus
from hub.store import tables as t
from hub.store.db import Database
from hub.store.orchestrators import get_orchestrator
from hub.store.partition_status import Grid, Wanted, dataset_grid
from hub.store.partitions_told import pack
from hub.store.runs import latest_runs
from tests.support.build import EVERYBODY, Build, at
from tests.support.recording import Recording, answer, observation, run_event

DAY = 1440
TOLD = at(100)


class World:
    """A job `load` within a Dag `whole`, which writes `mart`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        with db.writing() as connection:
            self.build = build = Build(connection)
            self.whole = build.job("whole")
            self.job = build.job("load", parent_job_id=self.whole)
            self.mart = build.dataset("mart")
            build.writes(self.job, self.mart)

    def tell(self, *, truncated: bool = False, **statuses: list[str]) -> None:
        told = {status: tuple(statuses.get(status.value, ())) for status in PartitionStatus}
        row = {"dataset_id": self.mart, "definition": "", "truncated": truncated}
        with self._db.writing() as connection:
            row |= {"statuses": pack(told), "at": TOLD}
            connection.execute(insert(t.partitions_told).values(row))

    def update(self, key: str, when: float) -> None:
        with self._db.writing() as connection:
            self.build.connection = connection
            self.build.update(self.mart, when=when, partition_key=key)

    def run(self, job: int, key: str, start: float, **values: Any) -> None:
        with self._db.writing() as connection:
            self.build.connection = connection
            self.build.run(job, start=start, partition_key=key, **values)

    def grid(self) -> Grid:
        with self._db.reading() as connection:
            return dataset_grid(connection, EVERYBODY, self.mart, Wanted(at(110)))

    @property
    def statuses(self) -> dict[str, str]:
        return {cell.place.key: cell.status.value for cell in self.grid().cells}


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


def test_partitions_of_which_nothing_was_heard_stand_as_their_orchestrator_says(
    world: World,
) -> None:
    world.tell(complete=["de"], failed=["fr"], running=["it"], missing=["us"])
    assert world.statuses == {"de": "complete", "fr": "failed", "it": "running", "us": "missing"}


def test_what_was_heard_before_gives_way_to_what_the_orchestrator_says(world: World) -> None:
    for key in ("de", "fr", "us"):
        world.update(key, 90)
    world.run(world.job, "de", 95, end=97, state=RunState.FAILED)
    world.tell(complete=["de"], failed=["fr"], missing=["us"])
    assert world.statuses == {"de": "complete", "fr": "failed", "us": "missing"}


def test_what_happens_after_it_has_said_so_counts(world: World) -> None:
    world.tell(complete=["de"], missing=["us"], failed=["fr"])
    for key in ("us", "fr"):
        world.update(key, 105)
    world.run(world.job, "de", 104, end=106, state=RunState.FAILED)
    assert world.statuses == {"us": "complete", "fr": "complete", "de": "failed"}


def test_a_run_of_the_whole_says_nothing_of_a_partition_that_the_orchestrator_knows(
    world: World,
) -> None:
    for key in ("us", "mx"):
        world.run(world.whole, key, 104, end=106, state=RunState.FAILED)
    world.tell(missing=["us"])
    assert world.statuses == {"us": "missing", "mx": "failed"}


def test_where_all_are_named_no_other_is_missing(world: World) -> None:
    days = [f"2026-11-{day:02}" for day in range(1, 21) if day != 9]
    for day in days:
        world.update(day, 50)
    assert world.statuses["2026-11-09"] == "missing"
    world.tell(complete=days)
    assert "2026-11-09" not in world.statuses


def test_where_some_are_named_others_may_be_missing(world: World) -> None:
    days = [f"2026-11-{day:02}" for day in range(1, 21) if day != 9]
    for day in days:
        world.update(day, 50)
    world.tell(complete=days, truncated=True)
    assert world.statuses["2026-11-09"] == "missing"


# -- through the recorder --------------------------------------------------------------------------


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def test_the_latest_word_on_the_partitions_of_a_dataset_holds(
    db: Database, record: Recording
) -> None:
    body = {"type": "partitions", "dataset": {"namespace": "db", "name": "mart"}}
    for minute, status in ((5, "failed"), (9, "complete"), (7, "missing")):
        record(observation(body | {status: ["de"], "observed_at": at(minute).isoformat()}))
    (dataset,) = record.one("SELECT id FROM dataset")
    with db.reading() as connection:
        grid = dataset_grid(connection, EVERYBODY, dataset, Wanted(at(10)))
    assert {cell.place.key: cell.status for cell in grid.cells} == {"de": PartitionStatus.COMPLETE}


def test_a_run_tells_its_backfill_and_how_that_stands(db: Database, record: Recording) -> None:
    record(run_event("START", 0, 1, run_facets=answer("STARTED", naturalId="r", backfill="bf")))
    (job, name) = record.one(
        "SELECT r.job_id, o.name FROM run r JOIN orchestrator o ON o.id = r.orchestrator_id"
    )
    told = {"type": "backfill", "natural_id": "bf", "about": "orders", "partitions": 3}
    for minute, state in ((1, "REQUESTED"), (2, "COMPLETED")):
        told |= {"state": state, "observed_at": at(minute).isoformat()}
        record(observation(told, of=name))
    with db.reading() as connection:
        (run,) = latest_runs(connection, EVERYBODY, [job], 1)[job]
        (shown,) = get_orchestrator(connection, name).backfills
    assert (run.backfill, run.backfill_state) == ("bf", "COMPLETED")
    assert (shown.natural_id, shown.state, shown.about) == ("bf", "COMPLETED", "orders")


def test_a_run_tells_its_backfill_by_the_tag_that_dagster_gives_it(record: Recording) -> None:
    tags = {"tags": [{"key": "dagster/backfill", "value": "bf", "source": "DAGSTER"}]}
    record(run_event("START", 0, 1, run_facets={"tags": tags}))
    assert record.one("SELECT backfill FROM run") == ("bf",)
