"""A real browser shows the hub's page of the API, and its policy forbids nothing that it needs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.hub_process import HubProcess

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: Debian's chromium has it"),
]


def test_the_page_of_the_api_is_drawn_under_its_policy(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        shown = subprocess.run(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
                f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000",
                "--dump-dom", f"{hub.url}/docs",
            ],
            capture_output=True, text=True, timeout=90, check=True,
        )  # fmt: skip
    assert 'id="operations-tag-lineage"' in shown.stdout
    assert "Content Security Policy" not in shown.stderr
