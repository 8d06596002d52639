"""Columns that are gone or have another type, until they are back or nobody minds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.model import EntityName
from hub.rules.base import DatasetSeen, Judgement, Status, UpdateSeen
from hub.rules.schema_change import SchemaChange, Tolerance

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCHEMAS: dict[int, dict[str, str | None]] = {
    1: {"id": "int", "email": "text"},
    2: {"id": "int"},
    3: {"id": "text", "email": "text"},
    4: {"id": "int", "email": "text", "age": "int"},
    5: {"ID": "INT", "Email": "TEXT"},
    6: {"id": None, "email": "text"},
    7: {"id": "int", "age": "int"},
    8: {},
}


def look(
    *schemas: int | None, at: float = 0, open_keys: tuple[str, ...] = (), **own: Any
) -> Judgement:
    """The schemas of updates, the latest last, an hour apart up to noon; `at`: hours after it."""
    updates = [
        UpdateSeen(n, NOON - n * HOUR, schema_id=schema)
        for n, schema in enumerate(reversed(schemas))
    ]
    several = len({one for one in schemas if one}) > 1
    seen = DatasetSeen(
        EntityName("db", "mart"),
        updates=updates,
        schemas=SCHEMAS if several else {},
        open=frozenset(open_keys),
    )
    return SchemaChange(Tolerance(**own)).judge(seen, NOON + at * HOUR)


def reasons(judgement: Judgement) -> list[str]:
    return [
        one.reason.partition(" has ")[2]
        for one in judgement.verdicts
        if one.status is Status.VIOLATED
    ]


def over(judgement: Judgement) -> list[str]:
    return [one.reason for one in judgement.verdicts if one.status is Status.OK]


def key(before: int, after: int, hours: float) -> str:
    return f"{before}>{after}@{(NOON + hours * HOUR).isoformat()}"


@pytest.mark.parametrize(
    ("schemas", "told"),
    [
        ((1, 2), ["lost the column email"]),
        ((1, 3), ["another type of the column id (int -> text)"]),
        ((1, 7), ["lost the column email; a new column age"]),
        ((1, 4), []),
        ((1, 5), []),  # the same, in other letters
        ((1, 6), []),  # a type that nobody tells
        ((1, 8), []),  # no schema
        ((1, 1), []),
        ((1, None), []),
        ((None, None), []),
    ],
)
def test_what_breaks_readers_is_told(schemas: tuple[int | None, ...], told: list[str]) -> None:
    assert reasons(look(*schemas)) == told


def test_columns_that_only_came_are_told_where_that_is_asked_for() -> None:
    assert reasons(look(1, 4, also_additive=True)) == ["a new column age"]


def test_it_is_told_until_a_day_has_passed() -> None:
    judgement = look(1, 2, 2, 2, at=20)
    assert judgement.verdicts[0].since == NOON - 2 * HOUR
    assert judgement.due_at == NOON + 22 * HOUR
    assert judgement.verdicts[0].columns == ("email",)
    assert over(look(1, 2, 2, 2, at=22)) == ["it has stayed so since 2026-11-25 10:00 UTC"]
    assert over(look(1, 2, at=1, hold_s=3600)) != []


def test_it_is_over_when_what_was_broken_is_back() -> None:
    told = look(1, 2, 1, open_keys=(key(1, 2, -1),))
    assert over(told) == ["the schema is again what it was"]
    told = look(1, 2, 4, open_keys=(key(1, 2, -1),))
    assert over(told)[0] == "nothing is missing any more"


def test_a_change_that_does_not_repair_it_leaves_it_open() -> None:
    assert reasons(look(1, 2, 7, open_keys=(key(1, 2, -1),))) == ["lost the column email"]


def test_schemas_that_alternate_are_no_change_after_the_first() -> None:
    for schemas in ((1, 2, 1, 2, 1), (1, 2, 1, 2), (2, 1, 2), (1, 1, 2, 1, 2)):
        assert reasons(look(*schemas)) == []
    told = look(1, 2, 1, 2, open_keys=(key(1, 2, -2),))
    assert over(told) == ["the schema goes back and forth"]


def test_one_that_is_older_than_what_is_seen_goes_on_until_its_day_is_over() -> None:
    old = key(1, 2, -20)
    assert look(2, 2, 2, open_keys=(old,)) == Judgement((), NOON + 4 * HOUR)
    assert over(look(2, 2, 2, at=4, open_keys=(old,))) != []
    assert over(look(1, 1, 1, open_keys=(old,))) == ["the schema is again what it was"]


def test_many_columns_are_counted() -> None:
    SCHEMAS[20] = {f"c{n}": "int" for n in range(9)}
    SCHEMAS[21] = {"c8": "int"}
    assert reasons(look(20, 21)) == ["lost 8 columns: c0, c1, c2 and 5 more"]
