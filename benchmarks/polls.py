"""What asking a large orchestrator costs: the first read of all of it, the minute after it, in which
rules catch up, and then a quiet one.

A real hub process polls a server of made-up rows (airflow_server.py, dagster_server.py) in a process
of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, get_args

import httpx

from benchmarks.hubs import ROOT, Engine, Hub, Store, store
from benchmarks.machine import cpu_s, rss_mb
from benchmarks.report import Section, table
from tests.support.ports import free_port

NAME: Final = "large"
QUIET_S: Final = 60
#: After the first read, until rules have caught up.
CATCH_UP_MINUTES: Final = 3
PATIENCE_S: Final = 1_800


class Found(NamedTuple):
    """Seconds and CPU of the first read, MB at its end; CPU of the minute after it, CPU and requests of
    a quiet one.
    """

    jobs: int
    events: int
    first_s: float
    first_cpu_s: float
    first_requests: int
    rss_mb: float
    minute_after_cpu_s: float
    quiet_minute_cpu_s: float
    requests_a_poll: float


def run(*, full: bool) -> Iterator[Section]:
    """An Airflow of 5,000 Dags and 200,000 runs and a Dagster of 5,000 runs, else a twentieth."""
    dags, runs = (5_000, 200_000) if full else (250, 10_000)
    dagster_runs = 5_000 if full else 250
    for engine in get_args(Engine):
        with store(engine) as on, server("airflow", dags=dags, runs=runs) as url:
            yield airflow_section(engine, dags, runs, measure(on, "airflow", url))
        with store(engine) as on, server("dagster", runs=dagster_runs) as url:
            yield dagster_section(engine, dagster_runs, measure(on, "dagster", url))


@contextmanager
def server(kind: str, **sizes: int) -> Iterator[str]:
    """Its address, while it runs."""
    port = free_port()
    command = [sys.executable, "-m", f"benchmarks.{kind}_server", "--port", str(port)]
    told = [part for name, size in sizes.items() for part in (f"--{name}", str(size))]
    process = subprocess.Popen([*command, *told], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _answers(f"{url}/api/v2/version"))
        yield url
    finally:
        process.kill()
        process.wait()


def measure(on: Store, kind: str, url: str) -> Found:
    config = on.folder / "trackside.yaml"
    config.write_text(
        f"orchestrators: [{{name: {NAME}, kind: {kind}, "
        f'settings: {{url: "{url}", poll_every_s: 20}}}}]\n'
    )
    began = time.monotonic()
    with Hub(on, TRACKSIDE_CONFIG=str(config)) as hub:
        _until(lambda: _poll(hub).get("completeAt") is not None)
        first_s, first_cpu_s = time.monotonic() - began, cpu_s([hub.pid])
        first, memory = _poll(hub), rss_mb(hub.pid)
        _until(lambda: _polls(hub) > 0)
        minutes = [_minute(hub) for _ in range(CATCH_UP_MINUTES)]
        before, polls = _poll(hub), _polls(hub)
        quiet = _minute(hub)
        after = _poll(hub)
        asked = (after["requests"] - before["requests"]) / max(1, _polls(hub) - polls)
        jobs = httpx.get(f"{hub.url}/api/v1/jobs?limit=1").json()["totalCount"]
    return Found(
        jobs,
        first["events"],
        first_s,
        first_cpu_s,
        first["requests"],
        memory,
        minutes[0],
        quiet,
        asked,
    )


def _minute(hub: Hub) -> float:
    """Seconds of CPU that it uses in one."""
    used = cpu_s([hub.pid])
    time.sleep(QUIET_S)
    return cpu_s([hub.pid]) - used


def airflow_section(engine: Engine, dags: int, runs: int, found: Found) -> Section:
    size = f"{dags:,} Dags with {runs:,} runs and as many task instances"
    verdicts = [
        f"{size}: the first read took {found.first_s:.0f} s; wanted: under 300 s for 5,000 and 200,000",
        _quiet(found),
        f"{found.rss_mb:.0f} MB at the end of the first read; wanted: under 300",
        f"{found.requests_a_poll:.1f} requests a poll when nothing changed; wanted: at most 6",
    ]
    return Section(f"Polling a large Airflow, {engine}", verdicts, [table(found._fields, [found])])


def dagster_section(engine: Engine, runs: int, found: Found) -> Section:
    each = found.first_cpu_s / runs * 1000
    verdicts = [
        f"{runs:,} runs of two steps: the first read took {found.first_s:.0f} s",
        f"a run costs {each:.1f} ms of the hub's CPU and {found.first_requests / runs:.2f} requests",
        _quiet(found),
        f"{found.rss_mb:.0f} MB at the end of the first read; wanted: under 300",
        f"{found.requests_a_poll:.1f} requests a poll when nothing changed; wanted: at most 6",
    ]
    return Section(f"Polling a large Dagster, {engine}", verdicts, [table(found._fields, [found])])


def _quiet(found: Found) -> str:
    return (
        f"a quiet minute costs {found.quiet_minute_cpu_s:.1f} s of the hub's CPU (the one right after "
        f"the first read, in which rules catch up, {found.minute_after_cpu_s:.1f} s); wanted: under 2"
    )


def _poll(hub: Hub) -> dict[str, Any]:
    answer = httpx.get(f"{hub.url}/api/v1/orchestrators/{NAME}", timeout=60)
    return (answer.json()["poll"] or {}) if answer.status_code == 200 else {}


def _polls(hub: Hub) -> float:
    name = f'trackside_polls_total{{orchestrator="{NAME}",result="done"}}'
    return hub.figures().get(name, 0)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def _until(holds: Any) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {PATIENCE_S} s")
        time.sleep(0.5)
