"""What is recorded: how well promises are kept, and how fast their budget burns.

Batch work keeps few promises an hour, so that the short windows are an hour and six hours, where
those of a web service would be minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

WINDOWS: Final = ("1h", "6h", "3d", "28d")
OBJECTIVE: Final = "max by (team) (trackside_objective_ratio)"


def record(name: str, expr: str) -> dict[str, Any]:
    return {"record": name, "expr": expr}


def broken(window: str) -> str:
    return f"team:trackside_promises_broken:ratio_{window}"


def burn(window: str) -> str:
    return f"team:trackside_budget_burn:ratio_{window}"


def rules() -> Iterator[dict[str, Any]]:
    for window in WINDOWS:
        made = f"sum by (team) (increase(trackside_promises_total[{window}]))"
        missed = f'sum by (team) (increase(trackside_promises_total{{result="broken"}}[{window}]))'
        # Where nothing was promised nothing was broken.
        yield record(broken(window), f"{missed} / clamp_min({made}, 1)")
        yield record(burn(window), f"{broken(window)} / on (team) (1 - {OBJECTIVE})")
    yield record("team:trackside_attainment:ratio_28d", f"1 - {broken('28d')}")
    yield record("team:trackside_budget_left:ratio_28d", f"1 - {burn('28d')}")
    for share in (50, 95):
        yield record(
            f"orchestrator_team:trackside_run_duration_seconds:p{share}",
            f"histogram_quantile(0.{share}, sum by (orchestrator, team, le) "
            "(rate(trackside_run_duration_seconds_bucket[1h])))",
        )
    yield record(
        "trackside_commit_seconds:p99",
        "histogram_quantile(0.99, sum by (le) (rate(trackside_commit_seconds_bucket[5m])))",
    )


def groups() -> dict[str, Any]:
    return {"groups": [{"name": "trackside.recording", "interval": "1m", "rules": list(rules())}]}
