"""Search by words and parts of words."""

from __future__ import annotations

import pytest

from hub.model import Viewer
from hub.store import search as store
from hub.store.db import Database
from hub.store.search import Hits, Kind, Query, Sort, search
from tests.support.build import EVERYBODY, Build, at


def find(db: Database, *words: str, viewer: Viewer = EVERYBODY, **narrowing: object) -> Hits:
    with db.reading() as connection:
        query = Query(words=words, text=" ".join(words), **narrowing)  # type: ignore[arg-type]
        return search(connection, viewer, query)


def names(hits: Hits) -> list[str]:
    return [hit.name for hit in hits.items]


def test_parts_of_words_are_found_and_all_words_must_be_there(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.job("loadDailyOrders")
        build.dataset("orders_archive")
        build.dataset("customers")
    assert set(names(find(db, "order"))) == {"loadDailyOrders", "orders_archive"}
    assert names(find(db, "rder", "dail")) == ["loadDailyOrders"]
    assert names(find(db, "rder", "cust")) == []
    assert names(find(db, "order", kind=Kind.DATASET)) == ["orders_archive"]


def test_tags_owners_namespaces_and_facets_find_too_and_say_so(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("load", "warehouse")
        build.term("job", job, "payroll", "tag")
    (by_tag,) = find(db, "payroll").items
    (by_namespace,) = find(db, "warehouse").items
    assert by_tag.found_in == ["tag"]
    assert by_namespace.found_in == ["namespace"]
    assert by_tag.node_id == "job:warehouse:load"


def test_results_are_narrowed_and_sorted(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.job("orders_b", "one", minutes=10)
        build.job("orders_a", "two", minutes=0)
    assert names(find(db, "orders")) == ["orders_a", "orders_b"]
    assert names(find(db, "orders", sort=Sort.UPDATE_AT)) == ["orders_b", "orders_a"]
    assert names(find(db, "orders", namespace="two")) == ["orders_a"]
    assert names(find(db, "orders", before=at(5))) == ["orders_a"]
    assert names(find(db, "orders", after=at(5))) == ["orders_b"]
    assert find(db, "orders", limit=1).total == 2


def test_a_frequent_word_reads_a_bounded_sample_but_a_rare_one_beside_it_finds_all(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SCAN", 5)
    with db.writing() as connection:
        build = Build(connection)
        for number in range(20):
            build.job(f"load_{'rare' if number == 17 else 'plenty'}_{number}")
    found = find(db, "load")
    assert found.capped
    assert 0 < found.total <= 5
    together = find(db, "load", "rare")
    assert (names(together), together.capped) == (["load_rare_17"], False)


def test_words_beyond_ascii_are_found_by_prefix_on_either_engine(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("x")
        build.term("job", job, "größe", "name")
        build.term("job", build.job("y"), "grove-ab", "name")
        build.term("job", build.job("z"), "GROSS", "name")
    assert names(find(db, "grö")) == ["x"]
    assert names(find(db, "grove-")) == ["y"]


def test_what_is_private_or_hidden_is_not_found(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        build.team("secret")
        build.job("orders_a", team="secret")
        build.job("orders_b", hidden=True)
        build.dataset("orders_link", canonical_id=build.dataset("orders_d", team="secret"))
    assert names(find(db, "orders", viewer=Viewer())) == []
    assert names(find(db, "orders")) == ["orders_a", "orders_d"]
