"""The one writer: group commit, isolation of what poisons a batch, overload, an orderly stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import sqlalchemy.exc
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

from hub.errors import Overloaded
from hub.store.db import Database
from hub.store.writer import Work, Writer

WAIT_S = 10


class Notes:
    """Applies numbers: each becomes a row. What is in `broken` fails, `before` may interfere."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.broken: dict[int, Exception] = {}
        self.before: Callable[[Sequence[int]], None] = lambda items: None
        self.parked: list[int] = []
        self.uncertain = 0

    def prepare(self) -> None:
        pass

    def apply(self, connection: Connection, items: Sequence[int]) -> list[str]:
        self.batches.append(list(items))
        self.before(items)
        for item in items:
            note(connection, item)
            if item in self.broken:
                raise self.broken[item]
        return [f"did {item}" for item in items]

    def committed(self) -> None:
        pass

    def rolled_back(self, *, certain: bool) -> None:
        self.uncertain += not certain

    def changed_elsewhere(self) -> None:
        self.batches.append([])

    def refused(self, connection: Connection, item: int, error: Exception) -> str:
        self.parked.append(item)
        note(connection, -item)
        return f"parked {item}"


def note(connection: Connection, number: int) -> None:
    connection.execute(
        text("INSERT INTO meta (key, value) VALUES (:key, '')"), {"key": f"n{number}"}
    )


def noted(db: Database) -> list[int]:
    with db.reading() as connection:
        keys = connection.scalars(text("SELECT key FROM meta WHERE key LIKE 'n%'")).all()
    return sorted(int(key[1:]) for key in keys)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What is logged is not rendered: a traceback with its locals would take seconds."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def notes(db: Database) -> Iterator[Notes]:
    yield Notes()
    with db.writing() as connection:
        connection.execute(text("DELETE FROM meta WHERE key LIKE 'n%'"))


@pytest.fixture
def writer(db: Database, notes: Notes) -> Iterator[Writer[int, str]]:
    made: Writer[int, str] = Writer(db, notes, max_queued_items=100, batch_items=50)
    made.start()
    yield made
    made.stop()


def hold(notes: Notes) -> threading.Event:
    """Keeps the writer in its batch until the event is set."""
    release, first = threading.Event(), [True]

    def wait(items: Sequence[int]) -> None:
        if first.pop() if first else False:
            release.wait(WAIT_S)

    notes.before = wait
    return release


def submit(writer: Writer[int, str], *items: int, size: int = 0) -> list[Any]:
    """Hands items over; what they come to is appended to the list."""
    outcomes: list[Any] = []
    writer.submit(Work(items, size, outcomes.append))
    return outcomes


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_what_is_answered_is_durable(db: Database, writer: Writer[int, str]) -> None:
    assert writer.record([1, 2]) == ["did 1", "did 2"]
    assert noted(db) == [1, 2]


def test_what_waits_becomes_one_batch(writer: Writer[int, str], notes: Notes) -> None:
    release = hold(notes)
    first = submit(writer, 1)
    until(lambda: notes.batches)
    others = [submit(writer, n, n + 100) for n in range(2, 12)]
    release.set()
    until(lambda: all(others))
    assert first == [["did 1"]]
    assert others[0] == [["did 2", "did 102"]]
    assert [len(batch) for batch in notes.batches] == [1, 20]


def test_a_request_larger_than_a_batch_is_written_in_several(
    db: Database, writer: Writer[int, str], notes: Notes
) -> None:
    assert len(writer.record(list(range(1, 121)))) == 120
    assert [len(batch) for batch in notes.batches] == [50, 50, 20]
    assert len(noted(db)) == 120


@pytest.mark.parametrize("where", [1, 7, 25, 50])
def test_only_the_culprit_is_parked(
    db: Database, writer: Writer[int, str], notes: Notes, where: int
) -> None:
    notes.broken = {where: ValueError("poison")}
    outcomes = writer.record(list(range(1, 51)))
    assert [o for o in outcomes if o.startswith("parked")] == [f"parked {where}"]
    assert outcomes[where - 1] == f"parked {where}"
    assert noted(db) == [-where, *(n for n in range(1, 51) if n != where)]


def test_several_culprits_of_several_requests_are_answered_each_to_its_own(
    writer: Writer[int, str], notes: Notes
) -> None:
    notes.broken = {n: ValueError("poison") for n in (3, 4, 20)}
    release = hold(notes)
    blocker = submit(writer, 99)
    until(lambda: notes.batches)
    requests = [submit(writer, *range(start, start + 5)) for start in range(1, 26, 5)]
    release.set()
    until(lambda: all(requests) and blocker)
    told = [text for (outcomes,) in requests for text in outcomes]
    assert told == [f"{'parked' if n in notes.broken else 'did'} {n}" for n in range(1, 26)]


def passing(db: Database) -> list[Exception]:
    """What a lost connection, a deadlock and a full pool look like."""
    lost = psycopg.OperationalError("server closed the connection unexpectedly")
    return [
        lost,
        sqlalchemy.exc.OperationalError("COMMIT", {}, lost),
        psycopg.errors.DeadlockDetected("deadlock detected"),
        sqlalchemy.exc.TimeoutError("QueuePool limit"),
        psycopg.errors.UniqueViolation("duplicate key"),
    ]


@pytest.mark.parametrize("number", range(5))
def test_what_passes_is_repeated_whole(
    db: Database, writer: Writer[int, str], notes: Notes, number: int
) -> None:
    failures = [passing(db)[number]] * 2

    def fail(items: Sequence[int]) -> None:
        if failures:
            raise failures.pop()

    notes.before = fail
    assert writer.record([1, 2, 3]) == ["did 1", "did 2", "did 3"]
    assert notes.batches == [[1, 2, 3]] * 3
    assert notes.parked == []
    assert noted(db) == [1, 2, 3]


def test_a_store_that_stays_away_is_told_as_overload_and_nothing_is_parked(
    db: Database, writer: Writer[int, str], notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.store.writer.FIRST_PAUSE_S", 0.0001)
    notes.broken = {2: psycopg.OperationalError("gone")}
    with pytest.raises(Overloaded):
        writer.record([1, 2])
    assert (noted(db), notes.parked) == ([], [])
    notes.broken = {}
    assert writer.record([1, 2]) == ["did 1", "did 2"]


def test_a_collision_that_never_passes_is_the_items_own_fault(
    db: Database, writer: Writer[int, str], notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.store.writer.FIRST_PAUSE_S", 0.0001)
    notes.broken = {2: psycopg.errors.UniqueViolation("duplicate key")}
    assert writer.record([1, 2, 3]) == ["did 1", "parked 2", "did 3"]


def test_a_commit_of_unknown_fate_is_told_to_the_applier(
    db: Database, writer: Writer[int, str], notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was committed, but the answer got lost: the second time finds its own row."""
    monkeypatch.setattr("hub.store.writer.FIRST_PAUSE_S", 0.0001)
    failures = [psycopg.OperationalError("lost while it committed")]
    commit = sqlalchemy.engine.default.DefaultDialect.do_commit

    def fail(self: Any, connection: Any) -> None:
        commit(self, connection)  # type: ignore[no-untyped-call]
        if failures:
            raise failures.pop()

    monkeypatch.setattr(type(db.write_engine.dialect), "do_commit", fail)
    assert writer.record([1]) == ["parked 1"]
    assert notes.uncertain == 1


def test_a_full_queue_refuses_before_it_keeps_anything(
    db: Database, writer: Writer[int, str], notes: Notes
) -> None:
    release = hold(notes)
    first = submit(writer, 1)
    until(lambda: notes.batches)
    kept = [submit(writer, *range(n, n + 33)) for n in (100, 200, 300)]
    with pytest.raises(Overloaded):
        submit(writer, 998, 999)
    release.set()
    until(lambda: all(kept) and first)
    assert len(noted(db)) == 100
    assert submit(writer, 998, 999) is not None
    until(lambda: 999 in noted(db))


def test_bytes_count_as_well_as_items(db: Database, notes: Notes) -> None:
    writer: Writer[int, str] = Writer(db, notes, max_queued_bytes=1000)
    submit(writer, 1, size=900)
    with pytest.raises(Overloaded):
        submit(writer, 2, size=200)
    writer.start()
    writer.stop()
    assert noted(db) == [1]


def test_a_request_larger_than_the_queue_passes_when_it_is_empty(writer: Writer[int, str]) -> None:
    assert len(writer.record(list(range(1, 301)), size=2**40)) == 300
    assert (writer.figures.queued_items, writer.figures.queued_bytes) == (0, 0)


def test_stopping_finishes_what_was_accepted_and_takes_no_more(
    db: Database, writer: Writer[int, str], notes: Notes
) -> None:
    release = hold(notes)
    outcomes = [submit(writer, number) for number in range(1, 90)]
    stopping = threading.Thread(target=writer.stop)
    stopping.start()
    until(lambda: not writer.alive)
    with pytest.raises(Overloaded):
        submit(writer, 999)
    with pytest.raises(Overloaded):
        writer.call(lambda connection: None)
    release.set()
    stopping.join(WAIT_S)
    assert all(outcomes)
    assert noted(db) == list(range(1, 90))


def test_a_writer_that_never_started_stops(db: Database, notes: Notes) -> None:
    Writer(db, notes).stop()


def test_calls_run_between_batches_in_their_order(
    db: Database, writer: Writer[int, str], notes: Notes
) -> None:
    release = hold(notes)
    submit(writer, 1)
    until(lambda: notes.batches)
    with ThreadPoolExecutor() as pool:
        called = pool.submit(
            writer.call, lambda c: c.scalar(text("SELECT count(*) FROM meta WHERE key LIKE 'n%'"))
        )
        until(lambda: writer._queue)
        after = submit(writer, 2)
        release.set()
        assert called.result(WAIT_S) == 1
    until(lambda: after)
    assert notes.batches == [[1], [], [2]]


def test_what_a_call_raises_is_its_callers_and_nothing_of_it_stays(
    db: Database, writer: Writer[int, str], notes: Notes
) -> None:
    def fail(connection: Connection) -> None:
        note(connection, 1)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        writer.call(fail)
    assert noted(db) == []
    assert writer.record([2]) == ["did 2"]


@pytest.mark.parametrize("thrown", [RuntimeError("Event loop is closed"), ValueError("no")])
def test_a_sender_that_is_gone_stops_nothing(
    db: Database, writer: Writer[int, str], thrown: Exception
) -> None:
    def gone(outcome: object) -> None:
        raise thrown

    writer.submit(Work([1], 0, gone))
    assert writer.record([2]) == ["did 2"]
    assert noted(db) == [1, 2]


def test_an_observer_that_fails_stops_nothing(writer: Writer[int, str]) -> None:
    def fail(items: int, seconds: float) -> None:
        raise ZeroDivisionError

    writer.figures.observers.append(fail)
    assert writer.record([1]) == ["did 1"]
    assert writer.record([2]) == ["did 2"]


def test_many_senders_at_once_get_their_own_answers(db: Database, notes: Notes) -> None:
    writer: Writer[int, str] = Writer(db, notes)
    writer.start()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: writer.record([n, n + 5000]), range(1, 400)))
    writer.stop()
    assert answers == [[f"did {n}", f"did {n + 5000}"] for n in range(1, 400)]
    assert len(noted(db)) == 798
