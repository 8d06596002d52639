"""Whatever stands in a document, it is read or refused with the path of the mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from hub import quality
from hub.errors import BadInput
from hub.openlineage.decode import decode_event
from hub.openlineage.observations import decode_observations
from hub.quality.base import Given, tools
from hub.quality.custom import read_checks

FILES = Path(__file__).parents[1] / "answers" / "quality"
GIVEN = Given("db", "x.{table}")
OTHERS: tuple[Any, ...] = (
    None, True, -1, 3, 1e300, 2**70, "", "x", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    [], [3], [[]], {}, {"a": {}}, "\x00", "y" * 5000,
)  # fmt: skip

quality.load()


def document(name: str) -> Any:
    return msgspec.json.decode((FILES / f"{name}.json").read_bytes())


DBT = {part: document(f"dbt_{part}") for part in ("manifest", "run_results", "sources")}
OWN = [{"dataset": {"namespace": "a", "name": "b"}, "name": "c", "status": "failed", "partition": "p",
        "column": "d", "severity": "warn", "expected": 1, "actual": "2", "at": "2026-11-30T00:00:00Z"}]  # fmt: skip
DOCUMENTS = {
    "dbt": DBT,
    "great-expectations": document("great_expectations_1_checkpoint"),
    "great-expectations of 0.18": document("great_expectations_018_checkpoint"),
    "great-expectations by the day": document("great_expectations_1_daily"),
    "soda": document("soda_scan"),
    "own": OWN,
}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Everything that stands in something else: where, and under which key."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def read_own(raw: bytes, _: Given) -> list[bytes]:
    return read_checks(raw, datetime(2026, 11, 30, tzinfo=UTC))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_with_something_else_in_it(name: str) -> None:
    word = name.split(maxsplit=1)[0]
    read: Callable[[bytes, Given], Any] = read_own if word == "own" else tools.get(word)
    chance = Random(name)
    whole = msgspec.json.encode(DOCUMENTS[name])
    for _ in range(400):
        told = msgspec.json.decode(whole)
        where, key = chance.choice(list(places(told)))
        if chance.random() < 0.2:
            del where[key]
        else:
            where[key] = chance.choice(OTHERS)
        _read_or_refuse(read, msgspec.json.encode(told))


def _read_or_refuse(read: Callable[[bytes, Given], Any], raw: bytes) -> None:
    try:
        found = read(raw, GIVEN)
        for event in found if isinstance(found, list) else found.events:
            decode_event(event)
        if not isinstance(found, list) and found.observations:
            decode_observations(msgspec.json.encode(found.observations))
    except BadInput as error:
        assert error.path  # noqa: PT017  which of them it is can't be known


@pytest.mark.parametrize("name", ["dbt", "great-expectations", "soda"])
@pytest.mark.parametrize("raw", [b"", b"[", b"null", b"3", b'"x"', b"\xff", b"[" * 5000, b"[{}]"])
def test_what_is_no_document(name: str, raw: bytes) -> None:
    with pytest.raises(BadInput):
        tools.get(name)(raw, GIVEN)
