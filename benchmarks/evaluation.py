"""What judging costs: a tick on which nothing is due, a start, learning anew what is usual, and how
long a failure takes to become an incident while events pour in.
"""

from __future__ import annotations

import json
import random
import statistics
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, get_args

from sqlalchemy import insert, select

from benchmarks.fill import fill
from benchmarks.hubs import Engine, Hub, Store, store
from benchmarks.latency import spare_ids
from benchmarks.report import Section, table
from hub.baselines.fit import fit
from hub.evaluate.book import book_of
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.rules.base import Fact
from hub.settings import Settings
from hub.store import facts, histories
from hub.store import tables as t
from hub.store.db import Database
from hub.store.expectations import keep_marks
from hub.store.leases import no_fence

SIZES: Final = (1_000, 10_000)
FULL_SIZES: Final = (1_000, 10_000, 100_000)
TICKS: Final = 200
FITTED: Final = 300
#: Events a second that pour in while failures are waited for, how many of them fit a request.
EVENTS_PER_S: Final = 1_000
BATCH: Final = 20
POUR_S: Final = 30
FAILURES_PER_S: Final = 4
#: So long after the last failure its incident is waited for, in seconds.
PATIENCE_S: Final = 5


class Standing(NamedTuple):
    """CPU of a tick on which nothing is due, of learning what is usual for a job, and a restart."""

    jobs: int
    tick_ms: float
    fit_ms: float
    restart_s: float


def run(*, full: bool) -> Iterator[Section]:
    """Two sections per engine; up to 100,000 scheduled jobs if `full`."""
    for engine in get_args(Engine):
        yield standing_section(engine, [stand(engine, n) for n in (FULL_SIZES if full else SIZES)])
        yield lag_section(engine, pour(engine))


# -- nothing is due ----------------------------------------------------------------------------


def stand(engine: Engine, jobs: int) -> Standing:
    with store(engine) as on:
        db = Database(on.url, durable=False)
        fill(db, jobs)
        spare_ids(db)
        _schedule_all(db, jobs)
        _run_often(db)
        db.close()
        with writing(Settings(database_url=on.url)) as hub:
            watch = Watch(hub.db, hub.writer, hub.book)
            now = datetime.now(UTC)
            while watch.round(now, no_fence):
                pass
            tick_ms = _cpu_ms(lambda: watch.round(now, no_fence), TICKS)
            fit_ms = _fit_ms(hub.db)
        started = time.perf_counter()
        with Hub(on) as again:
            _await_ready(again.url)
            restart_s = time.perf_counter() - started
            again.stop()
    return Standing(jobs, tick_ms, fit_ms, restart_s)


def _schedule_all(db: Database, jobs: int) -> None:
    """Each job has a schedule, and the rules that wait for a slot wait for tomorrow's."""
    schedule = json.dumps({"kind": "cron", "expression": "0 3 * * *", "timezone": "UTC"})
    since, due = datetime.now(UTC) - timedelta(days=30), datetime.now(UTC) + timedelta(days=1)
    book = book_of(Settings())
    waits = {"subject_kind": "job", "orchestrator_id": 1, "shard": 0, "due_at": due}
    rows = [
        {"rule": rule, "subject_id": job, **waits}
        for rule in book.of_need(Fact.SCHEDULE)
        for job in range(1, jobs + 1)
    ]
    with db.writing() as connection:
        spans = [{"job_id": j, "since": since, "schedule": schedule} for j in range(1, jobs + 1)]
        connection.execute(insert(t.schedule_span), spans)
        connection.execute(insert(t.expectation), rows)
        keep_marks(connection, book.marks())


def _run_often(db: Database) -> None:
    """The first jobs have as many completed runs as are learned from."""
    draw = random.Random(1)
    rows = []
    for job in range(1, FITTED + 1):
        for turn in range(histories.SAMPLES):
            number = 50_000_000 + job * histories.SAMPLES + turn
            begun = datetime.now(UTC) - timedelta(days=turn + 1)
            rows.append(
                {
                    "id": number,
                    "orchestrator_id": 1,
                    "job_id": job,
                    "natural_id": f"often {turn}",
                    "map_index": -1,
                    "state": "COMPLETED",
                    "attempt_id": number,
                    "attempt_uuid": number.to_bytes(16),
                    "attempt_no": 1,
                    "sort_at": begun,
                    "started_at": begun,
                    "ended_at": begun + timedelta(seconds=draw.lognormvariate(6, 0.3)),
                    "created_at": begun,
                    "updated_at": begun,
                }
            )
    with db.writing() as connection:
        connection.execute(insert(t.run), rows)


def _fit_ms(db: Database) -> float:
    """CPU to read what a job's runs took, to learn from it, and to write it down."""
    began = time.process_time()
    with db.writing() as connection:
        learned = {
            job: fit(found.samples, zone=found.zone)
            for job, found in histories.histories_of(connection, range(1, FITTED + 1)).items()
        }
        facts.save_baselines(connection, learned, datetime.now(UTC))
    return 1000 * (time.process_time() - began) / FITTED


def _cpu_ms(call: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        call()
    return 1000 * (time.process_time() - began) / times


def _await_ready(url: str) -> None:
    while True:
        with suppress(OSError), urllib.request.urlopen(f"{url}/readyz"):
            return
        time.sleep(0.05)


def standing_section(engine: Engine, found: list[Standing]) -> Section:
    least, most = found[0], found[-1]
    times = most.tick_ms / least.tick_ms
    tick = (
        f"a tick of {most.jobs:,} scheduled jobs of which none is due: {most.tick_ms:.1f} ms of "
        f"CPU, {times:.1f} times that of {least.jobs:,}; wanted: under 5 ms, and not growing"
    )
    verdicts = [
        tick,
        f"learning what is usual for 100,000 jobs: {most.fit_ms * 100:.0f} s on one core; wanted: 60",
        f"a restart with {most.jobs:,} jobs: {most.restart_s:.1f} s; wanted: under 5",
    ]
    head = ["jobs", "a tick, ms of CPU", "learning a job, ms of CPU", "restart, s"]
    return Section(f"Nothing is due, {engine}", verdicts, [table(head, found)])


# -- events pour in ----------------------------------------------------------------------------


def pour(engine: Engine) -> list[float]:
    """Seconds from the answer to a failure to its incident, while other events pour in."""
    with store(engine) as on, Hub(on) as hub:
        load = hub.start_load(events=EVENTS_PER_S * POUR_S, batch=BATCH, rate=EVENTS_PER_S)
        answered: dict[str, float] = {}
        seen: dict[str, float] = {}
        done = threading.Event()
        eye = threading.Thread(target=_watch_incidents, args=(on, seen, done))
        eye.start()
        while load.poll() is None:
            job = f"fails-{len(answered)}"
            _fail(hub.url, job)
            answered[job] = time.monotonic()
            time.sleep(1 / FAILURES_PER_S)
        time.sleep(PATIENCE_S)
        done.set()
        eye.join()
    return sorted(seen.get(job, float("inf")) - at for job, at in answered.items())


def _fail(url: str, job: str) -> None:
    """One run that starts and fails; its answer comes after the commit."""
    run = {"runId": str(uuid.uuid4())}
    events = [
        {
            "eventType": kind,
            "eventTime": datetime.now(UTC).isoformat(),
            "producer": "https://example.org/benchmarks",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": run,
            "job": {"namespace": "failing", "name": job},
        }
        for kind in ("START", "FAIL")
    ]
    request = urllib.request.Request(
        f"{url}/api/v1/lineage/batch",
        json.dumps(events).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        answer.read()


def _watch_incidents(on: Store, seen: dict[str, float], done: threading.Event) -> None:
    db = Database(on.url)
    names = select(t.job.c.name).join(t.incident, t.incident.c.job_id == t.job.c.id)
    while not done.is_set():
        with db.reading() as connection:
            for name in connection.scalars(names.where(t.job.c.name.like("fails-%"))):
                seen.setdefault(name, time.monotonic())
        time.sleep(0.05)
    db.close()


def lag_section(engine: Engine, lags: list[float]) -> Section:
    p99 = lags[min(len(lags) - 1, int(0.99 * len(lags)))]
    verdict = (
        f"{len(lags)} failures while {EVENTS_PER_S:,} events/s come in: p50 "
        f"{statistics.median(lags):.2f} s, p99 {p99:.2f} s from the commit of the failure to its "
        "open incident; wanted: p99 under 2"
    )
    return Section(f"From a failure to its incident, {engine}", [verdict])
