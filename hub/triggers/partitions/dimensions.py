"""Keys of several dimensions, `2026-11-23|eu` as Dagster writes them, or `date=2026-11-23/region=eu`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce
from itertools import islice, product
from typing import Final

from msgspec import Struct

from hub.triggers.partitions.simple import FanOut, Fixed, Mapped, Simple, Stamp, TimeWindow
from hub.triggers.partitions.simple import check as check_simple

BETWEEN: Final = "|"
#: A partition counts for no more than this.
MOST: Final = 10_000
_NAME = re.compile(r"[A-Za-z_]\w*")


class Dimension(Struct, frozen=True, omit_defaults=True):
    """One dimension of the target's keys. `source`: of the source's; None: that of the same name."""

    name: str
    by: Simple
    source: str | None = None

    @property
    def of(self) -> str:
        return self.source or self.name

    @property
    def needs_source(self) -> bool:
        return not isinstance(self.by, (Fixed, Stamp))


class Dimensions(Struct, frozen=True, tag="dimensions", tag_field="kind"):
    """Each dimension of the target's keys by a mapping of its own.

    `source`, `to`: in the order in which their values stand in a key.
    """

    source: tuple[str, ...]
    to: tuple[Dimension, ...]

    def mapped(self, partition: str, as_of: datetime) -> Mapped:
        values = split(partition, self.source)
        if values is None:
            return Mapped((), f"{partition!r} is no key of {BETWEEN.join(self.source)}")
        found = [one.by.mapped(values.get(one.of, ""), as_of) for one in self.to]
        notes = "; ".join(one.note for one in found if one.note)
        targets = joined([one.targets for one in found])
        if len(targets) > MOST:
            return Mapped((), f"{partition!r} counts for more than {MOST:,} partitions")
        return Mapped(targets, notes)

    def sources(self, target: str) -> tuple[str, ...] | None:
        values = split(target, [one.name for one in self.to])
        if values is None:
            return ()
        told = {name: self._sources_of(name, values) for name in self.source}
        if any(keys == () for keys in told.values()) or self._contradicted(values):
            return ()
        keys = [told[name] for name in self.source]
        known = [some for some in keys if some is not None]
        return joined(known) if len(known) == len(keys) else None

    def source_keys(self, partition: str) -> tuple[str, ...]:
        values = split(partition, self.source)
        if values is None:
            return (partition,)
        return joined([self._own_keys(name, value) for name, value in values.items()])

    def _sources_of(self, name: str, values: dict[str, str]) -> tuple[str, ...] | None:
        """The values of a dimension of the source that count for those of the target's."""
        told = (one.by.sources(values[one.name]) for one in self.to if one.of == name)
        known = [keys for keys in told if keys is not None]
        return reduce(_common, known) if known else None

    def _contradicted(self, values: dict[str, str]) -> bool:
        """Whether a value is asked for that no source has."""
        free = (one for one in self.to if not one.needs_source)
        return any(one.by.sources(values[one.name]) == () for one in free)

    def _own_keys(self, name: str, value: str) -> tuple[str, ...]:
        timed = (one.by for one in self.to if one.of == name)
        by = next((by for by in timed if isinstance(by, (TimeWindow, FanOut))), None)
        return (value,) if by is None else by.source_keys(value)


def check(mapping: Dimensions) -> None:
    """ValueError if it says what can't be."""
    names = [one.name for one in mapping.to]
    for told in (mapping.source, names):
        if not told or len(set(told)) < len(told):
            raise ValueError(f"the dimensions {BETWEEN.join(told)!r} are none, or the same twice")
        if wrong := [name for name in told if not _NAME.fullmatch(name)]:
            raise ValueError(f"{wrong[0]!r} is no name of a dimension: letters, digits and _")
    for one in mapping.to:
        check_simple(one.by)
        if one.needs_source and one.of not in mapping.source:
            known = ", ".join(mapping.source)
            raise ValueError(f"{one.of!r} is no dimension of the source; there are: {known}")


def split(key: str, names: Sequence[str]) -> dict[str, str] | None:
    """The values of a key by dimension; None: it has others."""
    told = dict(part.split("=", 1) for part in key.split("/") if "=" in part)
    if set(told) == set(names) and key.count("/") == len(names) - 1:
        return {name: told[name] for name in names}
    values = key.split(BETWEEN)
    return dict(zip(names, values, strict=True)) if len(values) == len(names) else None


def joined(values: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Every combination, as a key; of more than `MOST` one too many."""
    return tuple(BETWEEN.join(one) for one in islice(product(*values), MOST + 1))


def _common(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in some if one in others)
