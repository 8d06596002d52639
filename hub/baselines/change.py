"""Where a series changed: a step or a bend that is still on at its end."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from hub.baselines.moments import Ints
from hub.baselines.robust import Floats, median

BEFORE: Final = 20  # values to compare with
AFTER: Final = 4  # values that make a change: fewer may be an accident
_RAMP: Final = 12  # values that tell a slope
_SLACK: Final = 0.5  # deviations that count as no change
_ALARM: Final = 5.2  # deviations beyond the slack, summed over the runs since
_FALL: Final = 4.0  # the same for a fall that ends a rise: less, as it only ends an alarm


class Bend(NamedTuple):
    misfit: float  # sum of the absolute deviations
    start: int  # the first value that is not at the level before
    slope: float


class Rise(NamedTuple):
    kept: Ints  # the values that count: what rose before and has fallen again does not
    start: int  # the first of these after the rise


def changed(y: Floats, *, known: bool = False) -> Rise | None:
    """A rise that is on at the end of the series; None if there is none.

    One that was `known` before needs half the evidence to last, so that alarms do not go on and
    off.
    """
    kept, alarm = np.arange(len(y)), _ALARM / 2 if known else _ALARM
    while (start := _risen(y[kept], BEFORE, alarm)) is not None:
        past = _risen(-y[kept[start:]], AFTER, _FALL)
        if past is None:
            return Rise(kept, start)
        kept = np.delete(kept, slice(start, start + past))
    return None


def bend(y: Floats) -> Bend | None:
    """The best fit of a level line that bends; None if the series is too short to tell."""
    fits = (_hinge(y, start) for start in range(BEFORE, len(y) - _RAMP + 1))
    return min(fits, default=None)


def step_misfit(y: Floats, start: int) -> float:
    """The sum of the absolute deviations from a step at `start`."""
    before, after = y[:start], y[start:]
    return float(np.abs(before - median(before)).sum() + np.abs(after - median(after)).sum())


def _risen(y: Floats, before: int, alarm: float) -> int | None:
    """A CUSUM of ranks, whose reference at each split are all values before it.

    Ranks need no estimate of the spread, and of an outlier they know only that it is large.
    """
    n = len(y)
    if n < before + AFTER:
        return None
    total, starts = _summed_ranks(y), np.arange(before, n - AFTER + 1)
    after = n - starts
    shift = (total[-1] - total[starts]) / after - total[starts] / starts
    excess = (shift - _SLACK) * (after * starts / n)
    best = int(np.argmax(excess))
    return before + best if excess[best] > alarm else None


def _summed_ranks(y: Floats) -> Floats:
    """Sums of ranks that were scaled to mean 0 and variance 1, from 0 on."""
    n = len(y)
    ranks = np.empty(n)
    ranks[np.argsort(y, kind="stable")] = np.arange(n)
    scores = ((ranks + 0.5) / n - 0.5) * 12**0.5
    return np.concatenate((np.zeros(1), np.cumsum(scores)))


def _hinge(y: Floats, start: int) -> Bend:
    """By least absolute deviations: the slope is a weighted median of those from the level."""
    level = median(y[:start])
    steps, rise = np.arange(1.0, len(y) - start + 1), y[start:] - level
    order = np.argsort(rise / steps)
    weights = np.cumsum(steps[order])
    slope = float((rise / steps)[order[int(np.searchsorted(weights, weights[-1] / 2))]])
    left = np.abs(y[:start] - level).sum() + np.abs(rise - slope * steps).sum()
    return Bend(float(left), start, slope)
