"""Two hubs' recorders on one PostgreSQL, under load, with the same jobs, runs and datasets."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import select, text
from structlog.testing import capture_logs

from hub.record import Accepted, Incoming, Outcome, Recorder
from hub.store import tables as t
from hub.store.db import Database
from hub.store.migrate import migrate
from hub.store.writer import Writer
from tests.support.normal_form import normal_form
from tests.support.recording import (
    Recording,
    dataset,
    empty,
    incoming,
    observation,
    part_of,
    run_event,
    try_of,
)

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(240)]
Writing = Writer[Incoming, Outcome]
RUNS = 150
SENDERS = 6


@pytest.fixture
def dbs(postgres_url: str) -> Iterator[list[Database]]:
    dbs = [Database(postgres_url, durable=False) for _ in range(2)]
    migrate(dbs[0])
    yield dbs
    for db in dbs:
        db.close()


@contextmanager
def writing(dbs: list[Database]) -> Iterator[list[Writing]]:
    with ExitStack() as stack:
        writers: list[Writing] = [Writer(db, Recorder(db), batch_items=50) for db in dbs]
        for writer in writers:
            writer.start()
            stack.callback(writer.stop)
        yield writers


def life_of(run: int) -> list[dict]:
    """A run of one of a few jobs; every third is a second try, some are heard of by their id alone."""
    job, facets = f"j{run % 7}", try_of(f"r{run // 3}", run % 3 + 1, retries=2)
    linked = dataset(
        f"out{run % 5}",
        symlinks={"identifiers": [{"namespace": "hive", "name": f"o{run % 5}", "type": "TABLE"}]},
        documentation={"description": f"by {run}"},
    )
    end = "COMPLETE" if run % 3 == 2 else "FAIL"
    return [
        run_event("START", run, run, job=job, run_facets=facets | part_of(9000 + run // 3)),
        run_event("RUNNING", run + 0.1, run, job=job, inputs=[f"in{run % 11}"]),
        run_event(end, run + 0.2, run, job=job, outputs=[linked]),
    ]


def send_all(writers: list[Writing], events: list[dict]) -> Counter[str]:
    """From several threads, each event to either hub and some to both, a few at a time."""
    outcomes: Counter[str] = Counter()
    lock = threading.Lock()

    def send(number: int) -> None:
        chance = random.Random(number)
        mine = [incoming(event) for event in events[number::SENDERS]]
        while mine:
            some, mine = mine[:3], mine[3:]
            for writer in chance.sample(writers, chance.choice([1, 1, 2])):
                told = writer.record(some)
                with lock:
                    outcomes.update(str(outcome) for outcome in told)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


class Reader:
    """Reads changes as every loop does: with a cursor per writer."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._cursors: dict[int, int] = {}
        self.read: list[tuple[int, int]] = []

    def _follow(self) -> None:
        while not self._done.is_set():
            self.look()
            time.sleep(0.002)

    def look(self) -> None:
        c = t.change.c
        with self._db.reading() as connection:
            for writer in connection.scalars(select(c.writer_id).distinct()).all():
                after = self._cursors.get(writer, 0)
                new = connection.scalars(
                    select(c.seq).where(c.writer_id == writer, c.seq > after).order_by(c.seq)
                ).all()
                self.read += [(writer, seq) for seq in new]
                self._cursors[writer] = max([after, *new])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.look()


def test_two_hubs_with_the_same_runs_end_as_one_would(dbs: list[Database]) -> None:
    events = [event for run in range(RUNS) for event in life_of(run)]
    random.Random(1).shuffle(events)
    with capture_logs() as logs, writing(dbs) as writers, Reader(dbs[0]) as reader:
        outcomes = send_all(writers, events)
    assert outcomes[str(Accepted(new=True))] == len(events)
    assert set(outcomes) <= {str(Accepted(new=True)), str(Accepted(new=False))}
    assert not [entry for entry in logs if entry["event"] != "write_repeated"]
    told = Recording(dbs[0]).rows("SELECT writer_id, seq FROM change")
    assert len({writer for writer, _ in told}) == 2
    assert sorted(reader.read) == sorted(told)
    assert len(set(told)) == len(told)
    found = normal_form(dbs[0])
    empty(dbs[0])
    Recording(dbs[0]).batch([incoming(event) for event in events])
    for table, rows in normal_form(dbs[0]).items():
        assert found[table] == rows, f"{table} differs"


def test_each_transition_is_told_once_by_one_of_them(dbs: list[Database]) -> None:
    """Runs of one try each, whose events meet in both hubs at once."""
    events = [
        event
        for run in range(RUNS)
        for event in (
            run_event("START", run, run, job=f"j{run % 3}"),
            run_event("RUNNING", run + 0.1, run, job=f"j{run % 3}"),
            run_event("COMPLETE", run + 0.2, run, job=f"j{run % 3}", outputs=["x"]),
            run_event("OTHER", run + 0.3, run, job=f"j{run % 3}", outputs=["x"]),
        )
    ]
    with writing(dbs) as writers:
        send_all(writers, events)
    told = Recording(dbs[0]).rows(
        "SELECT kind, count(*), count(DISTINCT run_id) FROM change WHERE run_id > 0 GROUP BY kind"
    )
    assert sorted(told) == [
        ("dataset_updated", RUNS, RUNS),
        ("run_completed", RUNS, RUNS),
        ("run_started", RUNS, RUNS),
    ]


def test_new_namespaces_jobs_and_orchestrators_are_made_once(dbs: list[Database]) -> None:
    events = [
        run_event("START", 1, run, job=f"j{run % 4}", namespace=f"ns{run % 13}")
        for run in range(200)
    ]
    with writing(dbs) as writers:
        outcomes = send_all(writers, events)
    assert outcomes[str(Accepted(new=True))] == 200
    read = Recording(dbs[0])
    assert read.one("SELECT count(*) FROM namespace") == (13,)
    assert read.one("SELECT count(*) FROM orchestrator") == (13,)
    assert read.one("SELECT count(*), count(DISTINCT (namespace_id, name)) FROM job") == (52, 52)
    assert read.one("SELECT sum(value) FROM counter WHERE name = 'jobs'") == (52,)


def test_observations_of_one_orchestrator_meet_without_a_deadlock(dbs: list[Database]) -> None:
    parts = [f"part{number}" for number in range(20)]

    def health(minute: int, part: str) -> Any:
        status = "DOWN" if minute % 2 else "HEALTHY"
        at = f"2026-11-23T10:{minute:02}:00Z"
        return observation(
            {"type": "health", "status": status, "part": part, "observed_at": at}, of="af"
        )

    def send(writer: Writing, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(15):
            minute = chance.randrange(59)
            writer.record([health(minute, part) for part in chance.sample(parts, 20)])
        writer.record([health(59, part) for part in parts])

    with writing(dbs) as writers:
        threads = [threading.Thread(target=send, args=(w, n)) for n, w in enumerate(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert Recording(dbs[0]).rows("SELECT DISTINCT status FROM health") == [("DOWN",)]


def test_a_lost_answer_to_a_commit_numbers_no_change_twice(
    dbs: list[Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL committed and the connection broke: the batch is repeated and finds itself."""
    lost = [psycopg.OperationalError("server closed the connection unexpectedly")]
    commit = sqlalchemy.engine.default.DefaultDialect.do_commit

    def lose(self: Any, connection: Any) -> None:
        commit(self, connection)  # type: ignore[no-untyped-call]
        if lost and self is dbs[0].write_engine.dialect and armed:
            raise lost.pop()

    armed: list[bool] = []
    monkeypatch.setattr(type(dbs[0].write_engine.dialect), "do_commit", lose)
    with capture_logs(), writing(dbs[:1]) as writers:
        # All blocks of numbers are taken: what is committed next is the batch.
        writers[0].record([incoming(run_event("COMPLETE", 0, 9, outputs=["x"]))])
        writers[0].record([incoming(run_event("START", 1, 1))])
        armed.append(True)
        repeated = writers[0].record([incoming(run_event("COMPLETE", 2, 1, outputs=["x"]))])
        writers[0].record([incoming(run_event("START", 3, 2))])
    assert not lost
    assert repeated == [Accepted(new=False)]
    told = Recording(dbs[0]).rows("SELECT writer_id, seq, kind FROM change ORDER BY 1, 2")
    assert len({row[:2] for row in told}) == len(told)
    kinds = Counter(kind for *_, kind in told)
    assert (kinds["run_started"], kinds["run_completed"], kinds["dataset_updated"]) == (2, 2, 2)


def test_a_deadlock_is_repeated_and_not_told(dbs: list[Database]) -> None:
    """Somebody locks two runs in the other order, again and again."""
    with capture_logs() as logs, writing(dbs[:1]) as writers:
        writer = writers[0]
        writer.record([incoming(run_event("START", 1, run, job="j")) for run in (1, 2)])
        with dbs[1].writing() as connection:
            lowest, highest = connection.execute(text("SELECT min(id), max(id) FROM run")).one()
            lock = text("SELECT 1 FROM run WHERE id = :id FOR UPDATE")
            connection.execute(lock, {"id": highest})
            done: list[Any] = []
            thread = threading.Thread(
                target=lambda: done.append(
                    writer.record([incoming(run_event("COMPLETE", 2, r, job="j")) for r in (1, 2)])
                )
            )
            thread.start()
            time.sleep(0.3)  # it holds the first run by now and waits for the second
            try:
                connection.execute(lock, {"id": lowest})
            except sqlalchemy.exc.OperationalError:
                connection.rollback()
        thread.join(30)
    assert done == [[Accepted(new=True)] * 2]
    assert {entry["event"] for entry in logs} <= {"write_repeated"}
