"""Lets the world of a demo go on: runs that start, end and fail, while somebody watches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import httpx

JOBS = ("revenue_daily", "stock_levels", "export_partners", "orders_hourly")
TEAMS = ("finance", "ingest", "ml")


#: So long each run takes, give or take a minute; its start is told late.
TOOK: Final = timedelta(minutes=5)


def event(kind: str, job: str, run: str, team: str, **more: Any) -> dict[str, Any]:
    ago = TOOK + timedelta(seconds=int(run[:2], 16) - 128) / 2 if kind == "START" else timedelta(0)
    return {
        "eventType": kind,
        "eventTime": (datetime.now(UTC) - ago).isoformat(),
        "producer": "https://example.org/feeder",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run},
        "job": {
            "namespace": "af-prod",
            "name": job,
            "facets": {"ownership": {"owners": [{"name": f"team:{team}"}]}},
        },
        "inputs": [],
        "outputs": [],
        **more,
    }


def dataset(number: int, team: str, *, sound: bool) -> dict[str, Any]:
    """An output whose check turns, and whose columns change now and then."""
    columns = [{"name": f"c{n}", "type": "int"} for n in range(1 + number % 3)]
    check = {"assertion": "not_null", "success": sound, "column": "c0"}
    return {
        "namespace": "db",
        "name": f"fed_{team}",
        "facets": {
            "schema": {"fields": columns},
            "ownership": {"owners": [{"name": f"team:{team}"}]},
            "dataQualityAssertions": {"assertions": [check]},
        },
    }


def turn(number: int) -> Iterator[dict[str, Any]]:
    """A run of each job; every fourth fails, its output is unsound every other time."""
    for place, job in enumerate(JOBS):
        team, run = TEAMS[place % len(TEAMS)], str(uuid4())
        yield event("START", job, run, team)
        ended = "FAIL" if (number + place) % 4 == 0 else "COMPLETE"
        outputs = [dataset(number, team, sound=number % 2 == 0)] if ended == "COMPLETE" else []
        yield event(ended, job, run, team, outputs=outputs)


def is_heard(url: str, orchestrator: str) -> None:
    """Hands in that all of it is known."""
    at = datetime.now(UTC).isoformat()
    told = {"type": "watermark", "complete_to": at, "observed_at": at}
    asked = {"orchestrator": orchestrator}
    answer = httpx.post(f"{url}/api/v1/observations", params=asked, json=told, timeout=30)
    answer.raise_for_status()


def feed(url: str, seconds: float, orchestrator: str, every_s: float = 1.0) -> None:
    """Of this orchestrator a watermark is handed in."""
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for one in turn(number):
            httpx.post(f"{url}/api/v1/lineage", json=one, timeout=30).raise_for_status()
            time.sleep(every_s / 8)
        httpx.post(f"{url}/api/v1/lineage", content=b"{", timeout=30)  # becomes a dead letter
        is_heard(url, orchestrator)
        number += 1
