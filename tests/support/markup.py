"""A world in which whatever somebody may send or type is markup, and the pages that show it.

`client` speaks HTTP as an admin, whose session or token it holds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from starlette.testclient import TestClient

from tests.support.pages import eventually, subscribe, wrote
from tests.support.recording import part_of, run_event, uuid

Client = httpx.Client | TestClient

#: A script that would leave its mark, and one that needs no script element.
NASTY: Final = "<script>window.bitten=1</script>\"'><img src=x onerror=window.bitten=2>"
SPACE: Final = "jobs"
DATASET: Final = {"namespace": "db", "name": NASTY}
JOB: Final = {"namespace": SPACE, "name": NASTY}
DAYS: Final = {"first": "2026-11-12", "last": "2026-11-13"}


def play(client: Client) -> None:
    """Runs that wrote partitions and one that failed, a subscription, launches, a backfill, words."""
    owned = {"ownership": {"owners": [{"name": f"team:{NASTY}"}]}}
    code = {"type": "git", "url": "javascript:window.bitten=3", "version": NASTY}
    told = {
        "sql": {"query": NASTY},
        "documentation": {"description": NASTY},
        "sourceCodeLocation": code,
        "tags": {"tags": [{"key": NASTY, "value": NASTY, "source": "USER"}]},
        NASTY: {"_producer": NASTY, NASTY: NASTY},
    }
    whose: dict[str, Any] = {"job": NASTY, "namespace": SPACE, "job_facets": owned | told}
    facets = _of_dataset() | owned
    for day in range(1, 12):
        _send(client, *wrote(day, NASTY, day=day, facets=facets, inputs=[_dataset("raw")], **whose))
    error = {
        "errorMessage": {"message": NASTY, "programmingLanguage": NASTY, "stackTrace": NASTY},
        "trackside_log": {"tail": NASTY},
        "airflow_link": {"_producer": "x", "url": "javascript:window.bitten=4"},
        NASTY: {"_producer": NASTY, NASTY: NASTY},
    }
    now = datetime.now(UTC).isoformat()
    for kind in ("START", "FAIL"):
        event = run_event(kind, 0, 50, run_facets=error, **whose)
        part = run_event(kind, 0, 51, job=f"{NASTY}.part", namespace=SPACE, run_facets=_part())
        _send(client, event | {"eventTime": now}, part | {"eventTime": now})
    quoted = NASTY.replace('"', '\\"')
    subscribe(client, f'db/"{quoted}"', description=NASTY, since="2026-11-01T00:00:00Z")
    _words(client)


def _of_dataset() -> dict[str, Any]:
    line = {"inputFields": [{"namespace": "db", "name": "raw", "field": NASTY}]}
    return {
        "schema": {"fields": [{"name": NASTY, "type": NASTY, "description": NASTY}]},
        "columnLineage": {"fields": {NASTY: line}},
        "documentation": {"description": NASTY},
        "dataQualityAssertions": {"assertions": [{"assertion": NASTY, "success": False}]},
    }


def _dataset(name: str) -> dict[str, Any]:
    fields = {"schema": {"fields": [{"name": NASTY, "type": "text"}]}}
    return {"namespace": "db", "name": name, "facets": fields}


def _part() -> dict[str, Any]:
    return part_of(50, NASTY, SPACE)


def _words(client: Client) -> None:
    """What people type."""
    launch = {"orchestrator": "engine", "job": JOB, "partition": NASTY, "note": NASTY}
    _done(client.post("/api/v1/launches", json=launch))
    asked = {"dataset": DATASET, "from": DAYS["first"], "to": DAYS["last"], "note": NASTY}
    _done(client.post("/api/v1/backfills", json=asked))
    eventually(lambda: incidents(client))
    for key in incidents(client):
        _done(client.post(f"/incident?id={key}", data={"say": "acknowledge", "reason": NASTY}))
    _done(client.post("/stops", data={"say": "stop", "orchestrator": "engine", "why": NASTY}))
    _done(client.post("/silences", data={"say": "add", "team": NASTY, "hours": "1", "why": NASTY}))
    _done(client.post("/subscription?name=mart", data={"say": "pause", "reason": NASTY}))
    seen: list[dict[str, object]] = [
        {"type": "health", "status": "DEGRADED", "part": NASTY, "detail": NASTY},
        {"type": "backlog", "pool": NASTY, "queued": 7, "running": 1, "slots": 1},
    ]
    for one in seen:
        told = one | {"observed_at": datetime.now(UTC).isoformat()}
        _done(client.post("/api/v1/observations?orchestrator=engine", json=told))


def incidents(client: Client) -> list[int]:
    return [one["id"] for one in client.get("/api/v1/incidents").json()["incidents"]]


def places(client: Client) -> dict[str, str]:
    """The address of each page that shows some of it."""
    launch = client.get("/api/v1/launches").json()["launches"][0]["id"]
    backfill = client.get("/api/v1/backfills").json()["backfills"][0]["id"]
    node = f"job:{SPACE}:{NASTY}"
    lists = (
        "", "incidents", "jobs", "datasets", "triggers", "launches", "backfills", "teams", "rules",
        "quality", "advice", "settings", "silences", "maintenance", "orchestrators", "tokens",
        "rule?name=failed-run", "subscription?name=mart&days=30", "subscription-edit?name=mart",
    )  # fmt: skip
    found = {place or "Now": place for place in lists} | {
        "job": f"job?{urlencode(JOB)}",
        "job that is not there": f"job?{urlencode(JOB | {'name': 'not ' + NASTY})}",
        "run": f"run?id={uuid(50)}",
        "log": f"run-log?id={uuid(50)}",
        "dataset": f"dataset?{urlencode(DATASET)}",
        "plan": f"backfill-plan?{urlencode(DATASET | DAYS)}",
        "launch": f"launch?id={launch}",
        "backfill": f"backfill?id={backfill}",
        "team": f"team?{urlencode({'name': NASTY})}",
        "search": f"search?{urlencode({'q': NASTY})}",
        "lineage of a job": f"lineage?{urlencode({'node': node})}",
        "lineage of a column": f"lineage?{urlencode({'node': 'dataset:db:raw', 'column': NASTY})}",
        "editor": f"subscription-edit?{urlencode({'when': NASTY})}",
        "jobs of words": f"jobs?{urlencode({'text': NASTY})}",
    }
    return found | {f"incident {key}": f"incident?id={key}" for key in incidents(client)}


def shared(client: Client) -> str:
    """The link to an incident for whoever has it."""
    told = client.post(f"/share?id={incidents(client)[0]}").text
    (link,) = re.findall(r"shared\?key=[\w.%-]+", told)
    return str(link)


def _send(client: Client, *events: dict[str, Any]) -> None:
    for event in events:
        _done(client.post("/api/v1/lineage", json=event))


def _done(answer: Any) -> None:
    assert answer.status_code < 400, answer.text
