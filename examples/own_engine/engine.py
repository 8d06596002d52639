"""An engine of one's own tells the hub what it does: with the standard library, and no more."""

import datetime as dt
import json
import os
import urllib.request
import uuid

HUB = os.environ.get("TRACKSIDE_URL", "http://127.0.0.1:8080")
HEADERS = (
    {"Authorization": f"Bearer {os.environ['TRACKSIDE_TOKEN']}"}
    if "TRACKSIDE_TOKEN" in os.environ
    else {}
)


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


def send(path: str, body: object) -> None:
    urllib.request.urlopen(
        urllib.request.Request(HUB + path, json.dumps(body).encode(), HEADERS), timeout=10
    )


def tell(kind: str, run: str, job: str, outputs: list[str] = []) -> None:
    send(
        "/api/v1/lineage",
        {
            "eventType": kind,
            "eventTime": now(),
            "producer": "https://example.com/engine",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": run},
            "job": {"namespace": "my-engine", "name": job},
            "outputs": [{"namespace": "file", "name": name} for name in outputs],
        },
    )


def main() -> None:
    send(
        "/api/v1/observations?orchestrator=my-engine",
        [
            {
                "type": "schedule",
                "observed_at": now(),
                "job": {"namespace": "my-engine", "name": "report"},
                "schedule": {
                    "kind": "cron",
                    "expression": "0 6 * * *",
                    "timezone": "Europe/Berlin",
                },
            },
            {"type": "backlog", "observed_at": now(), "pool": "default", "queued": 0, "running": 1},
        ],
    )
    run = str(uuid.uuid4())
    tell("START", run, "report")
    # ... the work ...
    tell("COMPLETE", run, "report", outputs=["/data/report.csv"])


if __name__ == "__main__":
    main()
