"""Prometheus' own tool finds nothing wrong with what a hub tells."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from dashboards import GENERATED
from dashboards.prometheus import recording
from dashboards.prometheus.alerts import every
from hub.metrics import Metrics

CASES = Path(__file__).parent / "rules" / "alerts_test.yaml"

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


def test_the_rules_are_right_and_raise_what_they_should() -> None:
    rules = sorted(map(str, GENERATED.glob("*.yaml")))
    for arguments in (["check", "rules", *rules], ["test", "rules", str(CASES)]):
        found = subprocess.run(
            [PROMTOOL, *arguments], capture_output=True, text=True, timeout=240, check=False
        )
        assert found.returncode == 0, found.stdout + found.stderr


def test_each_alert_is_raised_and_each_record_asked_in_some_case() -> None:
    cases = yaml.safe_load(CASES.read_text())["tests"]
    raised = {
        asked["alertname"]
        for case in cases
        for asked in case.get("alert_rule_test", ())
        if asked["exp_alerts"]
    }
    assert {one.name for one in every()} - raised == set()
    # What other records and alerts are made of is tried with them.
    asked = " ".join(q["expr"] for case in cases for q in case.get("promql_expr_test", ()))
    asked += " ".join(one.expr for one in every() if one.name in raised)
    asked += " ".join(rule["expr"] for rule in recording.rules() if rule["record"] in asked)
    assert [r["record"] for r in recording.rules() if r["record"] not in asked] == []


def test_each_alert_asks_for_metrics_that_there_are() -> None:
    told = {
        f"{family.name}{end}"
        for family in complete().registry.collect()
        for end in ("", "_total", "_bucket", "_sum", "_count")
    }
    recorded = {rule["record"] for rule in recording.rules()}
    asked = {
        name
        for expr in (*(one.expr for one in every()), *(r["expr"] for r in recording.rules()))
        for name in re.findall(r"[a-z_:]*trackside_[a-z0-9_:]+", expr)
    }
    assert asked - told - recorded == set()
