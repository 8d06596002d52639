"""Partition mapping: which partitions of a target an update of a partition counts for.

Pure. A mapping has a readable text (`parse`, `to_text`) and a JSON form (`from_json`, `to_json`).
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from hub.schedules.timekeys import normal
from hub.triggers.partitions.dimensions import Dimension, Dimensions
from hub.triggers.partitions.rollup import Mapping_, Progress, Rollup, check, progress_of
from hub.triggers.partitions.simple import (
    FanOut,
    Fixed,
    Identity,
    Mapped,
    Stamp,
    Static,
    TimeWindow,
)
from hub.triggers.partitions.text import parse, to_text

__all__ = [
    "Dimension",
    "Dimensions",
    "FanOut",
    "Fixed",
    "Identity",
    "Mapped",
    "Mapping_",
    "Progress",
    "Rollup",
    "Stamp",
    "Static",
    "TimeWindow",
    "check",
    "from_json",
    "mapped",
    "normal",
    "parse",
    "progress_of",
    "sources_of",
    "targets_of",
    "to_json",
    "to_text",
]


def targets_of(mapping: Mapping_, partition: str, as_of: datetime) -> tuple[str, ...]:
    """The target partitions an update of this partition, made at `as_of`, counts for."""
    return mapping.mapped(partition, as_of).targets


def mapped(mapping: Mapping_, partition: str, as_of: datetime) -> Mapped:
    """The same with a note: why there are none, or what is ambiguous."""
    return mapping.mapped(partition, as_of)


def sources_of(mapping: Mapping_, target: str) -> tuple[str, ...] | None:
    """All source partitions that count for a target partition, by canonical key.

    None: nobody can know them all.
    """
    return mapping.sources(target)


def to_json(mapping: Mapping_) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(mapping)
    return told


def from_json(document: object) -> Mapping_:
    """ValueError says what is wrong with it, and where."""
    mapping: Mapping_ = msgspec.convert(document, Mapping_)
    check(mapping)
    return mapping
