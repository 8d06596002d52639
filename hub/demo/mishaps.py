"""What a careless sender sends: an event that is survived with warnings, one that is refused."""

from __future__ import annotations

from datetime import datetime

import msgspec

from hub.demo.facets import iso
from hub.demo.nouns import Span

_JOB = {"namespace": "scripts", "name": "nightly_copy"}


def mishaps(now: datetime) -> list[bytes]:
    """No time zone, no schemaURL, a state in small letters, a run id of its own; then no time."""
    at = Span(now, 1).silence.replace(tzinfo=None)
    sloppy = {
        "eventType": "complete",
        "eventTime": iso(at),
        "run": {"runId": "nightly-copy-17"},
        "job": _JOB,
        "producer": "https://example.org/scripts",
    }
    return [msgspec.json.encode(each) for each in (sloppy, {**sloppy, "eventTime": "yesterday"})]
