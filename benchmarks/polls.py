"""What asking a large Airflow costs: the first read of all of it, and then a quiet minute.

A real hub process polls a server of made-up rows (airflow_server.py) in a process of its own.
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

NAME: Final = "airflow-large"
QUIET_S: Final = 60
PATIENCE_S: Final = 1_800


class Found(NamedTuple):
    """Seconds and CPU of the first read, MB at its end; CPU and requests of a quiet minute."""

    jobs: int
    events: int
    first_s: float
    first_cpu_s: float
    first_requests: int
    rss_mb: float
    cpu_s_a_minute: float
    requests_a_poll: float


def run(*, full: bool) -> Iterator[Section]:
    """5,000 Dags and 200,000 runs if `full`, else a twentieth."""
    dags, runs = (5_000, 200_000) if full else (250, 10_000)
    for engine in get_args(Engine):
        with store(engine) as on, airflow(dags, runs) as url:
            yield section(engine, dags, runs, measure(on, url))


@contextmanager
def airflow(dags: int, runs: int) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.airflow_server", "--port", str(port)]
    process = subprocess.Popen([*command, "--dags", str(dags), "--runs", str(runs)], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _answers(f"{url}/api/v2/version"))
        yield url
    finally:
        process.kill()
        process.wait()


def measure(on: Store, airflow_url: str) -> Found:
    config = on.folder / "trackside.yaml"
    config.write_text(
        f"orchestrators: [{{name: {NAME}, kind: airflow, "
        f'settings: {{url: "{airflow_url}", poll_every_s: 20}}}}]\n'
    )
    began = time.monotonic()
    with Hub(on, TRACKSIDE_CONFIG=str(config)) as hub:
        _until(lambda: _poll(hub).get("completeAt") is not None)
        first_s, first_cpu_s = time.monotonic() - began, cpu_s([hub.pid])
        first, memory = _poll(hub), rss_mb(hub.pid)
        _until(lambda: _polls(hub) > 0)
        before, polls, used = _poll(hub), _polls(hub), cpu_s([hub.pid])
        time.sleep(QUIET_S)
        after = _poll(hub)
        asked = (after["requests"] - before["requests"]) / max(1, _polls(hub) - polls)
        used = (cpu_s([hub.pid]) - used) / QUIET_S * 60
        jobs = httpx.get(f"{hub.url}/api/v1/jobs?limit=1").json()["totalCount"]
    return Found(
        jobs,
        first["events"],
        first_s,
        first_cpu_s,
        first["requests"],
        memory,
        used,
        asked,
    )


def section(engine: Engine, dags: int, runs: int, found: Found) -> Section:
    size = f"{dags:,} Dags with {runs:,} runs and as many task instances"
    verdicts = [
        f"{size}: the first read took {found.first_s:.0f} s; wanted: under 300 s for 5,000 and 200,000",
        f"a quiet minute costs {found.cpu_s_a_minute:.1f} s of the hub's CPU; wanted: under 2",
        f"{found.rss_mb:.0f} MB at the end of the first read; wanted: under 300",
        f"{found.requests_a_poll:.1f} requests a poll when nothing changed; wanted: at most 6",
    ]
    return Section(f"Polling a large Airflow, {engine}", verdicts, [table(found._fields, [found])])


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
