"""The examples of triggers and gates work as they stand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_process import ROOT, HubProcess

EXAMPLES = ROOT / "examples" / "triggers"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    hub = HubProcess(tmp_path_factory.mktemp("hub"))
    try:
        yield hub.start(90)
    finally:
        hub.stop()


def run(hub: HubProcess, *command: str, code: int = 0) -> str:
    environment = {"PATH": os.environ["PATH"], "TRACKSIDE_URL": hub.url, "WAIT": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_script_publishes_what_is_good_and_nothing_else(hub: HubProcess) -> None:
    script = str(EXAMPLES / "publish.py")
    bad = run(hub, sys.executable, script, "0", code=1)
    assert "failed\n  check has_rows failed" in bad
    assert "not published" in bad
    assert "not published" in run(hub, str(EXAMPLES / "publish.sh"), code=1)
    good = run(hub, sys.executable, script, "3")
    assert "1 of 1 checks passed since the update" in good
    assert good.endswith("published\n")
    assert run(hub, str(EXAMPLES / "publish.sh")).endswith("published\n")


@pytest.mark.parametrize(
    ("environment", "file", "found"),
    [
        (".venv-airflow", "airflow_dag.py", "m.publish_orders"),
        (".venv-dagster", "dagster_asset.py", "m.published_orders"),
    ],
)
def test_the_orchestrator_takes_the_example(
    tmp_path: Path, environment: str, file: str, found: str
) -> None:
    """It is parsed where nothing of Trackside is installed."""
    python = ROOT / environment / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{environment} is not made (make {environment})")
    name = file.removesuffix(".py")
    code = f"import {name} as m; assert {found}; import trackside; print(trackside.__file__)"
    home = {
        "AIRFLOW_HOME": str(tmp_path),
        "DAGSTER_HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [str(python), "-c", code],
        cwd=EXAMPLES,
        env=home,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(EXAMPLES / "trackside.py") in done.stdout
