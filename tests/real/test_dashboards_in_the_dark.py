"""A dashboard says nothing good of a world that nobody measures."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import GENERATED
from dashboards.asking import panels_of, plain

PROMTOOL = shutil.which("promtool") or ""
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not PROMTOOL, reason="Debian's prometheus is not installed"),
]
BOARDS = [json.loads(path.read_text()) for path in sorted(GENERATED.glob("*.json"))]
BUILD = 'trackside_build_info{job="trackside", instance="a"}'
LEASE = 'trackside_lease_held{job="trackside", instance="a", loop="figures"}'
#: What a hub tells that does nothing but be there; whether a replica of it measures.
MEASURED = {BUILD: "1x30", LEASE: "1x30"}
UNMEASURED = {BUILD: "1x30", LEASE: "1x10 0x20"}
GONE = {BUILD: "1x10 stale", LEASE: "1x10 stale"}


def with_a_zero() -> Iterator[tuple[str, str]]:
    """Every number that is 0 where its metric tells nothing, and its expression."""
    for board in BOARDS:
        for panel in panels_of(board):
            for target in panel["targets"]:
                expr = target.get("expr", "")
                if " or 0 * " in expr and "vector(0)" not in expr:
                    yield f"{board['uid']}: {panel['title']}", plain(target["expr"])


def hub_of_the_overview(title: str) -> str:
    (board,) = (one for one in BOARDS if one["uid"] == "trackside-overview")
    (panel,) = (one for one in panels_of(board) if one["title"] == title)
    return plain(panel["targets"][0]["expr"])


def check(folder: Path, series: Mapping[str, str], wanted: Mapping[str, float | None]) -> None:
    """What each expression is after twenty minutes of these series; None: nothing at all."""
    asked = [
        {"expr": expr, "eval_time": "20m", "exp_samples": _samples(value)}
        for expr, value in wanted.items()
    ]
    given = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "1m", "input_series": given, "promql_expr_test": asked}
    case = folder / "case.yaml"
    case.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    found = subprocess.run(
        [PROMTOOL, "test", "rules", str(case)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr


def _samples(value: float | None) -> list[dict[str, Any]]:
    return [] if value is None else [{"labels": "{}", "value": value}]


def test_there_are_numbers_that_are_zero_where_nothing_is_told() -> None:
    assert len(dict(with_a_zero())) >= 10


@pytest.mark.parametrize("expr", dict(with_a_zero()).values(), ids=dict(with_a_zero()).keys())
def test_a_zero_holds_only_while_somebody_measures(expr: str, tmp_path: Path) -> None:
    check(tmp_path, MEASURED, {expr: 0})
    check(tmp_path, GONE, {expr: None})
    if "trackside_build_info" not in expr:  # of the process: it tells that itself
        check(tmp_path, UNMEASURED, {expr: None})


@pytest.mark.parametrize(
    ("series", "measured", "replicas"),
    [(MEASURED, 1, 1), (UNMEASURED, 0, 1), (GONE, 0, 0), ({}, 0, 0)],
)
def test_the_overview_says_whether_the_hub_is_there(
    series: dict[str, str], measured: float, replicas: float, tmp_path: Path
) -> None:
    wanted: dict[str, float | None] = {
        hub_of_the_overview("Hub"): measured,
        hub_of_the_overview("Replicas"): replicas,
    }
    check(tmp_path, series, wanted)


def test_of_two_hubs_the_one_that_is_gone_is_not_hidden_by_the_other(tmp_path: Path) -> None:
    other = {name.replace('trackside"', 'other"'): values for name, values in GONE.items()}
    check(tmp_path, MEASURED | other, {hub_of_the_overview("Hub"): 0})


def test_zeros_are_bound_to_somebody_who_measures_or_shown_as_bad() -> None:
    for board in BOARDS:
        for panel in panels_of(board):
            for target in panel["targets"]:
                if "vector(0)" in target.get("expr", ""):
                    first, *_ = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
                    assert first["color"] == "red", panel["title"]
