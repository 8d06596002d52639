"""Datasets, their versions, columns and tags, as the store shows them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from hub.errors import NotFound
from hub.model import EntityName, Viewer
from hub.record.terms import whole_words
from hub.store import datasets, tags
from hub.store.columns import ColumnId, column_graph
from hub.store.db import Database
from hub.store.reading import Page
from tests.support.build import EVERYBODY, Build, at

ORDERS = EntityName("db", "orders")
FIELDS: list[list[Any]] = [["id", "INT", "key"], ["total", "DECIMAL", None]]


def test_a_dataset_is_shown_with_columns_tags_and_its_current_version(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders", fields=FIELDS, source_name="pg", kind="TABLE")
        build.update(orders, when=1)
        tags.tag_dataset(connection, EVERYBODY, ORDERS, "gold", at(0), whole_words)
        tags.tag_dataset(connection, EVERYBODY, ORDERS, "PII", at(0), whole_words, field="id")
    with db.reading() as connection:
        shown = datasets.get_dataset(connection, EVERYBODY, ORDERS)
        listed = datasets.list_datasets(connection, EVERYBODY, Page(), within="db")
    assert [(f.name, f.type, f.tags, f.description) for f in shown.fields] == [
        ("id", "INT", ["PII"], "key"),
        ("total", "DECIMAL", [], None),
    ]
    assert (shown.tags, shown.source_name, shown.type) == (["gold"], "pg", "DB_TABLE")
    assert shown.last_modified_at == at(1)
    assert shown.current_version is not None
    assert (listed.items, listed.total) == ([shown], 1)


def test_an_alias_answers_with_what_it_stands_for_and_is_not_listed(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders")
        build.dataset("link", canonical_id=orders)
    with db.reading() as connection:
        shown = datasets.get_dataset(connection, EVERYBODY, EntityName("db", "link"))
        listed = datasets.list_datasets(connection, EVERYBODY, Page())
    assert shown.name == "orders"
    assert ([each.name for each in listed.items], listed.total) == (["orders"], 1)


def test_versions_are_updates_and_the_schema_where_there_are_none(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders", fields=FIELDS)
    with db.reading() as connection:
        (described,) = datasets.list_dataset_versions(connection, EVERYBODY, ORDERS, Page()).items
        assert [field.name for field in described.fields] == ["id", "total"]
    with db.writing() as connection:
        later = Build(connection, first_id=1000)
        run = later.run(later.job("load"), end=5)
        later.update(orders, run, when=5, rows=3, schema_id=None)
        later.update(orders, when=9, partition_key="2026-11-02")
    with db.reading() as connection:
        found = datasets.list_dataset_versions(connection, EVERYBODY, ORDERS, Page())
        newest, older = found.items
        assert found.total == 2
        assert (newest.partition, older.rows) == ("2026-11-02", 3)
        assert older.created_by_run is not None
        one = datasets.get_dataset_version(connection, EVERYBODY, ORDERS, UUID(older.version))
        assert one == older
        kept = datasets.get_dataset_version(connection, EVERYBODY, ORDERS, UUID(described.version))
        assert kept.fields == described.fields
        with pytest.raises(NotFound):
            datasets.get_dataset_version(connection, EVERYBODY, ORDERS, UUID(int=5))


def test_tags_are_put_on_and_taken_off(db: Database) -> None:
    with db.writing() as connection:
        Build(connection).dataset("orders", fields=FIELDS)
        for _ in range(2):
            tags.tag_dataset(connection, EVERYBODY, ORDERS, "gold", at(0), whole_words)
        tags.put_tag(connection, "gold", "the best", at(0))
    with db.reading() as connection:
        (listed,) = tags.list_tags(connection, EVERYBODY, Page()).items
        assert (listed.name, listed.description) == ("gold", "the best")
    with db.writing() as connection:
        tags.untag_dataset(connection, EVERYBODY, ORDERS, "gold", whole_words)
        with pytest.raises(NotFound, match="field 'nope'"):
            tags.tag_dataset(connection, EVERYBODY, ORDERS, "x", at(0), whole_words, field="nope")
    with db.reading() as connection:
        assert datasets.get_dataset(connection, EVERYBODY, ORDERS).tags == []


def test_column_lineage_goes_up_level_by_level_and_down_on_request(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        raw, clean, mart = (build.dataset(name, fields=FIELDS) for name in ("raw", "clean", "mart"))
        build.column((clean, "id"), (raw, "id"))
        build.column((mart, "id"), (clean, "id"))
        build.column((mart, "total"), (clean, "total"), subtype="AGGREGATION")

    def graph(field: str, *, depth: int = 20, downstream: bool = False) -> set[str]:
        wanted = ColumnId("db", "clean", field)
        with db.reading() as connection:
            found = column_graph(
                connection,
                EVERYBODY,
                {clean},
                {wanted},
                depth=depth,
                downstream=downstream,
                limit=1000,
            )
        return {f"{each.dataset}.{each.field}" for each in found.columns}

    assert graph("id") == {"clean.id", "raw.id"}
    assert graph("id", downstream=True) == {"clean.id", "raw.id", "mart.id"}
    assert graph("total", downstream=True) == {"clean.total", "mart.total"}
    assert graph("id", depth=1, downstream=True) == {"clean.id", "raw.id", "mart.id"}
    assert graph("id", depth=0) == set()


def test_lineage_of_the_whole_dataset_holds_for_the_column_asked_for(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        raw, clean = (build.dataset(name, fields=FIELDS) for name in ("raw", "clean"))
        build.column((clean, ""), (raw, "region"), kind="INDIRECT", subtype="FILTER")
    wanted = ColumnId("db", "clean", "id")
    with db.reading() as connection:
        found = column_graph(
            connection, EVERYBODY, {clean}, {wanted}, depth=5, downstream=False, limit=1000
        )
        (told,) = (
            datasets.get_dataset(connection, EVERYBODY, EntityName("db", "clean")).column_lineage
            or []
        )
    (behind,) = found.columns[wanted]
    assert (behind.field, behind.transformation_type) == ("region", "INDIRECT")
    assert told.name == ""


def test_columns_of_a_private_team_s_dataset_stay_unseen(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.team("secret")
        raw = build.dataset("raw", team="secret")
        orders = build.dataset("orders")
        build.column((orders, "id"), (raw, "id"))
    with db.reading() as connection:
        assert datasets.get_dataset(connection, Viewer(), ORDERS).column_lineage is None
