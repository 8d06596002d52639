"""The examples of the documentation work: each marked block is run against a started hub.

A block is marked by `<!-- try: what its output holds -->` in the line above it. The blocks of a page
run in their order on one hub, which is empty, or plays the demo where the page says so.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_process import HubProcess

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = "http://127.0.0.1:8080"
ON_DEMO = "<!-- tried on the demo -->"
_BLOCK = re.compile(r"^<!-- try: ([^\n]+) -->\n```(sh|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)

Example = tuple[str, str, str]
"""What its output holds, its language, its text."""


def examples(page: Path) -> list[Example]:
    return _BLOCK.findall(page.read_text())


class Demo(HubProcess):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "--weeks", "1")
        self._command[self._command.index("serve")] = "demo"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with Demo(tmp_path_factory.mktemp("demo")) as hub:
        yield hub


TRIED = [page for page in PAGES if examples(page)]


@pytest.mark.parametrize("page", TRIED, ids=[str(page.relative_to(ROOT)) for page in TRIED])
def test_examples_do_what_is_said(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if ON_DEMO in page.read_text():
        run_all(page, request.getfixturevalue("demo"))
        return
    with HubProcess(tmp_path) as hub:
        run_all(page, hub)


def run_all(page: Path, hub: HubProcess) -> None:
    for expected, language, text in examples(page):
        said = run(language, text.replace(WRITTEN, hub.url), hub.folder)
        assert expected in said, f"{text}\nsaid: {said[:2000]}"


def run(language: str, text: str, folder: Path) -> str:
    command = ["bash", "-euc", text] if language == "sh" else [sys.executable, "-c", text]
    # As a reader has it who activated the environment.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{text}\nsaid: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_what_speaks_to_a_hub_is_tried(page: Path) -> None:
    """A block that calls the hub without being tried would rot."""
    tried = [text for _, _, text in examples(page)]
    blocks = re.findall(r"^```(?:sh|python)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    assert not [b for b in blocks if b.startswith("curl") and b not in tried]
