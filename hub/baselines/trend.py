"""Figures of a change: how far, and whether it may be chance."""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np

from hub.baselines.robust import Floats, median


def mann_kendall(y: Floats) -> float:
    """The probability, two-sided, that values without a trend rise or fall as steadily."""
    n = len(y)
    i, j = np.triu_indices(n, 1)
    score = float(np.sign(y[j] - y[i]).sum())
    return erfc(max(abs(score) - 1, 0) / sqrt(n * (n - 1) * (2 * n + 5) / 18) / sqrt(2))


def hodges_lehmann(before: Floats, after: Floats) -> float:
    """The median difference between all pairs."""
    return median((after[:, None] - before[None, :]).ravel())
