"""The example of an engine of one's own works as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from tests.support.hub_process import ROOT, HubProcess

ENGINE = ROOT / "examples" / "own_engine" / "engine.py"


def test_the_hub_knows_what_the_example_tells(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        subprocess.run(
            [sys.executable, str(ENGINE)], env={"TRACKSIDE_URL": hub.url}, check=True, timeout=30
        )
        job = httpx.get(f"{hub.url}/api/v1/namespaces/my-engine/jobs/report").json()
        schedule = httpx.get(f"{hub.url}/api/v1/namespaces/my-engine/jobs/report/schedule").json()
        engine = httpx.get(f"{hub.url}/api/v1/orchestrators/my-engine").json()
    assert job["latestRun"]["state"] == "COMPLETED"
    assert job["outputs"] == [{"namespace": "file", "name": "/data/report.csv"}]
    assert (schedule["expression"], schedule["timezone"]) == ("0 6 * * *", "Europe/Berlin")
    assert [(sample["pool"], sample["running"]) for sample in engine["backlog"]] == [("default", 1)]
