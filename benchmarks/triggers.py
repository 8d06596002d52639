"""From an update to the request that asks for a launch: how long it takes while updates pour in, and
what an update costs with few and with many subscriptions on other datasets.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import statistics
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, get_args

from benchmarks.hubs import Engine, Hub, Store, store
from benchmarks.report import Section, table
from hub.main import writing
from hub.openlineage.decode import decode_event
from hub.record import Sender
from hub.record.incoming import incoming_event
from hub.record.recorder import now_us
from hub.settings import Settings
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
SHORT_POUR_S: Final = 5
#: Updates of which the cost of one is taken.
COSTED: Final = 100
#: Subscriptions of one dataset, each of which sees its updates.
OF_ONE: Final = (1, 10, 100)
PATIENCE_S: Final = 10
_SECRET: Final = "whsec_" + base64.b64encode(bytes(32)).decode()


class Cost(NamedTuple):
    subscriptions: int
    of_the_dataset: int
    ms_per_update: float
    idle_ms: float


class Pour(NamedTuple):
    """launches: how many there should be. lags: in seconds, of those that were asked for."""

    launches: int
    lags: list[float]


def run(*, full: bool) -> Iterator[Section]:
    """Two sections per engine."""
    seconds = POUR_S if full else SHORT_POUR_S
    for engine in get_args(Engine):
        found = [cost(engine, count, 1) for count in SUBSCRIPTIONS]
        found += [cost(engine, 100, of_one) for of_one in OF_ONE[1:]]
        yield cost_section(engine, found)
        yield lag_section(engine, {count: pour(engine, count, seconds) for count in SUBSCRIPTIONS})


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


def pour(engine: Engine, count: int, seconds: int, per_s: int = UPDATES_PER_S) -> Pour:
    """From the answer to an update to the request at the engine that its subscription launches."""
    with store(engine) as on, Receiver() as receiver:
        prepare(on, count)
        (on.folder / "trackside.yaml").write_text(json.dumps(receiver.declared()))
        with Hub(on, BENCH_ENGINE=_SECRET) as hub:
            answered = _pour(hub.url, seconds, per_s)
            wanted = {f"job-{number}" for number in range(count)} & answered.keys()
            receiver.await_all(wanted)
    asked = receiver.asked
    return Pour(len(wanted), sorted(asked[job] - answered[job] for job in wanted & asked.keys()))


class Receiver:
    """An engine that takes each launch and says when it was first asked for it; in a thread."""

    def __init__(self) -> None:
        self.asked: dict[str, float] = {}
        self.port = 0
        self._up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve)

    def declared(self) -> dict[str, Any]:
        settings = {"url": f"http://127.0.0.1:{self.port}/", "secrets": ["env:BENCH_ENGINE"]}
        engine = {"name": "engine", "kind": "engine", "namespaces": ["jobs"], "settings": settings}
        return {
            "version": 1,
            "launches_per_hour": 0,
            "allowed_networks": ["127.0.0.1"],
            "orchestrators": [engine],
        }

    def await_all(self, jobs: set[str]) -> None:
        """As long as one is asked for within some seconds."""
        last, before = time.monotonic(), -1
        while jobs - self.asked.keys() and time.monotonic() - last < PATIENCE_S:
            if len(self.asked) != before:
                last, before = time.monotonic(), len(self.asked)
            time.sleep(0.1)

    def __enter__(self) -> Self:
        self._thread.start()
        self._up.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_server(self._take, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        self._loop.run_forever()
        server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head_of(reader):
            body = await reader.readexactly(_length_of(head))
            now = time.monotonic()
            if body:
                self.asked.setdefault(json.loads(body)["data"]["job"]["name"], now)
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        writer.close()


async def _head_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""  # it has said all


def _length_of(head: bytes) -> int:
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if line)
    return int(fields.get(b"content-length", 0))


def _pour(url: str, seconds: int, per_s: int) -> dict[str, float]:
    """Each of the datasets is updated once, in any order, so many a second; when it was answered."""
    answered: dict[str, float] = {}
    order = random.Random(1).sample(range(DATASETS), min(DATASETS, per_s * seconds))
    began = time.monotonic()
    for start in range(0, len(order), BATCH):
        time.sleep(max(0.0, began + start / per_s - time.monotonic()))
        some = order[start : start + BATCH]
        _send(url, [completed(dataset) for dataset in some])
        now = time.monotonic()
        answered.update((f"job-{dataset}", now) for dataset in some)
    return answered


def _send(url: str, events: list[dict[str, Any]]) -> None:
    request = urllib.request.Request(
        f"{url}/api/v1/lineage/batch",
        json.dumps(events).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        answer.read()


def lag_section(engine: Engine, poured: Mapping[int, Pour]) -> Section:
    rows = [
        (count, told.launches, len(told.lags), *_figures(told.lags))
        for count, told in poured.items()
    ]
    count, wanted, asked, p50, p99, _ = rows[-1]
    verdict = (
        f"{count:,} subscriptions on {DATASETS:,} datasets, {UPDATES_PER_S} updates/s: "
        f"p50 {p50:.2f} s, p99 {p99:.2f} s from the answer to an update to the request for its "
        f"launch, of which {asked:,} of {wanted:,} came; wanted: p99 under 2"
    )
    head = ["subscriptions", "launches", "asked for", "p50, s", "p99, s", "longest, s"]
    title = f"From an update to the request for its launch, {engine}"
    return Section(title, [verdict], [table(head, rows)])


def _figures(lags: Sequence[float]) -> tuple[float, float, float]:
    if not lags:
        return float("inf"), float("inf"), float("inf")
    return statistics.median(lags), _p99(lags), lags[-1]


def _p99(found: Sequence[float]) -> float:
    return found[min(len(found) - 1, int(0.99 * len(found)))]
