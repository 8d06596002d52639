"""Airflow's own classes for metrics, over its StatsD client and OpenTelemetry's SDK, to a real hub."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.support.hub_process import ROOT, HubProcess
from tests.support.ports import free_port
from tests.support.tokens import make_token

pytestmark = pytest.mark.real

PYTHON: Final = ROOT / ".venv-airflow" / "bin" / "python"
#: As the scheduler tells of a pool, its executor and itself.
EMIT: Final = """
import sys
sys.path.append({statsd!r})
from airflow.observability import stats
from airflow.observability.metrics import {module}
stats.initialize(factory={module}.{factory}, export_legacy_names=True)
for _ in range({times}):
    for what, slots in dict(open=5, queued=2, running=3, deferred=0, scheduled=7).items():
        stats.gauge(f"pool.{{what}}_slots", slots, tags={{"pool_name": "etl"}})
    stats.gauge("executor.queued_tasks", value=4, tags={{"executor_class_name": "LocalExecutor"}})
    stats.incr("scheduler_heartbeat", 1, 1)
    stats.incr("ti.start", tags={{"dag_id": "etl", "task_id": "load"}})
"""


class World:
    """A hub that listens for StatsD of `af-statsd`, and takes OTLP of `af-otel` by its token."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        told = {"orchestrator": "af-statsd", "port": self.port, "every_s": 1}
        (folder / "trackside.yaml").write_text(yaml.safe_dump({"statsd": [told]}))
        self.token = make_token(folder, "metrics", "ingest", "read")
        self.hub = HubProcess(folder)

    def of(self, name: str) -> dict[str, Any]:
        head = {"Authorization": f"Bearer {self.token}"}
        told = httpx.get(f"{self.hub.url}/api/v1/orchestrators", headers=head).json()
        return next((dict(o) for o in told["orchestrators"] if o["name"] == name), {})

    def emit(self, module: str, factory: str, settings: dict[str, str], times: int = 1) -> None:
        if not PYTHON.exists():
            pytest.skip("there is no .venv-airflow: make real makes it")
        spec = find_spec("statsd")
        assert spec is not None
        assert spec.origin is not None
        statsd = str(Path(spec.origin).parents[1])
        script = EMIT.format(statsd=statsd, module=module, factory=factory, times=times)
        environment = {f"AIRFLOW__METRICS__{name.upper()}": v for name, v in settings.items()}
        more = {name: v for name, v in settings.items() if name.isupper()}
        done = subprocess.run(
            [str(PYTHON), "-c", script],
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.hub.folder), **environment, **more},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("hub"))
    with made.hub:
        yield made


def until(found: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


def backlog(told: dict[str, Any]) -> dict[str, tuple[int, int | None, int | None]]:
    return {b["pool"]: (b["queued"], b["running"], b["capacity"]) for b in told.get("backlog", [])}


def health(told: dict[str, Any]) -> dict[str, str]:
    return {one["part"]: one["status"] for one in told.get("health", [])}


def test_airflow_over_statsd(world: World) -> None:
    port = str(world.port)
    names = {"statsd_on": "True", "statsd_host": "127.0.0.1", "statsd_port": port}
    world.emit("statsd_logger", "get_statsd_logger", names, times=50)
    until(lambda: backlog(world.of("af-statsd")).keys() >= {"etl", "executor"})
    told = world.of("af-statsd")
    assert backlog(told)["etl"] == (9, 3, 10)
    assert backlog(told)["executor"][0] == 4
    assert health(told)["scheduler"] == "HEALTHY"
    metrics = httpx.get(f"{world.hub.url}/metrics").text
    assert 'trackside_signals_total{orchestrator="af-statsd",result="ignored"' in metrics


def test_airflow_over_opentelemetry(world: World) -> None:
    settings = {
        "otel_on": "True",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": (
            f"{world.hub.url}/api/v1/otlp/v1/metrics?orchestrator=af-otel"
        ),
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{world.token}",
    }
    world.emit("otel_logger", "get_otel_logger", settings)
    until(lambda: bool(backlog(world.of("af-otel"))))
    told = world.of("af-otel")
    assert backlog(told)["etl"] == (9, 3, 10)
    assert health(told)["scheduler"] == "HEALTHY"


def test_metrics_without_a_token_are_refused(world: World) -> None:
    answer = httpx.post(f"{world.hub.url}/api/v1/otlp/v1/metrics?orchestrator=af-otel", content=b"")
    assert answer.status_code == httpx.codes.UNAUTHORIZED
