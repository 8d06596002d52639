"""What the calendar explains: effects of buckets and special days, shrunk by their evidence.

Effects are in thousandths of the natural logarithm: they are stored as JSON, and stay exact.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from hub.baselines.moments import DAYS, SPECIAL, Ints, Moments, moments
from hub.baselines.robust import MEDIAN, Floats, deviation, medians, near_zero

ENOUGH: Final = 2  # samples that a bucket needs to be judged by


class Level(Struct, frozen=True):
    """One level of the tree of buckets: bucket -> (effect, samples)."""

    effects: dict[int, tuple[int, int]]
    tau2: float  # variance between buckets; 0: the level explains nothing

    def at(self, bucket: int, s2: float) -> tuple[float, float]:
        """The effect of a bucket, and the variance of what is not known of it."""
        milli, n = self.effects.get(bucket, (0, 0))
        noise = MEDIAN * s2
        return milli / 1000, self.tau2 * noise / (n * self.tau2 + noise)


class Season(Struct, frozen=True):
    levels: tuple[Level, ...]
    seen: tuple[int, ...]  # samples on each kind of special day
    special: dict[int, int]  # kind -> effect, of those that matter
    zone: str | int  # an IANA name, or seconds east of UTC
    month_end: bool
    holidays: tuple[date, ...]

    def at(self, time: datetime, s2: float) -> tuple[float, float, bool, str]:
        """Effect, variance of the unknown, whether enough was seen, and the bucket in words."""
        found = moments([time], _zone(self.zone), self.holidays, month_end=self.month_end)
        keys = [int(bucket[0]) for bucket in found.buckets]
        parts = [level.at(key, s2) for level, key in zip(self.levels, keys, strict=True)]
        kinds = [int(kind) for kind in np.flatnonzero(found.special[:, 0])]
        effect = sum(part[0] for part in parts) + sum(self.special.get(k, 0) for k in kinds) / 1000
        seen = [self.levels[0].effects.get(keys[0], (0, 0))[1], *(self.seen[k] for k in kinds)]
        if self.levels[1].tau2:
            seen.append(self.levels[1].effects.get(keys[1], (0, 0))[1])
        words = ", ".join(
            [f"{DAYS[keys[0]]} around {keys[1] % 24:02}:00", *(SPECIAL[k] for k in kinds)]
        )
        return effect, sum(part[1] for part in parts), min(seen) >= ENOUGH, words


def fit_season(
    times: list[datetime], y: Floats, zone: tzinfo, holidays: Collection[date], *, month_end: bool
) -> tuple[Season, Floats, float]:
    """The season, what it leaves unexplained, and how many parameters it used."""
    found = moments(times, zone, holidays, month_end=month_end)
    levels, left, used = [], y, 1.0
    for buckets in found.buckets:
        level, left, weight = _level(buckets, left)
        levels.append(level)
        used += weight
    special, left = _special(found, left)
    seen = tuple(int(n) for n in found.special.sum(axis=1))
    kept = tuple(sorted(holidays))
    season = Season(tuple(levels), seen, special, _stored(zone), month_end, kept)
    return season, left, used + len(special)


def _stored(zone: tzinfo) -> str | int:
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    offset = zone.utcoffset(None)
    if offset is None:
        raise ValueError(f"zone is {zone!r}; a ZoneInfo with a key or a fixed offset is expected")
    return int(offset.total_seconds())


def _zone(stored: str | int) -> tzinfo:
    return ZoneInfo(stored) if isinstance(stored, str) else timezone(timedelta(seconds=stored))


def _level(buckets: Ints, left: Floats) -> tuple[Level, Floats, float]:
    order = np.lexsort((left, buckets))
    ordered, values = buckets[order], left[order]
    starts, counts = _groups(ordered)
    middles = medians(values, starts, counts)
    enough = counts >= ENOUGH
    if len(starts) == 1 or not enough.any():
        effects = {int(b): (0, int(n)) for b, n in zip(ordered[starts], counts, strict=True)}
        return Level(effects, 0.0), left, 0.0
    inside = (values - np.repeat(middles, counts))[np.repeat(enough, counts)]
    s2 = max(deviation(inside, float(enough.sum())), 1e-3) ** 2
    known = int(enough.sum())
    noise = MEDIAN * s2 * float((1 / counts[enough]).sum()) / known
    between = float((middles[enough] ** 2).sum()) / known - noise
    tau2 = round(max(between, 0.0), 5)
    weights = np.where(enough, tau2 / (tau2 + MEDIAN * s2 / counts), 0.0)
    milli = np.rint(1000 * weights * middles).astype(np.int64)
    triples = zip(ordered[starts].tolist(), milli.tolist(), counts.tolist(), strict=True)
    effects = {bucket: (effect, n) for bucket, effect, n in triples}
    explained = np.empty_like(left)
    explained[order] = np.repeat(milli / 1000, counts)
    return Level(effects, tau2), left - explained, float(weights.sum())


def _groups(ordered: Ints) -> tuple[Ints, Ints]:
    """Where each group of equal numbers starts, and how many they are."""
    begins = np.empty(len(ordered), bool)
    begins[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    starts = np.flatnonzero(begins)
    counts = np.empty_like(starts)
    counts[:-1] = starts[1:] - starts[:-1]
    counts[-1] = len(ordered) - starts[-1]
    return starts, counts


def _special(found: Moments, left: Floats) -> tuple[dict[int, int], Floats]:
    """One kind of day after the other, the clearest first, while one is clear."""
    effects: dict[int, int] = {}
    for _ in range(3):
        s = max(deviation(left), 0.03)
        best = max(
            ((_clear(left[flags], s), kind) for kind, flags in enumerate(found.special)),
            key=lambda pair: abs(pair[0]),
        )
        if not best[0]:
            break
        milli = round(1000 * best[0])
        effects[best[1]] = effects.get(best[1], 0) + milli
        left = left - found.special[best[1]] * (milli / 1000)
    return effects, left


def _clear(values: Floats, s: float) -> float:
    """The effect of a kind of day, shrunk; 0 if it may be chance."""
    if len(values) < ENOUGH:
        return 0.0
    effect, noise = near_zero(values), MEDIAN * s * s / len(values)
    if abs(effect) < 0.14 or effect * effect < 9 * noise:
        return 0.0
    return effect * (1 - noise / (effect * effect))
