"""What is understood but can't be stored: it is parked alone, the rest of its batch is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from hub.model import BacklogObserved
from hub.record import (
    Accepted,
    Incoming,
    IncomingEvent,
    IncomingObservation,
    Outcome,
    Recorder,
    Refused,
)
from hub.record.batch import Batch
from hub.store.db import Database
from hub.store.writer import Writer
from tests.support.normal_form import normal_form
from tests.support.recording import START, Recording, empty, incoming, run_event

Writing = Writer[Incoming, Outcome]
NAMES = [f"d{number}" for number in range(7)]


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged is not rendered: a traceback with its locals would take seconds."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def writer(db: Database) -> Iterator[Writing]:
    made: Writing = Writer(db, Recorder(db))
    made.start()
    yield made
    made.stop()


def many(count: int = 500) -> list[IncomingEvent]:
    return [
        incoming(run_event("COMPLETE", n % 50, n, job=f"j{n % 5}", outputs=[NAMES[n % 7]]))
        for n in range(1, count + 1)
    ]


def poisoned(item: IncomingEvent, **facts: Any) -> IncomingEvent:
    """The event with facts in its run that no decoder would let through."""
    assert item.event.run is not None
    run = msgspec.structs.replace(item.event.run, **facts)
    return msgspec.structs.replace(item, event=msgspec.structs.replace(item.event, run=run))


POISON: dict[str, dict[str, Any]] = {
    "NUL": {"natural_id": "a\x00b"},
    "lone surrogate": {"natural_id": "a\ud800"},
    "overflow": {"attempt": 2**70},
    "what the fold can't take": {"attempt": "many"},
}


@pytest.mark.parametrize(
    ("poison", "where"), [*((poison, 251) for poison in POISON), ("overflow", 0), ("NUL", 499)]
)
def test_the_culprit_of_five_hundred_is_parked_alone(
    db: Database, writer: Writing, poison: str, where: int
) -> None:
    if db.is_sqlite and poison == "NUL":
        pytest.skip("SQLite stores a NUL as it is")
    items = many()
    items[where] = poisoned(items[where], **POISON[poison])
    outcomes = writer.record(items)
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Refused)] == [where]
    read = Recording(db)
    letters = read.rows("SELECT door, code, payload FROM dead_letter")
    assert letters == [("lineage", "not-storable", items[where].payload)]
    found = normal_form(db)
    empty(db)
    Recording(db).batch([item for n, item in enumerate(items) if n != where])
    assert found == normal_form(db)
    assert writer.alive


def test_what_was_parked_is_taken_when_it_comes_well(db: Database, writer: Writing) -> None:
    (item,) = many(1)
    assert isinstance(writer.record([poisoned(item, attempt=2**70)])[0], Refused)
    assert writer.record([item]) == [Accepted(new=True)]


def test_a_bug_in_the_fold_parks_what_it_meets(
    db: Database, writer: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = Batch.apply

    def stumble(batch: Batch, item: IncomingEvent) -> None:
        if item.event.job and item.event.job.name.name == "j3":
            raise ZeroDivisionError("a bug")
        apply(batch, item)

    monkeypatch.setattr(Batch, "apply", stumble)
    outcomes = writer.record(many(20))
    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, Refused)]
    assert reasons == ["ZeroDivisionError: 'a bug'"] * 4
    assert Recording(db).one("SELECT count(*) FROM dead_letter") == (4,)


def test_an_observation_is_parked_as_it_can_be_replayed(db: Database, writer: Writing) -> None:
    seen = BacklogObserved("pool", 2**70, datetime(2026, 11, 23, tzinfo=UTC))
    outcomes = writer.record([*many(3), IncomingObservation(seen, START, "af")])
    assert [type(outcome) for outcome in outcomes] == [Accepted] * 3 + [Refused]
    assert Recording(db).one("SELECT door, orchestrator FROM dead_letter") == ("observations", "af")


def test_numbers_are_not_given_twice_after_a_batch_was_rolled_back(
    db: Database, writer: Writing
) -> None:
    """Blocks of numbers are taken within the batch on SQLite; a rollback takes them back."""
    items = many(10)
    writer.record([poisoned(items[0], attempt=2**70)])
    writer.record(items[1:5])
    again: Writing = Writer(db, Recorder(db))  # as after a restart
    again.start()
    assert all(isinstance(outcome, Accepted) for outcome in again.record(items[5:]))
    again.stop()


def test_changes_are_numbered_without_a_gap_around_poison(db: Database, writer: Writing) -> None:
    items = many(100)
    items[50] = poisoned(items[50], attempt=2**70)
    writer.record(items)
    writer.record(many(150))
    numbers = Recording(db).rows("SELECT writer_id, seq FROM change ORDER BY writer_id, seq")
    assert len({writer_id for writer_id, _ in numbers}) == 1
    assert [seq for _, seq in numbers] == list(range(1, len(numbers) + 1))
