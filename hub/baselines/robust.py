"""Robust figures of small samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAD: float = 1.4826  # of a normal distribution: its standard deviation per median deviation
MEDIAN: float = 1.57  # the variance of a median, times n, per variance of the values

# Student's t at 0.9995, by degrees of freedom.
_DEGREES = np.array([3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30, 60, 120, 1e9])
_T = np.array([12.92, 8.61, 6.869, 5.959, 5.408, 5.041, 4.587, 4.318, 4.073, 3.85, 3.646, 3.46,
               3.373, 3.291])  # fmt: skip


def t_quantile(degrees: float) -> float:
    """What a value of Student's t exceeds once in 2,000 times."""
    return float(np.interp(-1 / max(degrees, 3), -1 / _DEGREES, _T))


def median(values: Floats) -> float:
    """Much quicker for small arrays than numpy's own."""
    ordered, half = np.sort(values), len(values) // 2
    return float(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def deviation(residuals: Floats, used: float = 0) -> float:
    """The standard deviation told by the median deviation; `used` parameters were fitted."""
    n = len(residuals)
    return MAD * median(np.abs(residuals)) * float(np.sqrt(n / max(n - used, n / 4)))


def near_zero(values: Floats) -> float:
    """The median, of an even number the middle one nearer to zero: one outlier of two is none."""
    ordered, half = np.sort(values), len(values) // 2
    if len(values) % 2:
        return float(ordered[half])
    low, high = float(ordered[half - 1]), float(ordered[half])
    return 0.0 if low < 0 < high else min(low, high, key=abs)


def medians(values: Floats, starts: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
    """Of each run of sorted values, the middle one of an even number nearer to zero."""
    low, high = values[starts + (counts - 1) // 2], values[starts + counts // 2]
    nearer = np.where(np.abs(low) < np.abs(high), low, high)
    return np.where(low * high < 0, 0.0, nearer)
