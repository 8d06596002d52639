"""`trackside exec` beside a real hub that goes away and comes back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.hub_process import ROOT, HubProcess
from tests.support.ports import free_port

pytestmark = pytest.mark.timeout(300)


class Place:
    """A hub on a port that it keeps, and commands that are wrapped."""

    def __init__(self, folder: Path, database_url: str) -> None:
        told = {"TRACKSIDE_DATABASE_URL": database_url}
        self.hub = HubProcess(folder, "--port", str(free_port()), environment=told)
        self.spool = folder / "spool"

    def begun(self, *arguments: str) -> subprocess.Popen[bytes]:
        told = {
            "PYTHONPATH": str(ROOT),
            "TRACKSIDE_URL": self.hub.url,
            "TRACKSIDE_SPOOL": str(self.spool),
        }
        # As the other way in takes it, which begins slower and does the same.
        line = [sys.executable, "-m", "hub.cli", "exec", *arguments]
        return subprocess.Popen(line, env={**os.environ, **told}, stdout=subprocess.PIPE)

    def runs(self) -> list[dict[str, Any]]:
        path = f"{self.hub.url}/api/v1/namespaces/web1/jobs/load/runs"
        answer = httpx.get(path, timeout=60)
        found: list[dict[str, Any]] = answer.json().get("runs", [])
        return found

    def kill(self) -> None:
        self.hub.process.kill()
        self.hub.process.wait()


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    place = Place(tmp_path, database_url)
    with place.hub:
        yield place


def until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.2)


def test_a_hub_that_is_killed_while_a_command_runs_hears_of_its_end_later(
    place: Place, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    script = f"until test -e {gate}; do sleep 0.1; done; echo password=hunter2; exit 3"
    process = place.begun(
        "--name", "load", "--namespace", "web1", "--output", "db:orders", "--", "sh", "-c", script
    )
    until(place.runs)
    assert [run["state"] for run in place.runs()] == ["RUNNING"]
    place.kill()
    gate.touch()
    assert process.communicate(timeout=90)[0] == b"password=hunter2\n"
    assert process.returncode == 3
    assert len(list(place.spool.rglob("*.ndjson"))) == 1
    place.hub.start()
    flush = place.begun("--flush")
    assert flush.communicate(timeout=90)[0] == b"1 sent, 0 left\n"
    (run,) = place.runs()
    assert (run["state"], run["errorMessage"]) == ("FAILED", "exit status 3: password=***")
    assert run["facets"]["trackside_log"]["tail"] == "password=***\n"
    assert run["facets"]["trackside_process"]["command"].startswith("sh -c until")
