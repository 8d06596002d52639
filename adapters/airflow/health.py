"""Health of Airflow's parts, by the body of its answer: the status is always 200."""

from __future__ import annotations

from typing import Any, Final

from adapters.airflow.site import Site
from adapters.base.parts import Look
from hub.model import HealthObserved, HealthStatus
from hub.ports import Json

_PARTS: Final = ("metadatabase", "scheduler", "triggerer", "dag_processor")


def look(site: Site, state: Json) -> Look:
    path = "/health" if site.api.is_old else "/monitor/health"
    body: dict[str, dict[str, Any]] = site.api.get(path, dict[str, dict[str, Any]])
    parts = {name: _part(name, body[name]) for name in _PARTS if name in body}
    told = {name: detail for name, detail in parts.items() if detail is not None}
    seen = [
        HealthObserved(_DOWN if detail else _GOOD, site.as_of, name, detail or None)
        for name, detail in told.items()
    ]
    ill = "; ".join(f"{name}: {detail}" for name, detail in told.items() if detail)
    status = HealthStatus.DEGRADED if ill else HealthStatus.HEALTHY
    return Look(
        observations=[*seen, HealthObserved(status, site.as_of, "", ill or None)], state=state
    )


_GOOD, _DOWN = HealthStatus.HEALTHY, HealthStatus.DOWN


def _part(name: str, body: dict[str, Any]) -> str | None:
    """What is wrong, "" if nothing is, None if there is no such part here (never was)."""
    status, beat = body.get("status"), body.get(f"latest_{name}_heartbeat")
    if status is None:
        return None
    if status == "healthy":
        return ""
    return f"no heartbeat since {beat}" if beat else f"says it is {status}"
