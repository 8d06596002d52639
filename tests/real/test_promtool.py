"""Prometheus' own tool finds nothing wrong with what a hub tells."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from hub.metrics import Metrics

PROMTOOL = shutil.which("promtool") or ""
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not PROMTOOL, reason="Debian's prometheus is not installed"),
]


def complete() -> Metrics:
    """Metrics with a series of each."""
    metrics = Metrics()
    for area in (metrics, metrics.world, metrics.jobs):
        for one in area.made.values():
            if one._labelnames:
                one.labels(*("x" for _ in one._labelnames))
    return metrics


def checked(text: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False
    )


def test_the_metrics_keep_to_its_conventions() -> None:
    text = complete().render()
    assert b"trackside_job_last_run_seconds{" in text
    found = checked(text)
    assert (found.returncode, found.stdout + found.stderr) == (0, b"")


def test_it_would_find_a_bad_name() -> None:
    assert checked(
        b"# TYPE trackside_wait_milliseconds gauge\ntrackside_wait_milliseconds 1\n"
    ).returncode
