"""The key of a partition as a job spells its own: learned from one that it had. Pure."""

from __future__ import annotations

from itertools import starmap
from typing import Final

from hub.schedules.periods import part_of
from hub.schedules.stretches import Cut
from hub.schedules.timekeys import cut_of, read_key
from hub.schedules.zones import wall_of, zone_of

#: Between the dimensions of a key.
BAR: Final = "|"


def spelt_like(key: str, example: str) -> str:
    """The same partition, spelt as `example` is; the key itself where it is of another kind.

    `2026-11-23T05` is `2026-11-23-05:00` of a job that had `2026-11-22-23:00`; `2026-11` is
    `2026-11-01` of one that had `2026-10-01`. Dimensions (`2026-11-23T05|eu`) are spelt one by one.
    """
    parts, examples = key.split(BAR), example.split(BAR)
    if len(parts) != len(examples):
        return key
    return BAR.join(starmap(_spelt, zip(parts, examples, strict=True)))


def _spelt(key: str, example: str) -> str:
    cut = cut_of(key)
    # One of another kind (a day, where a month is meant) begins none of these.
    if cut is None or not read_key(example, cut).stretches:
        return key
    return spelt(key, example, cut)


def spelt(key: str, example: str, cut: Cut) -> str:
    """A key of time under a cut, spelt as the example is, where it still says the same."""
    like = part_of(example)
    stretches = read_key(key, cut).stretches
    if like is None or not stretches:
        return key
    told = like.key_of(wall_of(stretches[0].begin, zone_of(cut.timezone)))
    return told if read_key(told, cut).key == read_key(key, cut).key else key
