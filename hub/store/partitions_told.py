"""What orchestrators say of partitions: as it is kept, and read again."""

from __future__ import annotations

from datetime import datetime

import msgspec
import zstandard
from msgspec import Struct
from sqlalchemy import Connection, select

from hub.model import PartitionsObserved
from hub.schedules.grids import PartitionStatus, Told
from hub.store.tables import partitions_told

Statuses = dict[PartitionStatus, tuple[str, ...]]


class PartitionsTold(Struct, frozen=True):
    """Of one dataset. `whole`: those that are named are all there may be."""

    definition: str
    whole: bool
    partitions: tuple[Told, ...]
    at: datetime


def statuses_told(seen: PartitionsObserved) -> Statuses:
    return {
        PartitionStatus.COMPLETE: seen.complete,
        PartitionStatus.FAILED: seen.failed,
        PartitionStatus.RUNNING: seen.running,
        PartitionStatus.MISSING: seen.missing,
    }


def pack(statuses: Statuses) -> bytes:
    return zstandard.ZstdCompressor().compress(msgspec.json.encode(statuses))


def told_of(connection: Connection, dataset_id: int) -> PartitionsTold | None:
    """None: its orchestrator says nothing of its partitions."""
    statement = select(partitions_told).where(partitions_told.c.dataset_id == dataset_id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    raw = zstandard.decompress(row.statuses)
    statuses = msgspec.json.decode(raw, type=Statuses)
    told = (Told(key, status, row.at) for status, keys in statuses.items() for key in keys)
    return PartitionsTold(row.definition, not row.truncated, tuple(told), row.at)
