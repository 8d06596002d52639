"""From an update to a launch that is asked for: how long it takes while updates pour in, and what it
costs with few and with many subscriptions on other datasets.
"""

from __future__ import annotations

import json
import random
import statistics
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, get_args

from sqlalchemy import select

from benchmarks.hubs import Engine, Hub, Store, store
from benchmarks.report import Section, table
from hub.main import writing
from hub.openlineage.decode import decode_event
from hub.record import Sender
from hub.record.incoming import incoming_event
from hub.record.recorder import now_us
from hub.settings import Settings
from hub.store import tables as t
from hub.store.db import Connection, Database
from hub.store.leases import no_fence
from hub.store.migrate import migrate
from hub.store.subscriptions import API, put_subscription
from hub.triggers.plan import wanted_of
from hub.triggers.round import Trigger
from hub.triggers.spec import Spec

DATASETS: Final = 10_000
SUBSCRIPTIONS: Final = (100, 10_000)
UPDATES_PER_S: Final = 500
BATCH: Final = 10
POUR_S: Final = 20
#: Updates of which the cost of one is taken.
COSTED: Final = 100
#: Subscriptions of one dataset, each of which sees its updates.
OF_ONE: Final = (1, 10, 100)
PATIENCE_S: Final = 10


class Cost(NamedTuple):
    subscriptions: int
    of_the_dataset: int
    ms_per_update: float
    idle_ms: float


def run(*, full: bool) -> Iterator[Section]:  # noqa: ARG001  it is as long as it must be
    """Two sections per engine."""
    for engine in get_args(Engine):
        found = [cost(engine, count, 1) for count in SUBSCRIPTIONS]
        found += [cost(engine, 100, of_one) for of_one in OF_ONE[1:]]
        yield cost_section(engine, found)
        yield lag_section(engine, {count: pour(engine, count) for count in SUBSCRIPTIONS})


# -- what it costs -----------------------------------------------------------------------------


def cost(engine: Engine, count: int, of_one: int) -> Cost:
    """CPU of the trigger loop for one update of a dataset that `of_one` of them name."""
    with store(engine) as on:
        prepare(on, count, of_one)
        with writing(Settings(database_url=on.url)) as hub:
            trigger = Trigger(hub.db, hub.writer)
            drain(trigger)
            named = max(1, count // of_one)
            events = [completed(turn % named) for turn in range(COSTED)]
            hub.writer.record([_incoming(event) for event in events])
            began = time.process_time()
            drain(trigger)
            spent = 1000 * (time.process_time() - began) / COSTED
            began = time.process_time()
            for _ in range(100):
                trigger.round(datetime.now(UTC), no_fence)
            idle = 10 * (time.process_time() - began)
    return Cost(count, of_one, spent, idle)


def drain(trigger: Trigger) -> None:
    while trigger.round(datetime.now(UTC), no_fence):
        pass


def _incoming(event: dict[str, Any]) -> Any:
    raw = json.dumps(event).encode()
    return incoming_event(decode_event(raw), raw, raw, now_us(), Sender())


def prepare(on: Store, count: int, of_one: int = 1) -> None:
    """Subscriptions of datasets, `of_one` of each, in a store that is new."""
    db = Database(on.url, durable=False)
    migrate(db)
    with db.writing() as connection:
        for number in range(count):
            _subscribe(connection, number, number // of_one)
    db.close()


def _subscribe(connection: Connection, number: int, dataset: int) -> None:
    launch = {"orchestrator": "engine", "job": f"job-{number}", "namespace": "jobs"}
    spec = Spec.model_validate(
        {"name": f"s-{number}", "when": f"warehouse/table-{dataset}", "launch": launch}
    )
    now = datetime.now(UTC)
    put_subscription(connection, wanted_of(spec), origin=API, by="benchmark", now=now)


def completed(dataset: int) -> dict[str, Any]:
    """One run that has written one dataset."""
    return {
        "eventType": "COMPLETE",
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": "https://example.org/benchmarks",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(uuid.uuid4())},
        "job": {"namespace": "loads", "name": f"load-{dataset}"},
        "outputs": [{"namespace": "warehouse", "name": f"table-{dataset}"}],
    }


def cost_section(engine: Engine, found: Sequence[Cost]) -> Section:
    few, many = found[0], found[1]
    verdict = (
        f"an update of a dataset with one subscription costs {many.ms_per_update:.2f} ms of CPU "
        f"among {many.subscriptions:,} subscriptions, {many.ms_per_update / few.ms_per_update:.1f} "
        f"times what it costs among {few.subscriptions:,}; wanted: not growing"
    )
    head = ["subscriptions", "of the dataset", "an update, ms of CPU", "an idle round, ms of CPU"]
    return Section(
        f"What an update costs the trigger loop, {engine}", [verdict], [table(head, found)]
    )


# -- how long it takes -------------------------------------------------------------------------


def pour(engine: Engine, count: int) -> list[float]:
    """Seconds from the answer to an update to its launch, while each dataset is updated once."""
    with store(engine) as on:
        prepare(on, count)
        with Hub(on) as hub:
            answered: dict[str, float] = {}
            seen: dict[str, float] = {}
            done = threading.Event()
            eye = threading.Thread(target=_watch_launches, args=(on, seen, done))
            eye.start()
            _pour(hub.url, answered)
            time.sleep(PATIENCE_S)
            done.set()
            eye.join()
    subscribed = {f"job-{number}" for number in range(count)}
    return sorted(
        seen.get(job, float("inf")) - answered[job] for job in subscribed & answered.keys()
    )


def _pour(url: str, answered: dict[str, float]) -> None:
    """Each of the datasets is updated once, in any order, so many a second."""
    order = random.Random(1).sample(range(DATASETS), UPDATES_PER_S * POUR_S)
    began = time.monotonic()
    for start in range(0, len(order), BATCH):
        time.sleep(max(0.0, began + start / UPDATES_PER_S - time.monotonic()))
        some = order[start : start + BATCH]
        _send(url, [completed(dataset) for dataset in some])
        now = time.monotonic()
        answered.update((f"job-{dataset}", now) for dataset in some)


def _send(url: str, events: list[dict[str, Any]]) -> None:
    request = urllib.request.Request(
        f"{url}/api/v1/lineage/batch",
        json.dumps(events).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        answer.read()


def _watch_launches(on: Store, seen: dict[str, float], done: threading.Event) -> None:
    db, last = Database(on.url), 0
    mine = t.launch.c
    while not done.is_set():
        with db.reading() as connection:
            rows = connection.execute(select(mine.id, mine.job_name).where(mine.id > last)).all()
        now = time.monotonic()
        for row in rows:
            seen.setdefault(row.job_name, now)
            last = max(last, row.id)
        time.sleep(0.05)
    db.close()


def lag_section(engine: Engine, lags: dict[int, list[float]]) -> Section:
    rows = [
        (count, len(found), statistics.median(found), _p99(found), found[-1])
        for count, found in lags.items()
    ]
    most = rows[-1]
    verdict = (
        f"{most[0]:,} subscriptions on {DATASETS:,} datasets, {UPDATES_PER_S} updates/s: "
        f"p50 {most[2]:.2f} s, p99 {most[3]:.2f} s from the answer to an update to its launch; "
        "wanted: p99 under 2"
    )
    head = ["subscriptions", "launches", "p50, s", "p99, s", "longest, s"]
    return Section(f"From an update to its launch, {engine}", [verdict], [table(head, rows)])


def _p99(found: Sequence[float]) -> float:
    return found[min(len(found) - 1, int(0.99 * len(found)))]
