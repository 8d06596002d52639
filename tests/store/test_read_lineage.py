"""The walk over jobs and datasets."""

from __future__ import annotations

import pytest

from hub.model import Viewer
from hub.store.db import Database
from hub.store.lineage import Graph, Way, walk
from tests.support.build import EVERYBODY, Build, at


class World:
    """raw -> clean -> curated, with a sibling that also reads raw."""

    def __init__(self, build: Build) -> None:
        self.raw, self.clean, self.mart, self.side = (
            build.dataset(name) for name in ("raw", "clean", "mart", "side")
        )
        self.cleaning, self.loading, self.sibling = (
            build.job(name) for name in ("cleaning", "loading", "sibling")
        )
        build.reads(self.cleaning, self.raw)
        build.writes(self.cleaning, self.clean)
        build.reads(self.loading, self.clean)
        build.writes(self.loading, self.mart)
        build.reads(self.sibling, self.raw)
        build.writes(self.sibling, self.side)


@pytest.fixture
def world(db: Database) -> World:
    with db.writing() as connection:
        return World(Build(connection))


def graph(db: Database, viewer: Viewer = EVERYBODY, **asked: object) -> Graph:
    with db.reading() as connection:
        return walk(connection, viewer, **asked)  # type: ignore[arg-type]


def test_downstream_follows_the_data_from_a_dataset(db: Database, world: World) -> None:
    found = graph(db, dataset_id=world.clean, way=Way.DOWNSTREAM)
    assert found.jobs == {world.loading}
    assert found.datasets == {world.clean, world.mart}


def test_upstream_of_a_job_leaves_out_its_outputs(db: Database, world: World) -> None:
    found = graph(db, job_id=world.loading, way=Way.UPSTREAM)
    assert found.jobs == {world.loading, world.cleaning}
    assert found.datasets == {world.clean, world.raw}


def test_both_finds_siblings_that_only_share_an_input(db: Database, world: World) -> None:
    found = graph(db, job_id=world.loading)
    assert found.jobs == {world.loading, world.cleaning, world.sibling}
    assert found.datasets == {world.raw, world.clean, world.mart, world.side}
    assert len(found.edges) == 6


def test_depth_counts_jobs_beyond_the_first(db: Database, world: World) -> None:
    assert graph(db, job_id=world.loading, depth=0).jobs == {world.loading}
    assert graph(db, job_id=world.loading, depth=1).jobs == {world.loading, world.cleaning}
    assert graph(db, dataset_id=world.raw, depth=0).jobs == {world.cleaning, world.sibling}


def test_a_cycle_ends_the_walk(db: Database, world: World) -> None:
    with db.writing() as connection:
        Build(connection).edge(world.loading, "OUTPUT", world.raw)
    found = graph(db, dataset_id=world.raw, way=Way.DOWNSTREAM, depth=1000)
    assert found.jobs == {world.cleaning, world.sibling, world.loading}


def test_the_nearest_nodes_are_kept_at_the_limit(db: Database, world: World) -> None:
    found = graph(db, job_id=world.loading, limit=4)
    assert found.truncated
    assert {world.loading, world.clean, world.mart} <= found.jobs | found.datasets
    assert len(found.jobs | found.datasets) == 4


def test_an_edge_that_the_latest_completed_run_did_not_name_is_history(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("moved", io_at=at(100))
        old, new = build.dataset("old"), build.dataset("new")
        build.writes(job, old, last=10)
        build.writes(job, new, first=100, last=100)
    assert graph(db, job_id=job).datasets == {new}
    assert graph(db, dataset_id=old).jobs == set()


def test_as_of_shows_the_edges_of_the_run_that_was_the_latest_then(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("moved", io_at=at(100))
        old, new = build.dataset("old"), build.dataset("new")
        build.writes(job, old, last=10)
        build.writes(job, new, first=100, last=100)
        build.io(build.run(job, start=5, end=10), "OUTPUT", old)
        build.io(build.run(job, start=95, end=100), "OUTPUT", new)
    assert graph(db, job_id=job, as_of=at(50)).datasets == {old}
    assert graph(db, dataset_id=old, as_of=at(50)).jobs == {job}
    assert graph(db, job_id=job, as_of=at(100)).datasets == {new}
    assert graph(db, dataset_id=new, as_of=at(50)).jobs == set()


def test_as_of_skips_runs_that_failed_or_named_nothing(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("load", io_at=at(10))
        out, broken = build.dataset("out"), build.dataset("broken")
        build.writes(job, out, last=10)
        build.io(build.run(job, start=5, end=10), "OUTPUT", out)
        build.io(build.run(job, start=20, end=21, state="FAILED"), "OUTPUT", broken)
        build.run(job, start=30, end=31)
    assert graph(db, job_id=job, as_of=at(60)).datasets == {out}


def test_what_belongs_to_a_private_team_is_seen_by_its_members_only(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.team("secret")
        shared = build.dataset("shared")
        open_job, closed_job = build.job("open"), build.job("closed", team="secret")
        build.reads(open_job, shared)
        build.reads(closed_job, shared)
    assert graph(db, Viewer(), dataset_id=shared).jobs == {open_job}
    member = Viewer(teams=frozenset({"secret"}))
    assert graph(db, member, dataset_id=shared).jobs == {open_job, closed_job}


def test_hidden_jobs_do_not_bridge(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        a, b = build.dataset("a"), build.dataset("b")
        gone = build.job("gone", hidden=True)
        build.reads(gone, a)
        build.writes(gone, b)
    assert graph(db, dataset_id=a).datasets == {a}
