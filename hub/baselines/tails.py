"""How likely large values are: a log-normal blended with what was seen, and a tail for the rest.

The log-normal alone would call a run that is four deviations late as good as finished; those that
were never that late before are mostly stuck, which the logistic part (a power law) stands for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import erfc, exp, sqrt

_STUCK = 0.02  # share of runs that something has happened to
_SPREAD = 0.5  # of their logarithms
_DOUBT = 20  # samples after which the seen counts as much as the log-normal


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
