"""Senders that do not give up: many threads, each sending runs and repeating what was not taken."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx
import zstandard
from msgspec import Struct, json
from sqlalchemy import select

from hub.openlineage.decode import decode_event
from hub.record import Recorder, Sender, incoming_event
from hub.store import tables as t
from hub.store.db import Database
from hub.store.migrate import migrate
from hub.store.types import to_micros
from hub.store.writer import Writer
from tests.support.recording import run_event

Name = tuple[str, str]  # run id, event type
BATCH = 500


class Storm:
    """`urls` gives the hubs to send to; a sender takes any of them for any event."""

    def __init__(
        self,
        urls: Callable[[], list[str]],
        threads: int = 6,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._urls = urls
        self._headers = headers
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._send_runs, args=(n,)) for n in range(threads)
        ]
        self._lock = threading.Lock()
        self.taken: set[Name] = set()
        self.statuses: Counter[int] = Counter()

    @contextmanager
    def blowing(self) -> Iterator[None]:
        """Sends until the block ends; what was begun is sent to its end."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def await_taken(self, more: int, timeout_s: float = 60) -> None:
        """Returns when so many further events have been taken."""
        wanted, end = len(self.taken) + more, time.monotonic() + timeout_s
        while len(self.taken) < wanted:
            assert time.monotonic() < end, f"{self.statuses} and nothing more is taken"
            time.sleep(0.05)

    def _send_runs(self, thread: int) -> None:
        chance = random.Random(thread)
        with httpx.Client(timeout=30, headers=self._headers) as client:
            for number in range(1, 1_000_000):
                if self._stop.is_set():
                    return
                self._send_run(client, chance, thread * 1_000_000 + number)

    def _send_run(self, client: httpx.Client, chance: random.Random, run: int) -> None:
        job = f"job_{run % 17}"
        end = chance.choice(["COMPLETE", "COMPLETE", "FAIL"])
        start = run_event("START", run % 500, run, job=job, inputs=["raw"])
        ended = run_event(end, run % 500 + 1, run, job=job, outputs=[f"out_{run % 29}"])
        if chance.random() < 0.3:
            self._insist(client, "lineage/batch", [start, ended])
            return
        self._insist(client, "lineage", start)
        self._insist(client, "lineage", ended)
        if chance.random() < 0.2:
            self._insist(client, "lineage", start)

    def _insist(self, client: httpx.Client, path: str, body: dict | list[dict]) -> None:
        """As the OpenLineage client does, only longer."""
        while True:
            url = random.choice(self._urls())
            try:
                answer = client.post(f"{url}/api/v1/{path}", json=body)
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            with self._lock:
                self.statuses[answer.status_code] += 1
            if answer.is_success:
                self._note(body if isinstance(body, list) else [body])
                return
            time.sleep(0.05)

    def _note(self, events: list[dict]) -> None:
        with self._lock:
            self.taken.update((e["run"]["runId"], e["eventType"]) for e in events)


class _Kept(Struct):
    received_at: int
    raw: bytes


def kept_events(db: Database) -> list[_Kept]:
    """Every raw event of the store, in the order in which it came."""
    columns = (t.lineage_event.c.received_at, t.lineage_event.c.payload)
    with db.reading() as connection:
        rows = connection.execute(select(*columns).order_by(t.lineage_event.c.id)).all()
    return [_Kept(to_micros(at), zstandard.decompress(payload)) for at, payload in rows]


def names_of(events: list[_Kept]) -> Counter[Name]:
    told = (json.decode(event.raw) for event in events)
    return Counter((e["run"]["runId"], e["eventType"]) for e in told)


def rebuilt(events: list[_Kept], url: str) -> Database:
    """A fresh store into which the raw events were recorded again, in batches."""
    db = Database(url, durable=False)
    migrate(db)
    writer = Writer(db, Recorder(db))
    writer.start()
    items = [
        incoming_event(decode_event(e.raw), e.raw, e.raw, e.received_at, Sender()) for e in events
    ]
    for start in range(0, len(items), BATCH):
        writer.record(items[start : start + BATCH])
    writer.stop()
    return db
