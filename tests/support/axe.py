"""axe-core, which finds what keeps people from using a page: https://github.com/dequelabs/axe-core

It is the npm package, got once below `.axe` (`python -m tests.support.axe`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.browser import Browser

VERSION: Final = "4.12.1"
FOLDER: Final = Path(__file__).parents[2] / ".axe"
SCRIPT: Final = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
GRAVE: Final = ("serious", "critical")
WITHIN_S: Final = 120.0


def get() -> None:
    """Installs it with npm, which is given its name and version alone."""
    FOLDER.mkdir(exist_ok=True)
    npm = shutil.which("npm") or "npm"
    quiet = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts")
    command = [npm, "install", "--prefix", str(FOLDER), *quiet, f"axe-core@{VERSION}"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


@cache
def source() -> str:
    """Its script; skips the test where it can't be had."""
    if not SCRIPT.exists():
        try:
            get()
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"there is no axe-core: npm could not get it: {error}")
    return SCRIPT.read_text()


def violations(browser: Browser) -> list[str]:
    """What is serious or critical on the page that is open: the rule, and where."""
    browser.evaluate(f"{source()};0")
    browser.evaluate(
        "window.found = null; axe.run(document, {resultTypes: ['violations']})"
        ".then((told) => { window.found = told.violations; }); 0"
    )
    browser.wait("window.found !== null", WITHIN_S)
    told = json.loads(browser.evaluate("JSON.stringify(window.found)"))
    return [line for one in told if one["impact"] in GRAVE for line in _lines(one)]


def _lines(one: dict[str, Any]) -> list[str]:
    return [
        f"{one['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'][:240]}"
        for node in one["nodes"][:5]
    ]


if __name__ == "__main__":
    get()
