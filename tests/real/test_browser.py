"""A real browser shows the hub's pages, and their policy forbids nothing that they need."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.hub_process import HubProcess
from tests.support.recording import run_event

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: Debian's chromium has it"),
]


def test_the_page_of_the_api_is_drawn_under_its_policy(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        shown = browse(tmp_path, f"{hub.url}/docs", wait_ms=10_000)
    assert 'id="operations-tag-lineage"' in shown.stdout
    assert "Content Security Policy" not in shown.stderr


def test_the_pages_are_drawn_without_a_complaint(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        for minute, kind in enumerate(("START", "FAIL")):
            event = run_event(kind, minute, inputs=["orders"], outputs=["revenue"])
            httpx.post(f"{hub.url}/api/v1/lineage", json=event).raise_for_status()
        run = httpx.get(f"{hub.url}/api/v1/jobs").json()["jobs"][0]["latestRun"]["id"]
        places: tuple[str, ...] = ("", "incidents", "jobs", "datasets", "orchestrators")
        places += ("search?q=load", "sign-in")
        places += ("triggers", "launches", "backfills", "subscription-edit?when=all(", "teams")
        places += (
            "rules",
            "rule?name=failed-run",
            "quality",
            "settings",
            "silences",
            "maintenance",
        )
        subjects = ("job?namespace=prod&name=load", "dataset?namespace=db&name=revenue")
        for place in (*places, *subjects, f"run?id={run}", "incident?id=404"):
            shown = browse(tmp_path, f"{hub.url}/{place}")
            assert "</footer>" in shown.stdout, place
            complaints = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
            assert [line for line in complaints if "404 (Not Found)" not in line] == [], place


def browse(folder: Path, url: str, wait_ms: int = 500) -> subprocess.CompletedProcess[str]:
    """The page as the browser has made it, and what it said meanwhile."""
    return subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}", f"--virtual-time-budget={wait_ms}",
            "--dump-dom", url,
        ],
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
