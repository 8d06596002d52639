"""How regularly something is updated, and when the next update is late."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp, log
from typing import Final, NamedTuple

from hub.baselines.baseline import RATIO, Baseline
from hub.baselines.fit import fit
from hub.baselines.samples import gaps

FLOOR_S: Final = 600.0  # seconds by which an update must be late to matter
#: So long a history shows each weekday twice: a weekend is no surprise then.
SPAN: Final = timedelta(days=15)
_ENOUGH: Final = timedelta(days=35)  # of many updates the latest days are looked at
MOST: Final = 1000  # and no more than this
_BURST: Final = 20  # what follows within this part of a long gap belongs to one update
_IRREGULAR: Final = log(1.6)  # where gaps of this size are normal, no gap tells anything
_MARGIN: Final = log(1.1)  # above the second longest gap
_CARE: Final = 1.5  # what the calendar explains by chance makes the spread look small
_QUARTERS: Final = 1.349  # standard deviations between the quartiles


class Late(NamedTuple):
    """Seconds after an update: when the next one usually comes, and when it is late."""

    expected_s: float
    late_s: float


def fit_intervals(times: Iterable[datetime]) -> Baseline | None:
    """What is normal for the gaps; None if they are fewer than eight or of less than 15 days."""
    kept = thinned(times)
    if not kept or kept[-1] - kept[0] < SPAN:
        return None
    return fit(gaps(kept), floor_s=FLOOR_S)


def thinned(times: Iterable[datetime]) -> list[datetime]:
    """The first of each burst: several jobs may write one dataset, or one many partitions."""
    ordered = sorted(set(times))
    if len(ordered) > MOST:
        ordered = [at for at in ordered if at >= ordered[-1] - _ENOUGH]
    if len(ordered) < 2:
        return ordered
    long = sorted(b - a for a, b in pairwise(ordered))
    apart = long[len(long) * 9 // 10] / _BURST
    if len(ordered) > MOST:
        apart = max(apart, (ordered[-1] - ordered[0]) / MOST)
    kept = ordered[:1]
    for at in ordered[1:]:
        if at - kept[-1] >= apart:
            kept.append(at)
    return kept


def late_after(baseline: Baseline, at: datetime) -> Late | None:
    """By when the next update is late after one; None where that can't be told.

    That is where gaps are irregular, or twice much longer than the calendar explains, and at places
    of the calendar that were hardly seen.
    """
    q = baseline.quantiles
    spread = (q[12] - q[4]) / _QUARTERS
    usual = max(baseline.guard + _MARGIN, _CARE * baseline.threshold * spread)
    place = baseline.judge(1.0, at)
    if usual > _IRREGULAR or not place.ready:
        return None
    late_s = max(place.expected * exp(max(RATIO, usual)), place.expected + baseline.floor_s)
    return Late(place.expected, round(late_s))
