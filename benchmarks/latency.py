"""How long a sender waits for its answer, while the hub does other things as well.

A store with a history is served by a hub whose retention has all of it to delete, while all that
can be read is read without a pause. Senders post one event at a time on a few connections. Invariant 10: the
door's latency does not depend on what else the hub does.
"""

from __future__ import annotations

import http.client
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final, get_args
from urllib.parse import urlsplit

from sqlalchemy import delete, func, insert, select

from benchmarks.fill import World, fill
from benchmarks.hubs import Engine, Hub, Store, store
from benchmarks.reads import READS
from benchmarks.report import Section, table
from hub.store.db import Database
from hub.store.tables import id_block, lineage_event, metadata

JOBS: Final = 5_000
EVENTS: Final = 1_500
CONNECTIONS: Final = 4
READERS: Final = 2
#: Everything in the store is older than that.
SWEEPING: Final = {"TRACKSIDE_RETENTION_LINEAGE_EVENTS": "1", "TRACKSIDE_RETENTION_RUNS": "1"}

Row = tuple[str, float, float, int, int]  # besides, p50 ms, p99 ms, events swept, answers read


def run(*, full: bool) -> Iterator[Section]:
    """A section per engine; ten times the history if `full`."""
    for engine in get_args(Engine):
        yield section(engine, measure(engine, JOBS * (10 if full else 1)))


def measure(engine: Engine, jobs: int) -> list[Row]:
    """First a hub that has nothing to delete, then one that has everything to."""
    with store(engine) as on:
        db = Database(on.url, durable=False)
        world = fill(db, jobs)
        spare_ids(db)
        db.close()
        with Hub(on) as hub:
            idle = [_wait(on, hub, "nothing"), _beside_reads(on, hub, world, "reads")]
            hub.stop()
        with Hub(on, "real", **SWEEPING) as hub:
            both = [_wait(on, hub, "retention"), _beside_reads(on, hub, world, "both")]
    return idle + both


def spare_ids(db: Database) -> None:
    """What was filled in without the writer has taken its ids."""
    with db.writing() as connection:
        connection.execute(delete(id_block))
        rows = [{"name": name, "next": 100_000_000} for name in metadata.tables]
        connection.execute(insert(id_block), rows)


def _wait(on: Store, hub: Hub, besides: str, seed: int = 1) -> Row:
    before = _events(on)
    told = hub.load(events=EVENTS, connections=CONNECTIONS, seed=seed)
    swept = before + EVENTS - _events(on)
    return besides, told["p50_ms"], told["p99_ms"], swept, 0


def _beside_reads(on: Store, hub: Hub, world: World, besides: str) -> Row:
    with _reading(hub, world) as answers:
        row = _wait(on, hub, besides, seed=2)
    return (*row[:4], next(answers))


@contextmanager
def _reading(hub: Hub, world: World) -> Iterator[Iterator[int]]:
    """Asks for whatever can be read, again and again; the next number is that of the answers."""
    answers, done = count(), threading.Event()
    threads = [
        threading.Thread(target=_read, args=(hub.url, world, answers, done)) for _ in range(READERS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _read(url: str, world: World, answers: Iterator[int], done: threading.Event) -> None:
    draw, asked = random.Random(), list(READS.values())
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    while not done.is_set():
        connection.request("GET", draw.choice(asked)(world, draw))
        connection.getresponse().read()
        next(answers)
    connection.close()


def _events(on: Store) -> int:
    db = Database(on.url)
    with db.reading() as connection:
        found = connection.scalar(select(func.count()).select_from(lineage_event))
    db.close()
    return found or 0


def section(engine: Engine, rows: list[Row]) -> Section:
    alone, worst = rows[0], max(rows[1:], key=lambda row: row[2])
    verdict = (
        f"p99 is {worst[2]:.0f} ms besides {worst[0]}, {worst[2] / alone[2]:.1f} times that "
        f"besides nothing ({alone[2]:.0f} ms); p50 {worst[1] / alone[1]:.1f} times"
    )
    return Section(
        f"Latency of the door, {engine}",
        [verdict],
        [table(["besides", "p50 ms", "p99 ms", "events swept", "answers read"], rows)],
        [f"One event per request on {CONNECTIONS} connections, {READERS} more read."],
    )
