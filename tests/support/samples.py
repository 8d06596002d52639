"""Captured events: our own under tests/payloads, and those beside the repository, if there are any.

The latter are other projects' events and the schemas of the spec. They are read where they are and
not copied, so a test that needs them skips where they are absent.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
OWN = REPOSITORY / "tests" / "payloads"
SHARED = REPOSITORY.parent / "shared"

Sample = tuple[str, bytes]
"""Where an event stands, and its bytes."""

_SHARED_EVENTS = (
    "samples/openlineage/*/complete/*",
    "samples/openlineage/airflow/mixed/*",
    "samples/openlineage/marquez/legacy_no_schemaURL/*",
    "samples/airflow/events/*.json",
    "samples/dagster/events/*/*.json",
    "samples/other/dbt/[0-9]*.json",
    "samples/other/prefect/[0-9]*.json",
)


def shared(*patterns: str) -> list[Path]:
    """Files beside the repository; skips the test if there are none."""
    found = sorted(path for pattern in patterns for path in SHARED.glob(pattern))
    if not found:
        pytest.skip(f"nothing like {SHARED / patterns[0]} on this machine")
    return found


def shared_events() -> Iterator[Sample]:
    """Every event others have captured that should be understood."""
    for path in shared(*_SHARED_EVENTS):
        yield from _events_in(path, SHARED)


def own_events(folder: str = "") -> Iterator[Sample]:
    for path in sorted((OWN / folder).rglob("*json")):
        yield from _events_in(path, OWN)


def own(name: str) -> dict[str, Any]:
    """One of our own events, to be changed at will."""
    event: dict[str, Any] = json.loads((OWN / name).read_bytes())
    return event


def _events_in(path: Path, root: Path) -> Iterator[Sample]:
    """Of a file with one event, an array, or one per line; placeholders of times are filled."""
    text = re.sub(r"\{\{\w+\}\}", "2026-01-01T00:00:00Z", path.read_text())
    name = str(path.relative_to(root))
    try:
        whole = json.loads(text)
    except ValueError:
        whole = [json.loads(line) for line in text.splitlines() if line.strip()]
    events = whole if isinstance(whole, list) else [whole]
    for number, event in enumerate(events):
        yield f"{name}[{number}]", json.dumps(event).encode()
