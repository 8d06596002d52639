"""Which runs read what a run made: the same by what was read and by what was made, and as quick."""

from __future__ import annotations

from typing import Any

import pytest

from hub.store import run_lineage
from hub.store.db import Database
from tests.support.build import EVERYBODY, Build

READERS = 3


def downstream(db: Database, run: int) -> list[str]:
    with db.reading() as connection:
        found = run_lineage.downstream(connection, EVERYBODY, run, 1, 100)
    return sorted(each.run.job.name for each in found[1:])


def upstream(db: Database, run: int) -> list[str]:
    with db.reading() as connection:
        found = run_lineage.upstream(connection, EVERYBODY, run, 1, 100)
    return sorted(each.run.job.name for each in found[1:])


def made(build: Build, name: str, dataset: int, when: float, partition: str = "") -> int:
    run = build.run(build.job(name), start=when - 1, end=when)
    build.io(run, "OUTPUT", dataset, when=when, partition_key=partition)
    build.update(dataset, run, when=when, partition_key=partition)
    return run


def read(build: Build, name: str, dataset: int, when: float, partition: str = "") -> int:
    run = build.run(build.job(name), start=when - 1, end=when)
    build.io(run, "INPUT", dataset, when=when, partition_key=partition)
    return run


def test_a_run_that_reads_what_it_then_replaces_has_read_it(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders")
        load = made(build, "load", orders, 10)
        dedupe = read(build, "dedupe", orders, 20)
        build.io(dedupe, "OUTPUT", orders, when=20)
        build.update(orders, dedupe, when=20)
        read(build, "report", orders, 30)
    assert downstream(db, load) == ["dedupe"]
    assert downstream(db, dedupe) == ["report"]
    assert upstream(db, dedupe) == ["load"]


def test_outputs_that_only_the_start_named_have_readers_too(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders")
        load = build.run(build.job("load"), start=0, end=10)
        build.io(load, "OUTPUT", orders, when=0)
        build.update(orders, load, when=10)
        read(build, "report", orders, 20)
    assert downstream(db, load) == ["report"]


def test_a_partition_is_read_until_it_is_made_again_the_whole_until_anything_is(
    db: Database,
) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders")
        monday = made(build, "monday", orders, 10, "mon")
        read(build, "all early", orders, 15)
        tuesday = made(build, "tuesday", orders, 20, "tue")
        late = read(build, "mon late", orders, 25, "mon")
        read(build, "all late", orders, 25)
        made(build, "again", orders, 30, "mon")
        read(build, "mon again", orders, 35, "mon")
    assert downstream(db, monday) == ["all early", "mon late"]
    assert downstream(db, tuesday) == ["all late"]
    assert upstream(db, late) == ["monday"]


def test_what_was_made_whole_is_read_by_partition(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders")
        whole = made(build, "whole", orders, 10)
        made(build, "monday", orders, 20, "mon")
        read(build, "mon", orders, 25, "mon")
        read(build, "tue", orders, 25, "tue")
    assert downstream(db, whole) == ["tue"]


@pytest.mark.parametrize("partition", ["", "{}"])
def test_the_cost_follows_the_answer_and_not_the_history(db: Database, partition: str) -> None:
    if not db.is_sqlite:
        pytest.skip("counts the steps of SQLite's machine")
    short, long = (_steps(db, runs, partition) for runs in (20, 400))
    assert long < short * 1.5


def _steps(db: Database, runs: int, partition: str) -> int:
    """Steps to tell who read the earliest of many versions, each of which had three readers."""
    space = f"ns{runs}"
    with db.writing() as connection:
        build = Build(connection, first_id=runs * 1000)
        orders = build.dataset("orders", space)
        load, report = build.job("load", space), build.job("report", space)
        makers = []
        for number in range(runs):
            makers.append(build.run(load, start=number, end=number))
            key = partition.format(number)
            build.io(makers[-1], "OUTPUT", orders, when=number, partition_key=key)
            build.update(orders, makers[-1], when=number, partition_key=key)
            for _ in range(READERS):
                reader = build.run(report, start=number, end=number)
                build.io(reader, "INPUT", orders, when=number + 0.5)
    return _counted(db, makers[0])


def _counted(db: Database, run: int) -> int:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with db.reading() as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(count, 1)
        found = run_lineage.downstream(connection, EVERYBODY, run, 2, 100)
        driver.set_progress_handler(None, 1)
    assert len(found) == 1 + READERS
    return steps
