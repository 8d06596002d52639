"""Updates: a dataset (partition) was written. Counted once, whoever reports it and in any order."""

from __future__ import annotations

from itertools import permutations

import pytest

from hub.store.db import Database
from tests.support.recording import (
    Recording,
    dag_run,
    dataset_event,
    micros,
    output,
    run_event,
    try_of,
)

UPDATES = """SELECT d.name, u.partition_key, u.at, u.rows FROM dataset_update u
    JOIN dataset d ON d.id = u.dataset_id ORDER BY d.name, u.partition_key, u.at"""
NAMED = run_event("START", 1, outputs=["x"])
COUNTED = run_event("RUNNING", 3, outputs=[output("x", rows=7)])
DONE = run_event("COMPLETE", 5)
LATE = run_event("OTHER", 9, outputs=["x"])


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


@pytest.mark.parametrize("events", list(permutations([NAMED, COUNTED, DONE, LATE])))
def test_a_run_that_completes_updates_its_outputs_once(
    record: Recording, events: tuple[dict, ...]
) -> None:
    record.each(events)
    assert record.rows(UPDATES) == [("x", "", micros(5), 7)]
    assert record.changes().count("dataset_updated") == 1
    assert record.one("SELECT last_update_at FROM dataset") == (micros(5),)


@pytest.mark.parametrize("kind", ["FAIL", "ABORT", "RUNNING", "OTHER"])
def test_nothing_but_a_completed_run_updates(record: Recording, kind: str) -> None:
    record.each([NAMED, run_event(kind, 5, outputs=[output("x", rows=7)])])
    assert record.rows(UPDATES) == []
    assert "dataset_updated" not in record.changes()


def test_inputs_are_not_updated(record: Recording) -> None:
    record(run_event("COMPLETE", 5, inputs=["x"]))
    assert record.rows(UPDATES) == []


@pytest.mark.parametrize("late", [True, False])
def test_an_update_stays_though_its_run_was_marked_as_failed_later(
    record: Recording, late: bool
) -> None:
    events = [run_event("COMPLETE", 5, outputs=["x"]), run_event("FAIL", 7)]
    record.each(reversed(events) if late else events)
    assert [row[0] for row in record.rows(UPDATES)] == ["x"]


def test_a_failed_try_updates_nothing_and_the_next_one_once(record: Recording) -> None:
    first, second = try_of("r", 1, retries=1), try_of("r", 2, retries=1)
    record(run_event("FAIL", 1, 1, run_facets=first, outputs=[output("x", rows=3)]))
    record(run_event("COMPLETE", 5, 2, run_facets=second, outputs=[output("x", rows=7)]))
    assert record.rows(UPDATES) == [("x", "", micros(5), 7)]


def test_a_run_that_was_cleared_and_completed_again_updates_again(record: Recording) -> None:
    """Each time with its own count of rows."""
    record(run_event("COMPLETE", 1, 1, run_facets=dag_run("r"), outputs=[output("x", rows=9)]))
    again = dag_run("r", cleared=1)
    record(run_event("COMPLETE", 5, 2, run_facets=again, outputs=[output("x", rows=4)]))
    record(run_event("OTHER", 6, 1, run_facets=dag_run("r"), outputs=["x"]))
    assert [row[2:] for row in record.rows(UPDATES)] == [(micros(1), 9), (micros(5), 4)]


def partitioned(name: str, partition: str, rows: int) -> dict:
    return output(name, rows=rows, hub_dagster_asset={"partition": partition})


def test_partitions_that_one_run_writes_are_updates_of_their_own(record: Recording) -> None:
    record(run_event("START", 1, outputs=["x"]))
    record(
        run_event("COMPLETE", 5, outputs=[partitioned("x", "mon", 1), partitioned("x", "tue", 2)])
    )
    assert [(row[1], row[3]) for row in record.rows(UPDATES)] == [("mon", 1), ("tue", 2)]


@pytest.mark.parametrize("first", [True, False])
def test_a_partition_that_the_run_tells_late_takes_the_place_of_none(
    record: Recording, first: bool
) -> None:
    facets = dag_run("r", partition_key="mon")
    told = run_event("START", 1, run_facets=facets)
    done = run_event("COMPLETE", 5, outputs=[output("x", rows=2)])
    record.each([told, done] if first else [done, told])
    assert record.rows(UPDATES) == [("x", "mon", micros(5), 2)]
    assert record.changes().count("dataset_updated") == (1 if first else 2)


@pytest.mark.parametrize("change", ["CREATE", "OVERWRITE", "TRUNCATE"])
def test_a_dataset_says_itself_that_it_was_written(record: Recording, change: str) -> None:
    told = dataset_event(5, "x", lifecycleStateChange={"lifecycleStateChange": change})
    record(told)
    record({**told, "producer": "https://example.org/another"})
    assert record.rows(UPDATES) == [("x", "", micros(5), None)]
    assert record.changes() == ["dataset_created", "dataset_updated"]


@pytest.mark.parametrize("change", ["ALTER", "DROP", "RENAME"])
def test_other_changes_of_a_dataset_are_no_updates(record: Recording, change: str) -> None:
    record(dataset_event(5, "x", lifecycleStateChange={"lifecycleStateChange": change}))
    assert record.rows(UPDATES) == []
    assert record.one("SELECT lifecycle FROM dataset") == (change,)


def test_an_update_has_the_schema_that_its_run_showed(record: Recording) -> None:
    def showing(minute: float, run: int, *names: str) -> dict:
        schema = {"fields": [{"name": name} for name in names]}
        return run_event("COMPLETE", minute, run, outputs=[output("x", rows=1, schema=schema)])

    record(showing(9, 2, "a", "b"))
    record(showing(5, 1, "a"))  # arrives late
    record(run_event("COMPLETE", 12, 3, outputs=["x"]))  # shows none: what the dataset has
    found = record.rows(
        "SELECT s.fields FROM dataset_update u JOIN dataset_schema s ON s.id = u.schema_id"
        " ORDER BY u.at"
    )
    assert [row[0].count("null,null") for row in found] == [1, 2, 2]
