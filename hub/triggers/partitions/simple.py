"""Mappings of keys of one dimension: which partitions one counts for, and which count for one.

A partition of time counts for those in which it begins, each in its own time zone: so every one
counts for exactly one coarser one, right where clocks are moved, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from hub.schedules.stretches import ORDER, Cut, Stretch
from hub.schedules.timekeys import Reading, read_key

_NOTHING: Final[tuple[str, ...]] = ()


class Mapped(Struct, frozen=True):
    """The target partitions an update counts for. note: why there are none, or what is ambiguous."""

    targets: tuple[str, ...]
    note: str = ""


class Identity(Struct, frozen=True, omit_defaults=True, tag="identity", tag_field="kind"):
    """The same key."""

    def mapped(self, partition: str, _as_of: datetime) -> Mapped:
        return Mapped((partition,))

    def sources(self, target: str) -> tuple[str, ...] | None:
        return (target,)

    def source_keys(self, partition: str) -> tuple[str, ...]:
        return (partition,)


class TimeWindow(Struct, frozen=True, omit_defaults=True, tag="window", tag_field="kind"):
    """The partition of time in which the source's begins: the day of an hour."""

    to: Cut
    source: Cut

    def mapped(self, partition: str, _as_of: datetime) -> Mapped:
        read = read_key(partition, self.source)
        return _mapped(read, (self.to.at(one.begin) for one in read.stretches))

    def sources(self, target: str) -> tuple[str, ...] | None:
        return _keys(
            one
            for window in read_key(target, self.to).stretches
            for one in self.source.beginning(window.begin, window.end)
        )

    def source_keys(self, partition: str) -> tuple[str, ...]:
        return _own_keys(partition, self.source)


class FanOut(Struct, frozen=True, omit_defaults=True, tag="fan_out", tag_field="kind"):
    """All partitions of time that begin within the source's: the hours of a day."""

    to: Cut
    source: Cut

    def mapped(self, partition: str, _as_of: datetime) -> Mapped:
        read = read_key(partition, self.source)
        return _mapped(
            read,
            (
                one
                for window in read.stretches
                for one in self.to.beginning(window.begin, window.end)
            ),
        )

    def sources(self, target: str) -> tuple[str, ...] | None:
        return _keys(self.source.at(one.begin) for one in read_key(target, self.to).stretches)

    def source_keys(self, partition: str) -> tuple[str, ...]:
        return _own_keys(partition, self.source)


class Stamp(Struct, frozen=True, omit_defaults=True, tag="stamp", tag_field="kind"):
    """The partition of time in which the update was made, whatever partition it is of."""

    to: Cut

    def mapped(self, _partition: str, as_of: datetime) -> Mapped:
        return Mapped((self.to.at(as_of).key,))

    def sources(self, _target: str) -> tuple[str, ...] | None:
        return None

    def source_keys(self, partition: str) -> tuple[str, ...]:
        return (partition,)


class Fixed(Struct, frozen=True, omit_defaults=True, tag="fixed", tag_field="kind"):
    """Always this one."""

    key: str

    def mapped(self, _partition: str, _as_of: datetime) -> Mapped:
        return Mapped((self.key,))

    def sources(self, target: str) -> tuple[str, ...] | None:
        return None if target == self.key else _NOTHING

    def source_keys(self, partition: str) -> tuple[str, ...]:
        return (partition,)


class Static(Struct, frozen=True, omit_defaults=True, tag="static", tag_field="kind"):
    """Told one by one: which partition counts for which."""

    map: Mapping[str, tuple[str, ...]]

    def mapped(self, partition: str, _as_of: datetime) -> Mapped:
        found = self.map.get(partition, _NOTHING)
        return Mapped(found, "" if found else f"{partition!r} is not in the map")

    def sources(self, target: str) -> tuple[str, ...] | None:
        return tuple(sorted(key for key, targets in self.map.items() if target in targets))

    def source_keys(self, partition: str) -> tuple[str, ...]:
        return (partition,)


#: Of one dimension.
Simple = Identity | TimeWindow | FanOut | Stamp | Fixed | Static


def check(mapping: Simple) -> None:
    """ValueError if it says what can't be."""
    match mapping:
        case TimeWindow(to, source) if _rank(to) < _rank(source):
            raise ValueError(
                f"{to.every}s are shorter than {source.every}s: say `{to.every}s of {source.every}`"
            )
        case FanOut(to, source) if _rank(to) >= _rank(source):
            raise ValueError(
                f"{to.every}s are not shorter than {source.every}s:"
                f" say `{to.every} of {source.every}`"
            )
        case Static(pairs) if not pairs or not all(pairs.values()):
            raise ValueError("the map is empty: say which partition counts for which")
        case _:
            pass


def _rank(cut: Cut) -> int:
    return ORDER.index(cut.every)


def _mapped(read: Reading, found: Iterable[Stretch]) -> Mapped:
    return Mapped(_keys(found), read.note)


def _own_keys(partition: str, cut: Cut) -> tuple[str, ...]:
    return _keys(read_key(partition, cut).stretches) or (partition,)


def _keys(found: Iterable[Stretch]) -> tuple[str, ...]:
    return tuple({one.key: None for one in found})
