"""Tells of an update and its checks, waits at the gate, and publishes only what is good."""

import sys
import uuid
from datetime import UTC, datetime
from urllib.parse import quote

from trackside import hub

NAMESPACE, NAME, DAY = "file", "/data/orders", "2026-11-30"
PRODUCER = "https://example.org/nightly"


def facet(**values: object) -> dict[str, object]:
    return {"_producer": PRODUCER, "_schemaURL": "https://openlineage.io/spec/facets/", **values}


def tell(rows: int, *, passed: bool) -> None:
    """The update of one partition, with a check of our own: one OpenLineage event."""
    part = {"type": "partition", "partitions": [{"dimensions": {}, "identifier": DAY}]}
    checks = [{"assertion": "has_rows", "success": passed}]
    output = {
        "namespace": NAMESPACE,
        "name": NAME,
        "facets": {"dataQualityAssertions": facet(assertions=checks)},
        "outputFacets": {
            "outputStatistics": facet(rowCount=rows),
            "subset": facet(outputCondition=part),
        },
    }
    event = {
        "eventType": "COMPLETE",
        "eventTime": datetime.now(UTC).isoformat(),
        "run": {"runId": str(uuid.uuid4())},
        "job": {"namespace": "scripts", "name": "nightly"},
        "outputs": [output],
        "producer": PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    hub("POST", "/lineage", event)


def may_publish(wait: float) -> bool:
    """Waits at most so many seconds for the gate to pass; says why it did not."""
    dataset = quote(f"{NAMESPACE}:{NAME}", safe="")
    gate = hub("GET", f"/gates/{dataset}?partition={DAY}&rows=1&incidents=false&wait={wait}")
    print(gate["status"], *gate["reasons"], sep="\n  ")
    return gate["passed"] is True


if __name__ == "__main__":
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    tell(rows, passed=rows > 0)
    if not may_publish(wait=1):
        sys.exit("not published")
    print("published")
