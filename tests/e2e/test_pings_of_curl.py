"""Real curl on a real hub that is killed: what was answered is there, once."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.hub_process import HubProcess, trackside

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl"),
]
FLAGS = ["curl", "-fsS", "-m", "60", "-o", "/dev/null"]


@pytest.fixture
def hub(database_url: str, tmp_path: Path) -> Iterator[HubProcess]:
    with HubProcess(tmp_path, environment={"TRACKSIDE_DATABASE_URL": database_url}) as hub:
        yield hub


def curl(*arguments: str) -> None:
    subprocess.run([*FLAGS, *arguments], check=True, timeout=90)


def runs(hub: HubProcess) -> list[dict[str, Any]]:
    path = f"{hub.url}/api/v1/namespaces/heartbeats/jobs/backup/runs"
    found: list[dict[str, Any]] = httpx.get(path, timeout=60).json()["runs"]
    return found


def test_what_curl_was_told_is_kept_by_a_hub_that_is_killed(
    hub: HubProcess, tmp_path: Path
) -> None:
    made = trackside(
        "heartbeats", "add", "backup", "--cron", "30 3 * * *", "--grace", "15min",
        folder=tmp_path, environment={"TRACKSIDE_URL": hub.url},
    )  # fmt: skip
    assert made.stdout.startswith("; curl -fsS")
    path = made.stdout.split("/ping/")[1].split("/$?")[0]
    curl(f"{hub.url}/ping/{path}/start")
    hub.process.kill()
    hub.process.wait()
    hub.start()
    assert [run["state"] for run in runs(hub)] == ["RUNNING"]
    curl("--data-binary", "no space left", f"{hub.url}/ping/{path}/1")
    hub.process.kill()
    hub.process.wait()
    hub.start()
    (run,) = runs(hub)
    assert (run["state"], run["errorMessage"]) == ("FAILED", "exit status 1: no space left")
    curl("--head", f"{hub.url}/ping/{path}")
    listed = trackside(
        "heartbeats", "list", folder=tmp_path, environment={"TRACKSIDE_URL": hub.url}
    )
    assert "backup" in listed.stdout
    assert path not in listed.stdout + hub.said


def test_the_line_that_is_printed_works_in_a_shell(hub: HubProcess, tmp_path: Path) -> None:
    made = trackside(
        "heartbeats", "add", "backup", folder=tmp_path, environment={"TRACKSIDE_URL": hub.url}
    )
    subprocess.run(["sh", "-c", f"(exit 7) {made.stdout}"], check=True, timeout=120)
    (run,) = runs(hub)
    assert (run["state"], run["errorMessage"]) == ("FAILED", "exit status 7")
