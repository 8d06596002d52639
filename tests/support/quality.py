"""Real dbt, Great Expectations and Soda, in an environment of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.hub_process import ROOT

VENV = ROOT / ".venv-quality"
BIN = VENV / "bin"


def installed() -> bool:
    return (BIN / "dbt-ol").exists()


def run(*command: str, folder: Path, code: int = 0, **environment: str) -> str:
    """Runs a tool of that environment to its end; what it said."""
    told = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(folder),
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "False",
        "SODA_CORE_TELEMETRY": "false",
        **environment,
    }
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=folder,
        env=told,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def python(code: str, folder: Path) -> str:
    """What a script of that environment prints."""
    return run("python", "-c", code, folder=folder)
