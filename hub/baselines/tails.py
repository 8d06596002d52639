"""How likely large values are: a log-normal blended with what was seen, and a tail for the rest.

The log-normal alone would call a run that is four deviations late as good as finished; those that
were never that late before are mostly stuck, which the logistic part (a power law) stands for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import erfc, exp, sinh, sqrt

import numpy as np

from hub.baselines.robust import Floats

_STUCK = 0.02  # share of runs that something has happened to
_SPREAD = 0.5  # of their logarithms
_DOUBT = 20  # samples after which the seen counts as much as the log-normal
_UNSURE = 3.5  # samples: with as many the spread of what comes is twice that of what was seen
#: Residuals at which many are looked up at once: close together where most of them lie.
_GRID: Floats = np.sinh(np.linspace(-5, 5, 801)) * (12 / sinh(5))
_DEVIATIONS: Floats = np.linspace(-8, 8, 1601)
_NORMAL: Floats = np.array([erfc(z / sqrt(2)) / 2 for z in _DEVIATIONS])


def survival(residual: float, scale: float, quantiles: Sequence[float], samples: int) -> float:
    """The probability of a larger residual: falls from 1 to 0, never below what is stuck."""
    seen = samples / (samples + _DOUBT)
    normal = erfc(residual / scale / sqrt(2)) / 2
    regular = (1 - seen) * normal + seen * (1 - _share(residual, quantiles))
    return (1 - _STUCK) * regular + _STUCK / (1 + exp(min(residual / _SPREAD, 700)))


def quantile(p: float, scale: float, quantiles: Sequence[float], samples: int) -> float:
    """The residual that is exceeded with probability 1 - p."""
    if not 0 < p < 1:
        raise ValueError(f"p is {p}; a probability between 0 and 1 is expected")
    low, high = -60.0, 60.0
    for _ in range(60):
        middle = (low + high) / 2
        if survival(middle, scale, quantiles, samples) > 1 - p:
            low = middle
        else:
            high = middle
    return high


def quantiles_above(
    chances: Floats, least: float, scale: float, quantiles: Sequence[float], samples: int
) -> Floats:
    """Residuals that are not exceeded with these probabilities, where `least` is exceeded.

    Wider than :func:`quantile` by what the level and the scale are unsure of.
    """
    seen, grid = samples / (samples + _DOUBT), _GRID / (1 + _UNSURE / samples)
    normal = np.interp(grid / scale, _DEVIATIONS, _NORMAL)
    share = np.interp(grid, quantiles, np.linspace(0, 1, len(quantiles)))
    regular = (1 - seen) * normal + seen * (1 - share)
    above = (1 - _STUCK) * regular + _STUCK / (1 + np.exp(_GRID / _SPREAD))
    left = float(np.interp(least, _GRID, above))
    found: Floats = np.interp(1 - left * (1 - chances), 1 - above, _GRID)
    return np.maximum(found, least)


def _share(residual: float, quantiles: Sequence[float]) -> float:
    """The share of residuals that were seen below this one."""
    steps = len(quantiles) - 1
    if residual <= quantiles[0]:
        return 0.0
    if residual >= quantiles[-1]:
        return 1.0
    i = bisect_left(quantiles, residual)
    below, above = quantiles[i - 1], quantiles[i]
    return (i - 1 + (residual - below) / (above - below)) / steps
