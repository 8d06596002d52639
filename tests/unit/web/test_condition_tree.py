"""A condition as it is drawn: what is there, what is awaited, and why."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.model import EntityName
from hub.store.schema_history import SchemaView
from hub.triggers.conditions import Arrival, parse
from hub.triggers.conditions.standing import Asked, Soil, grown
from hub.web.condition_tree import drawn, outline, timing
from hub.web.editor import read
from hub.web.schema_changes import changes_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
A, B = EntityName("shop", "a"), EntityName("shop", "b")


class Nothing:
    def gate(self, *_: object) -> object:
        raise AssertionError("no gate is asked for")

    def lacking(self, *_: object) -> None:
        return None

    def last_metric(self, *_: object) -> None:
        return None


def test_what_arrived_and_what_is_awaited_is_marked() -> None:
    condition = parse("all(shop/a, any(shop/b, shop/c))")
    came = {A: [Arrival(1, A, "", NOW, source_partition="2026-11-29")]}
    tree = drawn(grown(condition.when, Soil(came, Asked(Nothing()), NOW)))  # type: ignore[arg-type]
    assert (tree.told, tree.state) == ("all of these 2: 1 of 2 there", "awaited")
    first, second = tree.parts
    assert (first.told, first.state, first.href) == (
        "shop/a",
        "there",
        "dataset?namespace=shop&name=a",
    )
    assert first.came[0].partition == "2026-11-29"
    assert [one.state for one in second.parts] == ["awaited", "awaited"]


def test_the_outline_of_a_condition_tells_of_no_state() -> None:
    tree = outline(parse("2 of (shop/a, shop/b, shop/c) within 1h").when)
    assert tree.told == "2 of these 3 within 1 h of each other"
    assert {one.state for one in tree.parts} == {None}


def test_times_are_told_in_words() -> None:
    told = timing(parse("shop/a debounce 5m by 07:00 Europe/Berlin"))
    assert told == [
        "once no update has come for 5 min",
        "by 07:00 Europe/Berlin with what is there",
    ]


def test_a_mistake_is_pointed_at() -> None:
    found = read("all(shop/a,\n  oops)")
    assert found.mistake is not None
    assert found.mistake.text.startswith("line 2, column 3: ")
    assert found.mistake.pointed == "  oops)\n  ^"


def test_a_text_that_can_be_read_has_no_mistake() -> None:
    found = read("  all( shop/a , shop/b )")
    assert (found.mistake, found.plain) == (None, "all(shop/a, shop/b)")


def test_changes_of_columns_are_what_came_went_and_changed() -> None:
    old = SchemaView(NOW, {"id": "int", "name": "text", "gone": None})
    new = SchemaView(NOW, {"id": "bigint", "name": "text", "more": "date"})
    (change,) = changes_of([new, old])
    assert (change.added, change.removed) == (["more"], ["gone"])
    assert change.retyped == [("id", "int", "bigint")]
    assert changes_of([old, old]) == []
