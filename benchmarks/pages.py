"""How long pages take, on a store of a given size: CPU of the hub and time until the answer.

Asked within one process, with nothing else at work: what a page itself costs. On PostgreSQL the
server's part is in the time alone.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, get_args
from urllib.parse import urlencode

from starlette.testclient import TestClient

from benchmarks.fill import PER_NAMESPACE, RUNS, World, fill
from benchmarks.furnish import LAUNCHES, OPEN_OF, OVER, SUBSCRIPTIONS, furnish
from benchmarks.hubs import Engine, store
from benchmarks.report import Section, table
from hub import logs
from hub.main import writing
from hub.settings import Settings
from hub.store.db import Database
from hub.web.app import create_site

ROUNDS: Final = 40
WARM_UP: Final = 5
LIMIT_MS: Final = 100

Path_ = Callable[[World, random.Random], str]


class Figure(NamedTuple):
    """Milliseconds at the median and at 95 %, those of CPU at 95 %, and bytes of the answer."""

    p50: float
    p95: float
    cpu: float
    size: int


def _job(world: World, draw: random.Random) -> str:
    job = draw.randrange(1, world.jobs + 1)
    asked = {"namespace": f"airflow-{(job - 1) // PER_NAMESPACE}", "name": world.name(job)}
    return f"job?{urlencode(asked)}"


def _dataset(world: World, draw: random.Random) -> str:
    job = draw.randrange(1, world.jobs + 1)
    space = f"postgres://warehouse-{(job - 1) // PER_NAMESPACE}"
    return f"dataset?{urlencode({'namespace': space, 'name': f'public.{world.name(job)}'})}"


def _run(world: World, draw: random.Random) -> str:
    return f"run?id=90000000-0000-0000-0000-{draw.randrange(1, world.jobs * RUNS):012x}"


def _incident(world: World, draw: random.Random) -> str:
    return f"incident?id={draw.randrange(1, world.jobs // OPEN_OF * (OVER + 1) + 1)}"


def _lineage(world: World, draw: random.Random) -> str:
    job = draw.randrange(1, world.jobs + 1)
    node = f"job:airflow-{(job - 1) // PER_NAMESPACE}:{world.name(job)}"
    return f"lineage-graph?{urlencode({'node': node, 'up': 5, 'down': 5})}"


def _subscription(_: World, draw: random.Random) -> str:
    return f"subscription?name=wish-{draw.randrange(1, SUBSCRIPTIONS + 1)}"


def _launch(_: World, draw: random.Random) -> str:
    return f"launch?id={draw.randrange(1, LAUNCHES + 1)}"


def _always(path: str) -> Path_:
    return lambda _, __: path


PAGES: Final[dict[str, Path_]] = {
    "Now": _always(""),
    "incidents": _always("incidents"),
    "an incident": _incident,
    "jobs": _always("jobs"),
    "jobs that failed": _always("jobs?state=FAILED"),
    "jobs with a word": _always("jobs?text=orders"),
    "a job": _job,
    "a run": _run,
    "datasets": _always("datasets"),
    "a dataset": _dataset,
    "lineage, five steps": _lineage,
    "orchestrators": _always("orchestrators"),
    "an orchestrator": _always("orchestrator?name=airflow"),
    "triggers": _always("triggers"),
    "a subscription": _subscription,
    "launches": _always("launches"),
    "a launch": _launch,
    "backfills": _always("backfills"),
    "teams": _always("teams"),
    "a team": _always("team?name=sales"),
    "rules": _always("rules"),
    "a rule": _always("rule?name=failed-run"),
    "alert quality": _always("quality"),
    "advice": _always("advice"),
    "settings": _always("settings"),
    "silences": _always("silences"),
    "maintenance": _always("maintenance"),
    "search": _always("search?q=orders"),
}


def measure(engine: Engine, jobs: int) -> dict[str, Figure]:
    """Fills a store and asks for each page."""
    with store(engine) as kept:
        db = Database(kept.url, durable=False)
        world = fill(db, jobs)
        furnish(db, world)
        db.close()
        with writing(Settings(database_url=kept.url)) as hub:
            client = TestClient(create_site(hub), base_url="http://127.0.0.1:8080")
            return {name: _ask(client, world, path) for name, path in PAGES.items()}


def _ask(client: TestClient, world: World, path: Path_) -> Figure:
    draw = random.Random(1)
    taken, used, sizes = [], [], []
    for number in range(WARM_UP + ROUNDS):
        asked = path(world, draw)
        began, started = time.perf_counter(), time.process_time()
        answer = client.get(f"/{asked}")
        cpu, took = time.process_time() - started, time.perf_counter() - began
        if answer.status_code != 200:
            raise RuntimeError(f"{asked}: {answer.status_code} {answer.text[:300]}")
        if number >= WARM_UP:
            taken.append(took * 1000)
            used.append(cpu * 1000)
            sizes.append(len(answer.content))
    return Figure(statistics.median(taken), _p95(taken), _p95(used), int(statistics.median(sizes)))


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def run(*, full: bool) -> Iterator[Section]:
    """full: 100,000 jobs."""
    jobs = 100_000 if full else 20_000
    logs.setup("WARNING", "console")
    for engine in get_args(Engine):
        yield _section(engine, jobs, measure(engine, jobs))


def _section(engine: Engine, jobs: int, found: dict[str, Figure]) -> Section:
    name, slowest = max(found.items(), key=lambda one: one[1].cpu)
    p95 = f"p95 {slowest.p95:.0f} ms, of CPU {slowest.cpu:.0f} ms"
    verdict = f"slowest: {name}, {p95}; wanted: under {LIMIT_MS}"
    rows = [
        [name, f"{one.p50:.0f}", f"{one.p95:.0f}", f"{one.cpu:.0f}", _kilo(one.size)]
        for name, one in found.items()
    ]
    head = ["page", "p50, ms", "p95, ms", "CPU p95, ms", "answer"]
    return Section(f"Pages, {jobs:,} jobs, {engine}", [verdict], [table(head, rows)])


def _kilo(size: int) -> str:
    return f"{size / 1000:.0f} kB"
