"""Names that mean the same dataset, also when both had a past of their own."""

from __future__ import annotations

from itertools import permutations

import pytest
from sqlalchemy import update

from hub.model import Viewer
from hub.store import tables
from hub.store.datasets import list_datasets
from hub.store.db import Database
from hub.store.reading import Page
from hub.store.search import Query, search
from tests.support.build import EVERYBODY
from tests.support.normal_form import normal_form
from tests.support.recording import (
    Recording,
    dataset,
    dataset_event,
    micros,
    observation,
    output,
    run_event,
)


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def linked(name: str, *aliases: str, **facets: object) -> dict:
    identifiers = [{"namespace": "db", "name": alias, "type": "TABLE"} for alias in aliases]
    return dataset(name, symlinks={"identifiers": identifiers}, **facets)


def meaning(record: Recording) -> dict[str, str]:
    rows = record.rows(
        "SELECT d.name, coalesce(c.name, d.name) FROM dataset d"
        " LEFT JOIN dataset c ON c.id = d.canonical_id"
    )
    return {row[0]: row[1] for row in rows}


def test_a_symlink_means_the_dataset_that_names_it(record: Recording) -> None:
    record(run_event("COMPLETE", 1, 1, outputs=[linked("s3/orders", "hive.orders")]))
    record(run_event("COMPLETE", 2, 2, job="read", inputs=["hive.orders"]))
    assert meaning(record) == {"s3/orders": "s3/orders", "hive.orders": "s3/orders"}
    assert record.one("SELECT count(DISTINCT dataset_id) FROM edge") == (1,)
    assert record.changes().count("dataset_created") == 1
    assert record.one("SELECT value FROM counter WHERE name = 'datasets'") == (1,)


def test_a_name_that_means_another_dataset_is_not_counted_also_if_it_was_hidden(
    record: Recording,
) -> None:
    record(run_event("COMPLETE", 1, 1, outputs=["hive.orders"]))
    with record.db.writing() as connection:
        connection.execute(update(tables.dataset).values(hidden=True))
    record(dataset_event(2, linked("s3/orders", "hive.orders")))
    assert meaning(record)["hive.orders"] == "s3/orders"
    for viewer in (EVERYBODY, Viewer()):
        with record.db.reading() as connection:
            for within in (None, "db"):
                found = list_datasets(connection, viewer, Page(), within=within)
                assert (len(found.items), found.total) == (1, 1)


HISTORY = [
    run_event("COMPLETE", 1, 1, outputs=[output("hive.orders", rows=3, documentation={"description": "old"})]),
    run_event("COMPLETE", 9, 2, outputs=[output("hive.orders", rows=5, documentation={"description": "new"})]),
    run_event("COMPLETE", 5, 3, job="read", inputs=["s3/orders"]),
    run_event(
        "COMPLETE", 6, 4, job="copy",
        inputs=[linked("s3/orders", "hive.orders", documentation={"description": "between"}, schema={"fields": [{"name": "a"}]})],
    ),
]  # fmt: skip


@pytest.mark.parametrize("events", list(permutations(HISTORY)))
def test_all_that_two_names_had_belongs_to_the_one_dataset(
    record: Recording, events: tuple[dict, ...]
) -> None:
    record.each(events)
    assert record.one(
        "SELECT name, description, last_update_at FROM dataset WHERE canonical_id IS NULL"
    ) == ("s3/orders", "new", micros(9))
    (kept,) = record.one("SELECT id FROM dataset WHERE canonical_id IS NULL")
    for table in ("edge", "run_dataset", "dataset_update", "dataset_schema", "dataset_facet"):
        assert record.rows(f"SELECT DISTINCT dataset_id FROM {table}") == [(kept,)], table
    assert record.rows("SELECT rows FROM dataset_update ORDER BY at") == [(3,), (5,)]
    versions = record.rows(
        "SELECT v.inputs, v.outputs FROM job j JOIN job_version v ON v.id = j.version_id ORDER BY j.name"
    )
    assert versions == [(f"[{kept}]", "[]"), ("[]", f"[{kept}]"), (f"[{kept}]", "[]")]
    assert record.one("SELECT sum(value) FROM counter WHERE name = 'datasets'") == (1,)


def test_a_merged_dataset_is_found_by_either_name(record: Recording) -> None:
    record.each(HISTORY)
    with record.db.reading() as connection:
        for word in ("hive", "s3"):
            hits = search(connection, EVERYBODY, Query([word], word))
            assert [hit.name for hit in hits.items] == ["s3/orders"]


CHAIN = [
    dataset_event(1, linked("a", "b")),
    dataset_event(2, linked("b", "c")),
    dataset_event(3, linked("c", "d")),
]


@pytest.mark.parametrize("events", list(permutations(CHAIN)))
def test_links_of_links_mean_the_first(record: Recording, events: tuple[dict, ...]) -> None:
    record.each(events)
    assert meaning(record) == dict.fromkeys("abcd", "a")


@pytest.mark.parametrize(
    "pairs", [["bc", "ac"], ["ac", "bc"], ["ab", "ba", "bc"], ["bc", "ba", "ab"]]
)
def test_of_names_with_an_equal_claim_the_first_by_name_holds(
    record: Recording, pairs: list[str]
) -> None:
    record.each(dataset_event(1, linked(*pair)) for pair in pairs)
    assert set(meaning(record).values()) == {"a"}


def test_a_merge_is_not_forgotten_between_batches(db: Database, record: Recording) -> None:
    """The recorder remembers rows from batch to batch where nobody else writes."""
    record(dataset_event(1, linked("b", "c")))
    record(dataset_event(2, linked("a", "b")))
    record(run_event("COMPLETE", 3, 1, outputs=["c"]))
    assert record.rows("SELECT d.name FROM edge e JOIN dataset d ON d.id = e.dataset_id") == [
        ("a",)
    ]
    before = normal_form(db)
    assert Recording(db)(run_event("COMPLETE", 3, 1, outputs=["c"]))[0].new is False  # type: ignore[union-attr]
    assert normal_form(db) == before


def test_a_freshness_policy_and_tags_of_people_move_along(record: Recording) -> None:
    seen = {
        "type": "freshness_policy",
        "dataset": {"namespace": "db", "name": "b"},
        "max_lag_s": 60,
        "observed_at": "2026-11-23T10:00:00Z",
    }
    record(observation(seen))
    (number,) = record.one("SELECT id FROM dataset")
    with record.db.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO dataset_tag (dataset_id, field, tag, value, origin)"
            f" VALUES ({number}, '', 'gold', 'gold', 'user')"
        )
    record(dataset_event(1, linked("a", "b")))
    for table in ("freshness_policy", "dataset_tag"):
        owner = f"SELECT d.name FROM {table} t JOIN dataset d ON d.id = t.dataset_id"
        assert record.rows(owner) == [("a",)], table
