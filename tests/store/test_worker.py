"""Loops run under their lease, survive what goes wrong in them, and stop when told to."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from hub.store.db import Database
from hub.store.migrate import migrate
from hub.worker import Loop, Tick, Worker


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, durable=False)
    migrate(database)
    yield database
    database.close()


class Rounds:
    """Counts the rounds it hears of."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool]] = []

    def loop_ran(
        self, name: str, *, late_s: float, took_s: float, failed: bool, holding: bool
    ) -> None:
        assert late_s >= 0
        assert took_s >= 0
        assert isinstance(holding, bool)
        self.told.append((name, failed))


def worker_with(db: Database, owner: str, loop: Loop, rounds: Rounds | None = None) -> Worker:
    worker = Worker(db, owner, rounds)
    worker.add(loop)
    return worker


def test_a_loop_runs_by_itself_and_again_at_once_while_something_is_left(db: Database) -> None:
    done = threading.Event()
    left = [True, True, False]

    def body(_: Tick) -> bool:
        more = left.pop(0)
        if not left:
            done.set()
        return more

    worker = worker_with(db, "a", Loop("digest", 3600, body))
    worker.start()
    assert done.wait(5)
    worker.stop()


def test_a_loop_rests_while_nothing_is_committed_but_not_for_long(db: Database) -> None:
    commits, rounds, waking = [0], [0], threading.Event()

    def body(_: Tick) -> None:
        rounds[0] += 1
        waking.set()

    worker = Worker(db, "a", commits=lambda: commits[0])
    worker.add(Loop("digest", 0.02, body, rests_s=1.0))
    worker.start()
    time.sleep(0.5)
    assert rounds[0] == 1
    waking.clear()
    commits[0] += 1
    assert waking.wait(0.3)
    waking.clear()
    assert waking.wait(5)
    worker.stop()


def test_a_round_that_has_written_wakes_the_loops_that_wait_for_it(db: Database) -> None:
    rounds: Counter[str] = Counter()
    writes, woken = threading.Event(), threading.Event()

    def evaluate(tick: Tick) -> None:
        rounds["evaluate"] += 1
        if writes.is_set():
            with db.writing() as connection:
                tick.fence(connection)

    def tell(_: Tick) -> None:
        rounds["tell"] += 1
        woken.set()

    worker = Worker(db, "a", commits=lambda: 0)
    worker.add(Loop("evaluate", 3600, evaluate, wakes=("tell", "one that is not there")))
    worker.add(Loop("tell", 3600, tell, rests_s=3600))
    worker.start()
    assert woken.wait(5)
    woken.clear()
    worker.run("evaluate")
    assert not woken.wait(0.5)
    writes.set()
    worker.run("evaluate")
    assert woken.wait(5)
    worker.stop()
    assert rounds["tell"] == 2


def test_a_round_that_wakes_another_loop_while_it_is_told_to_stop_comes_to_its_end(
    db: Database,
) -> None:
    begun, over = threading.Event(), threading.Event()

    def evaluate(tick: Tick) -> None:
        begun.set()
        tick.stopping.wait(10)
        time.sleep(0.2)  # by then the worker waits
        with db.writing() as connection:
            tick.fence(connection)
        over.set()

    worker = Worker(db, "a")
    worker.add(Loop("evaluate", 3600, evaluate, wakes=("tell",)))
    worker.add(Loop("tell", 3600, lambda _: None))
    worker.start()
    assert begun.wait(5)
    stopping = threading.Thread(target=worker.stop, daemon=True)
    stopping.start()
    stopping.join(10)
    assert (over.is_set(), stopping.is_alive()) == (True, False)


def test_a_body_that_raises_is_counted_and_told(db: Database) -> None:
    def body(_: Tick) -> None:
        raise ZeroDivisionError("no trains today")

    rounds = Rounds()
    worker = worker_with(db, "a", Loop("count", 3600, body), rounds)
    worker.run("count")
    assert rounds.told == [("count", True)]
    assert worker.heartbeats["count"].last_error == "ZeroDivisionError: no trains today"


@pytest.mark.postgres
def test_one_replica_runs_a_leased_loop_until_it_stops(postgres_url: str) -> None:
    db = Database(postgres_url, durable=False)
    migrate(db)
    ran: list[str] = []
    first = worker_with(db, "a", Loop("evaluate", 10, lambda _: ran.append("a")))
    second = worker_with(db, "b", Loop("evaluate", 10, lambda _: ran.append("b")))
    first.run("evaluate")
    second.run("evaluate")
    assert ran == ["a"]
    assert (first.heartbeats["evaluate"].holding, second.heartbeats["evaluate"].holding) == (
        True,
        False,
    )
    first.stop()
    second.run("evaluate")
    assert ran == ["a", "b"]
    db.close()


@pytest.mark.postgres
def test_a_paused_replica_commits_nothing_after_the_lease_passed_on(postgres_url: str) -> None:
    db = Database(postgres_url, durable=False)
    migrate(db)

    def body(tick: Tick) -> None:
        with db.writing() as connection:  # meanwhile another replica takes over
            connection.execute(text("UPDATE lease SET owner = 'b', epoch = epoch + 1"))
        with db.writing() as connection:
            connection.execute(text("UPDATE meta SET value = 'mine' WHERE key = 'created_at'"))
            tick.fence(connection)

    rounds = Rounds()
    worker_with(db, "a", Loop("evaluate", 10, body), rounds).run("evaluate")
    with db.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM meta WHERE value = 'mine'")) == 0
    assert rounds.told == [("evaluate", False)]
    db.close()


@pytest.mark.postgres
def test_a_round_that_takes_longer_than_its_lease_keeps_it_and_a_dead_holder_loses_it(
    postgres_url: str,
) -> None:
    db = Database(postgres_url, durable=False)
    migrate(db)
    ran: list[str] = []
    second = worker_with(db, "b", Loop("evaluate", 10, lambda _: ran.append("b"), hold_s=1.2))

    def body(_: Tick) -> None:
        for _turn in range(3):
            time.sleep(0.7)
            first.prolong()
            second.run("evaluate")
        ran.append("a")

    first = worker_with(db, "a", Loop("evaluate", 10, body, hold_s=1.2))
    first.run("evaluate")
    assert ran == ["a"]
    time.sleep(1.5)
    second.run("evaluate")
    assert ran == ["a", "b"]
    db.close()


@pytest.mark.postgres
def test_a_lease_is_kept_between_rounds_however_long_and_taken_over_at_once_when_it_is_over(
    postgres_url: str,
) -> None:
    db = Database(postgres_url, durable=False)
    migrate(db)
    ran: list[str] = []
    taken = threading.Event()

    def second_ran(_: Tick) -> None:
        ran.append("b")
        taken.set()

    first = worker_with(db, "a", Loop("sweep", 3600, lambda _: ran.append("a"), hold_s=1.5))
    second = worker_with(db, "b", Loop("sweep", 3600, second_ran, hold_s=1.5))
    first.run("sweep")
    second.start()
    for _turn in range(3):
        time.sleep(0.7)
        first.prolong()
        second.take_over()
    assert ran == ["a"]
    time.sleep(1.8)  # the first one is gone
    second.take_over()
    assert taken.wait(5)
    second.stop()
    db.close()


@pytest.mark.postgres
def test_the_lease_of_a_loop_that_is_stuck_is_not_kept(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.worker.LONGEST_ROUND_S", 0.3)
    db = Database(postgres_url, durable=False)
    migrate(db)
    ran: list[str] = []
    second = worker_with(db, "b", Loop("sweep", 10, lambda _: ran.append("b"), hold_s=0.3))

    def body(_: Tick) -> None:
        for _turn in range(5):
            time.sleep(0.2)
            first.prolong()
        second.run("sweep")

    first = worker_with(db, "a", Loop("sweep", 10, body, hold_s=0.3))
    first.run("sweep")
    assert ran == ["b"]
    db.close()


def test_each_replica_runs_a_loop_without_a_lease(db: Database) -> None:
    ran: list[str] = []
    for owner in ("a", "b"):
        worker_with(db, owner, Loop("lag", 10, lambda _: ran.append("x"), leased=False)).run("lag")
    assert ran == ["x", "x"]


@pytest.mark.postgres
def test_replicas_run_shared_loops_in_equal_shares_and_all_of_them_when_left_alone(
    postgres_url: str,
) -> None:
    db = Database(postgres_url, durable=False)
    migrate(db)
    names = [f"poll {number}" for number in range(5)]

    def replica(owner: str) -> Worker:
        worker = Worker(db, owner)
        for name in names:
            worker.add(Loop(name, 10, lambda _: None, shared=True))
        worker.be_counted()
        return worker

    def rounds(*workers: Worker) -> list[int]:
        for worker in workers * 2:
            worker.be_counted()
            for name in names:
                worker.run(name)
        return [sum(worker.heartbeats[n].holding for n in names) for worker in workers]

    first = replica("a")
    assert rounds(first) == [5]
    second = replica("b")
    assert rounds(first, second) == [3, 2]
    first.stop()
    assert rounds(second) == [5]
    second.stop()
    db.close()
