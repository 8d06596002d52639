"""How soon the on-call person hears, and what a storm of incidents does to them and to the hub.

Soon: runs fail one by one; from when their incident opened until the request reaches PagerDuty,
less the group wait. Wanted: p99 under a second.
Storm: thousands of jobs fail within a minute, with and without one root that they all depend on.
Wanted: one page and one message with a root, under 20 messages without; memory and the speed of
the door as they are without targets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, Final, get_args

import httpx

from benchmarks.hubs import Engine, Hub, Store, store
from benchmarks.machine import rss_mb
from benchmarks.report import Section, table
from tests.support.channels.pagerduty import FakePagerDuty
from tests.support.channels.receivers import FakeReceiver
from tests.support.channels.server import Reply, Request

FAILURES: Final = 200
BETWEEN_S: Final = 0.1
STORM: Final = 10_000
BATCH: Final = 100
SENDERS: Final = 4
LONGEST_S: Final = 300.0
QUIET_S: Final = 15.0  # nothing was sent for so long: the storm is over
GROUP_WAIT_S: Final = 30.0

Event = dict[str, Any]


class Pager(FakePagerDuty):
    """PagerDuty, which notes when each incident came first, by its summary."""

    def __init__(self) -> None:
        super().__init__()
        self.came: dict[str, float] = {}
        self.latest = 0.0

    def answer(self, request: Request) -> Reply:
        now = time.time()
        payload = json.loads(request.body).get("payload") or {}
        self.came.setdefault(str(payload.get("summary")), now)
        self.latest = now
        return super().answer(request)


class Chat(FakeReceiver):
    """A chat by webhooks."""


def run(*, full: bool) -> Iterator[Section]:
    """A section per engine; a tenth of the storm unless `full`."""
    for engine in get_args(Engine):
        yield soon(engine)
        yield storm(engine, STORM if full else STORM // 10)


# -- soon --------------------------------------------------------------------------------------


def soon(engine: Engine) -> Section:
    with (
        telling(engine, 0.0) as (hub, pager, _),
        httpx.Client(base_url=hub.url, timeout=60) as client,
    ):
        for number in range(FAILURES):
            send(client, [event(f"job-{number}", number, "FAIL")])
            time.sleep(BETWEEN_S)
        until(lambda: len(pager.came) >= FAILURES)
        waits = sorted(_waits(client, pager))
    p50, p99 = (waits[int(len(waits) * share)] for share in (0.5, 0.99))
    verdict = (
        f"from an open incident to the request at PagerDuty: p99 {p99:.2f} s beyond the group "
        "wait; wanted: under 1 s"
    )
    rows = [(len(waits), p50, waits[int(len(waits) * 0.9)], p99, waits[-1])]
    head = ("incidents", "p50 s", "p90 s", "p99 s", "worst s")
    return Section(f"How soon it is told, {engine}", [verdict], [table(head, rows)])


def _waits(client: httpx.Client, pager: Pager) -> Iterator[float]:
    """Of each incident, in seconds."""
    told = client.get("/api/v1/incidents", params={"limit": 1000}).json()["incidents"]
    opened = {one["job"]["name"]: datetime.fromisoformat(one["openedAt"]) for one in told}
    for summary, came in pager.came.items():
        job = summary.split("prod:")[1].split(":")[0]
        yield came - opened[job].timestamp()


# -- storm -------------------------------------------------------------------------------------


def storm(engine: Engine, jobs: int) -> Section:
    rows = []
    for name, targets, rooted in (
        ("without targets", False, False),
        ("without a root", True, False),
        ("under one root", True, True),
    ):
        rows.append(_storm(engine, name, jobs, targets=targets, rooted=rooted))
    alone, scattered, rooted_row = rows
    verdicts = [
        f"under one root: {rooted_row[1]} pages, {rooted_row[2]} messages; wanted: 1 and 1",
        f"without a root: {scattered[1]} pages, {scattered[2]} messages; wanted: under 20 each",
        f"the door takes {scattered[3] / alone[3]:.0%} of the events that it takes without targets",
        f"memory: {scattered[5] - alone[5]:+.0f} MB against a hub without targets",
    ]
    head = ("storm", "pages", "messages", "events/s", "RSS before MB", "RSS MB", "told after s")
    notes = [f"{jobs:,} jobs fail; their group waits {GROUP_WAIT_S:g} s."]
    return Section(f"A storm of incidents, {engine}", verdicts, [table(head, rows)], notes)


def _storm(
    engine: Engine, name: str, jobs: int, *, targets: bool, rooted: bool
) -> tuple[str, int, int, float, float, float, float]:
    with telling(engine, GROUP_WAIT_S, targets=targets) as (hub, pager, chat):
        reads = ["source"] if rooted else []
        if rooted:
            blow(hub, [event("root", 0, "COMPLETE", outputs=["source"])])
            normal = [event(f"job-{n}", n + 1, "COMPLETE", inputs=reads) for n in range(jobs)]
            blow(hub, normal)
            blow(hub, [event("root", jobs + 1, "FAIL", outputs=["source"])])
        before = rss_mb(hub.pid)
        failing = [event(f"job-{n}", jobs + n + 2, "FAIL", inputs=reads) for n in range(jobs)]
        began = time.time()
        speed = blow(hub, failing)
        await_incidents(hub, jobs)
        if targets:
            until(lambda: pager.latest and time.time() - pager.latest > QUIET_S)
        told = pager.latest - began if targets else 0.0
        return name, pager.count(), chat.count(), speed, before, rss_mb(hub.pid), told


def blow(hub: Hub, events: Sequence[Event]) -> float:
    """Sends them in batches on a few connections; events a second."""
    began = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool, httpx.Client(base_url=hub.url, timeout=120) as client:
        batches = [events[begin : begin + BATCH] for begin in range(0, len(events), BATCH)]
        list(pool.map(lambda some: send(client, some), batches))
    return len(events) / (time.perf_counter() - began)


def await_incidents(hub: Hub, jobs: int) -> None:
    """Until so many are open."""
    with httpx.Client(base_url=hub.url, timeout=60) as client:
        until(lambda: open_incidents(client) >= jobs)


def open_incidents(client: httpx.Client) -> int:
    """Counted page by page."""
    found, cursor = 0, None
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        told = client.get(f"/api/v1/incidents?open=true&limit=1000{more}").json()
        found, cursor = found + len(told["incidents"]), told["nextCursor"]
        if not cursor:
            return found


# -- a hub that tells --------------------------------------------------------------------------


@contextmanager
def telling(
    engine: Engine, group_wait_s: float, *, targets: bool = True
) -> Iterator[tuple[Hub, Pager, Chat]]:
    with ExitStack() as stack:
        pager, chat = stack.enter_context(Pager()), stack.enter_context(Chat())
        on = stack.enter_context(store(engine))
        environment = pager.secrets() | chat.secrets()
        if targets:
            _configure(on, pager, chat, group_wait_s)
        hub = stack.enter_context(Hub(on, "real", **environment))
        yield hub, pager, chat


def _configure(on: Store, pager: Pager, chat: Chat, group_wait_s: float) -> None:
    made = {"pagerduty": pager, "webhook": chat}
    told = {
        "allowed_networks": ["127.0.0.1"],
        "targets": [
            {"name": kind, "kind": kind, "settings": fake.settings(), "per_minute": 60_000}
            for kind, fake in made.items()
        ],
        "routes": [{"name": "all", "to": list(made), "group_wait_s": group_wait_s}],
    }
    if not group_wait_s:
        told["routes"] = [{"name": "all", "to": list(made), "group_wait_s": 0, "crowd": 0}]
    (on.folder / "trackside.yaml").write_text(json.dumps(told))


def send(client: httpx.Client, events: Sequence[Event]) -> None:
    answer = client.post("/api/v1/lineage/batch", json=list(events))
    answer.raise_for_status()


def event(
    job: str, run: int, kind: str, *, inputs: Sequence[str] = (), outputs: Sequence[str] = ()
) -> Event:
    def data(names: Sequence[str]) -> list[Event]:
        return [{"namespace": "lake", "name": name} for name in names]

    return {
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": "https://example.org/benchmarks",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": f"0190a7c0-5d1e-7000-8000-{run:012x}"},
        "job": {"namespace": "prod", "name": job},
        "inputs": data(inputs),
        "outputs": data(outputs),
    }


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + LONGEST_S
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"it does not come to hold within {LONGEST_S:g} s")
        time.sleep(0.5)
