"""Input that could not be understood or stored is kept, within a bound."""

from __future__ import annotations

import os

import pytest
from msgspec.structs import replace

from hub.record import DeadLetter
from hub.store.db import Database
from tests.support.recording import START, Recording


def letter(number: int, size: int = 1000, found: str = "nonsense") -> DeadLetter:
    return DeadLetter(
        door="lineage",
        payload=os.urandom(size),
        size=size,
        code="bad-input",
        path=f"$[{number}]",
        found=found,
        expected="sense",
        received_at=START + number,
    )


def held(record: Recording) -> tuple[int, int]:
    """How many there are, and their bytes."""
    return record.one("SELECT count(*), coalesce(sum(length(payload)), 0) FROM dead_letter")


def test_a_dead_letter_is_kept_as_it_came(db: Database) -> None:
    record = Recording(db)
    sent = letter(1)
    record(sent)
    columns = "door, payload, size, code, path, found, expected, received_at"
    assert record.one(f"SELECT {columns} FROM dead_letter") == (
        "lineage", sent.payload, 1000, "bad-input", "$[1]", "nonsense", "sense", START + 1,
    )  # fmt: skip


@pytest.mark.parametrize("at_once", [1, 7, 200])
def test_the_oldest_make_room_before_the_bound_is_passed(db: Database, at_once: int) -> None:
    record = Recording(db, dead_letter_max_bytes=100_000)
    for start in range(0, 400, at_once):
        record(*(letter(number) for number in range(start, min(start + at_once, 400))))
        assert held(record)[1] <= 100_000
    assert held(record)[0] > 0
    newest = record.one("SELECT max(received_at) FROM dead_letter")
    assert newest == (START + 399,)


def test_the_bound_holds_after_a_restart(db: Database) -> None:
    Recording(db, dead_letter_max_bytes=100_000)(*(letter(n) for n in range(90)))
    again = Recording(db, dead_letter_max_bytes=50_000)
    again(letter(91))
    assert held(again)[1] <= 50_000


def test_making_room_takes_no_more_than_it_must(db: Database) -> None:
    record = Recording(db, dead_letter_max_bytes=100_000)
    record(*(letter(number) for number in range(300)))
    assert held(record)[1] > 80_000


@pytest.mark.parametrize("found", ["a\x00b", "\ud800", "\U0001f600"])
def test_what_an_engine_refuses_in_a_text_is_replaced(db: Database, found: str) -> None:
    record = Recording(db)
    record(letter(1, found=found))
    assert held(record)[0] == 1


def test_a_letter_with_a_key_is_kept_once_however_often_it_comes(db: Database) -> None:
    record, sent = Recording(db), replace(letter(1), key=b"\0\0\0\1" + b"k" * 16)
    record(sent, letter(2), letter(2))
    record(sent)
    Recording(db)(sent)
    assert held(record)[0] == 3
