"""What is recorded: how well promises are kept, and how fast their budget burns.

Of each hub for itself, where one Prometheus scrapes several: what a staging breaks is none of production's.
Batch work keeps few promises an hour, so that the short windows are an hour and six hours, where
those of a web service would be minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

WINDOWS: Final = ("1h", "6h", "3d", "28d")
#: What tells hubs apart.
HUB: Final = "namespace, job"
TEAM: Final = f"{HUB}, team"
_OBJECTIVE: Final = f"max by ({TEAM}) (trackside_objective_ratio)"


def record(name: str, expr: str) -> dict[str, Any]:
    return {"record": name, "expr": expr}


def broken(window: str) -> str:
    return f"namespace_job_team:trackside_promises_broken:ratio_{window}"


def burn(window: str) -> str:
    return f"namespace_job_team:trackside_budget_burn:ratio_{window}"


def rules() -> Iterator[dict[str, Any]]:
    for window in WINDOWS:
        made = f"sum by ({TEAM}) (increase(trackside_promises_total[{window}]))"
        missed = (
            f'sum by ({TEAM}) (increase(trackside_promises_total{{result="broken"}}[{window}]))'
        )
        # Where nothing was promised nothing was broken.
        yield record(broken(window), f"{missed} / clamp_min({made}, 1)")
        yield record(burn(window), f"{broken(window)} / on ({TEAM}) (1 - {_OBJECTIVE})")
    yield record("namespace_job_team:trackside_attainment:ratio_28d", f"1 - {broken('28d')}")
    yield record("namespace_job_team:trackside_budget_left:ratio_28d", f"1 - {burn('28d')}")
    for share in (50, 95):
        yield record(
            f"namespace_job_orchestrator_team:trackside_run_duration_seconds:p{share}",
            f"histogram_quantile(0.{share}, sum by ({HUB}, orchestrator, team, le) "
            "(rate(trackside_run_duration_seconds_bucket[1h])))",
        )
    yield record(
        "namespace_job:trackside_commit_seconds:p99",
        f"histogram_quantile(0.99, sum by ({HUB}, le) (rate(trackside_commit_seconds_bucket[5m])))",
    )


def groups() -> dict[str, Any]:
    return {"groups": [{"name": "trackside.recording", "interval": "1m", "rules": list(rules())}]}
