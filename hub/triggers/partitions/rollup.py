"""When the parts of a partition are there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from hub.triggers.partitions.dimensions import Dimensions
from hub.triggers.partitions.dimensions import check as check_dimensions
from hub.triggers.partitions.simple import Fixed, Mapped, Simple, Stamp
from hub.triggers.partitions.simple import check as check_simple


class Rollup(
    Struct, frozen=True, rename="camel", omit_defaults=True, tag="rollup", tag_field="kind"
):
    """A partition waits for its parts: all, all but some, or at least so many.

    A day of 23 hours never waits for a 24th.
    """

    of: Simple | Dimensions
    at_least: int | None = None
    all_but: int = 0

    def mapped(self, partition: str, as_of: datetime) -> Mapped:
        return self.of.mapped(partition, as_of)

    def sources(self, target: str) -> tuple[str, ...] | None:
        return self.of.sources(target)

    def source_keys(self, partition: str) -> tuple[str, ...]:
        return self.of.source_keys(partition)

    def needed_of(self, count: int | None) -> int:
        """How many of so many parts it takes; None: nobody knows how many there are."""
        if self.at_least is not None:
            return self.at_least if count is None else min(self.at_least, count)
        return max((count or 0) - self.all_but, 1)


Mapping_ = Simple | Dimensions | Rollup


class Progress(Struct, frozen=True):
    """How far a target partition is. `wanted`: its parts; None: nobody knows them all."""

    wanted: tuple[str, ...] | None
    there: tuple[str, ...]
    missing: tuple[str, ...]
    needed: int

    @property
    def satisfied(self) -> bool:
        return len(self.there) >= self.needed


def progress_of(mapping: Mapping_, target: str, present: Iterable[str]) -> Progress:
    """How far a target partition is when these source partitions were updated.

    An hour that comes twice, and whose key does not say which it is, counts for both: its producer
    tells of it once. Without a rollup any part is enough.
    """
    keys = {key: None for partition in present for key in mapping.source_keys(partition)}
    wanted = mapping.sources(target)
    there = tuple(key for key in (keys if wanted is None else wanted) if key in keys)
    missing = tuple(key for key in wanted or () if key not in keys)
    count = None if wanted is None else len(wanted)
    needed = mapping.needed_of(count) if isinstance(mapping, Rollup) else 1
    return Progress(wanted, there, missing, max(needed, 1))


def check(mapping: Mapping_) -> None:
    """ValueError if it says what can't be."""
    match mapping:
        case Rollup(of, at_least, all_but):
            check(of)
            if at_least is not None and (at_least < 1 or all_but):
                raise ValueError(f"at least {at_least}: 1 or more is expected")
            if all_but < 0:
                raise ValueError(f"all but {all_but}: 0 or more is expected")
            if at_least is None and _boundless(of):
                raise ValueError("nobody knows which partitions these all are: say `at least N`")
        case Dimensions():
            check_dimensions(mapping)
        case _:
            check_simple(mapping)


def _boundless(of: Simple | Dimensions) -> bool:
    if isinstance(of, Dimensions):
        told = {one.of for one in of.to if not isinstance(one.by, (Fixed, Stamp))}
        return not told.issuperset(of.source)
    return isinstance(of, (Fixed, Stamp))
