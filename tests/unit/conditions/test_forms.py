"""A condition has a text that people read and write, and JSON; neither loses anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from hub.errors import BadInput
from hub.model import EntityName
from hub.triggers.conditions import Condition, from_json, inputs_of, parse, to_json, to_text
from hub.triggers.conditions.tree import Updated
from tests.support.conditions import CONDITIONS


@settings(max_examples=300)
@given(CONDITIONS)
def test_what_is_written_is_read_as_it_was(condition: Condition) -> None:
    assert parse(to_text(condition)) == condition


@settings(max_examples=300)
@given(CONDITIONS)
def test_json_is_read_as_it_was(condition: Condition) -> None:
    assert from_json(json.loads(json.dumps(to_json(condition)))) == condition


@pytest.mark.parametrize(
    "text",
    [
        "postgres://shop:5432/orders",
        "all(postgres://shop/orders, s3://lake/raw/items where rows >= 1000) within 6h",
        "all(db/a, db/b) gate(checks passed, no open incident) debounce 5m by 07:00 Europe/Berlin",
        "2 of (db/a, db/b, any(db/c, db/d) in the last 1d)",
        "db/a where partition is 2026-* and team is shop and rows > 0 in the last 1h30m",
        "ml/candidate where score > score of ml/production or 0.5",
        'any("my db"/"a, b", db/c gate(fresh within 2h)) at most 30m after the first',
        'all(db/a, db/b) cron "0 7 * * 1-5" Europe/Berlin',
        '"https://a/b"/c where tag is pii* and "tag" > 3',
    ],
)
def test_what_is_read_is_written_in_the_same_words(text: str) -> None:
    assert to_text(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "namespace", "name"),
    [
        ("postgres://shop:5432/db.public.orders", "postgres://shop:5432", "db.public.orders"),
        ("s3://lake/raw/items", "s3://lake", "raw/items"),
        ("file//tmp/x", "file", "/tmp/x"),
        ("airflow/etl.load", "airflow", "etl.load"),
        ('"https://host/a"/b', "https://host/a", "b"),
        ('s3://lake/"my items"', "s3://lake", "my items"),
        (r'"say ""\"hi\""/x', 'say "hi"', "x"),
    ],
)
def test_a_dataset_is_namespace_and_name(text: str, namespace: str, name: str) -> None:
    assert parse(text).when == Updated(EntityName(namespace, name))


def test_blanks_and_lines_make_no_difference() -> None:
    spread = "all(\n  db/a,\n  db/b where rows>=10\n)\ndebounce 5m\n"
    assert to_text(parse(spread)) == "all(db/a, db/b where rows >= 10) debounce 5m"


def test_what_follows_a_dataset_may_stand_in_any_order() -> None:
    one = parse("db/a gate(checks passed) in the last 1h where rows > 1 by 07:00 debounce 60s")
    assert to_text(one) == (
        "db/a where rows > 1 in the last 1h gate(checks passed) debounce 1m by 07:00 UTC"
    )


def test_the_inputs_are_the_datasets_it_names() -> None:
    condition = parse("all(db/a, any(db/b, db/a where rows > 1), db/c where x > y of db/d)")
    assert {name.name for name in inputs_of(condition)} == {"a", "b", "c"}


A = {"type": "updated", "dataset": {"namespace": "db", "name": "a"}}


@pytest.mark.parametrize(
    ("told", "path", "said"),
    [
        ({}, "", "missing required field `when`"),
        ({"when": {"type": "none"}}, "when.type", "Invalid value 'none'"),
        ({"when": A, "debounce": 3}, "", "unknown field `debounce`"),
        ({"when": A, "debounceS": 0}, "debounceS", "above zero"),
        ({"when": A, "by": {"at": "7"}}, "by.at", "a time of day, such as 07:00"),
        ({"when": A, "by": {"at": "07:00", "timezone": "X"}}, "by.timezone", "a time zone"),
        ({"when": A, "cron": {"expression": "x"}}, "cron.expression", "cron expression"),
        ({"when": A, "cron": {"expression": "@daily"}, "debounceS": 1}, "cron", "no debounce"),
        ({"when": {"type": "all", "of": []}}, "when.of", "one dataset"),
        ({"when": {"type": "some", "of": [A], "count": 2}}, "when.count", "from 1 to 1"),
        ({"when": {**A, "gate": {}}}, "when.gate", "checksPassed"),
        ({"when": {**A, "team": ""}}, "when.team", "a pattern"),
        ({"when": {**A, "inLastS": -1}}, "when.inLastS", "above zero"),
        ({"when": {**A, "dataset": {"namespace": "", "name": "a"}}}, "when.dataset", "a namespace"),
        (
            {"when": {**A, "bounds": [{"metric": "", "op": ">", "than": 1}]}},
            "when.bounds[0].metric",
            "a metric",
        ),
        (
            {
                "when": {
                    **A,
                    "bounds": [
                        {
                            "metric": "x",
                            "op": ">",
                            "than": {"metric": "x", "dataset": A["dataset"]},
                        }
                    ],
                }
            },
            "when.bounds[0].than.dataset",
            "another dataset",
        ),
    ],
)
def test_wrong_json_is_told_with_its_path(told: Any, path: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        from_json(told)
    assert caught.value.path == path
    assert said in str(caught.value)


def test_neither_depth_nor_number_is_without_bounds() -> None:
    deep: dict[str, Any] = dict(A)
    for _ in range(200):
        deep = {"type": "all", "of": [deep]}
    with pytest.raises(BadInput, match="at most 20 levels"):
        from_json({"when": deep})
    for _ in range(100_000):
        deep = {"type": "all", "of": [deep]}
    with pytest.raises(BadInput, match="at most 20 levels"):
        from_json({"when": deep})
    with pytest.raises(BadInput, match="at most 500"):
        from_json({"when": {"type": "all", "of": [A] * 501}})
