"""Lineage events to a running hub, as many at a time as one request should carry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from hub.commands.client import Client
from hub.commands.common import err
from hub.settings import MIB

BATCH: Final = 500
BATCH_BYTES: Final = 4 * MIB


def batches(events: Iterable[bytes]) -> Iterator[list[bytes]]:
    """As many events as one request should carry."""
    batch: list[bytes] = []
    size = 0
    for event in events:
        if batch and (len(batch) == BATCH or size + len(event) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event)
    if batch:
        yield batch


def send(client: Client, batch: Sequence[bytes]) -> Counter[str]:
    """How many a running hub has accepted, and refused, which is told."""
    told = client.json(
        "POST",
        "/api/v1/lineage/batch",
        content=b"\n".join(batch),
        headers={"Content-Type": "application/x-ndjson"},
    )
    for failed in told["failed_events"][:3]:
        err.print(f"refused: {failed['reason']}", markup=False)
    summary = told["summary"]
    return Counter({"accepted": summary["successful"], "refused": summary["failed"]})
