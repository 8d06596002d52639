"""What is normal for volumes, which may grow (or shrink) all the time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import exp, log
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from hub.baselines.baseline import LEAST, Baseline, Judgement
from hub.baselines.fit import FEWEST, fit
from hub.baselines.robust import Floats, median
from hub.baselines.samples import Sample
from hub.baselines.trend import mann_kendall

_CHANCE: Final = 0.01  # a trend that is as likely as this without one counts as none
_LEAST: Final = log(1.1)  # so does one that has moved the level by less
_AHEAD: Final = timedelta(days=30)  # how far it is trusted to go on
_ENOUGH: Final = 120  # values that tell it: pairs of them are looked at
_DAY: Final = timedelta(days=1)


class Growing(Struct, frozen=True):
    """A baseline as of `origin`, and by how much its logarithm grows per day; 0: no trend."""

    baseline: Baseline
    per_day: float
    origin: datetime

    def judge(self, value: float, at: datetime) -> Judgement:
        """As the baseline's, with bounds that have grown until then."""
        ahead = max(-_AHEAD, min(at - self.origin, _AHEAD))
        times = exp(self.per_day * (ahead / _DAY))
        found = self.baseline.judge(value / times, at)
        return replace(
            found,
            value=value,
            expected=found.expected * times,
            low=found.low * times,
            high=found.high * times,
        )

    def lower_than_ever(self, found: Judgement) -> bool:
        """Whether it is lower than nearly everything seen, as VERY_HIGH is higher."""
        return log(max(found.ratio, LEAST)) < self.baseline.guard_low

    @property
    def always_some(self) -> bool:
        """Whether at most one of the samples was zero."""
        return self.baseline.least > log(LEAST) / 2


def fit_growing(samples: Iterable[Sample], floor: float) -> Growing | None:
    """What is normal by these samples, in any order; None if they are fewer than eight.

    floor: how far from the expected value one must be at least to matter, in the samples' unit.
    """
    history = sorted(samples)
    if len(history) < FEWEST:
        return None
    origin = history[-1].at
    days = np.array([(sample.at - origin) / _DAY for sample in history])
    slope = _slope(days, np.log(np.maximum([sample.value for sample in history], LEAST)))
    level = [
        replace(sample, value=sample.value * exp(-slope * day))
        for sample, day in zip(history, days.tolist(), strict=True)
    ]
    found = fit(level, floor_s=floor)
    return None if found is None else Growing(found, round(slope, 6), origin)


def _slope(days: Floats, y: Floats) -> float:
    """Theil and Sen's, which single values and a step do not bend; 0 if it may be chance."""
    some = slice(None, None, -(-len(y) // _ENOUGH))
    days, y = days[some], y[some]
    if mann_kendall(y) > _CHANCE:
        return 0.0
    i, j = np.triu_indices(len(y), 1)
    apart = days[j] > days[i]
    slope = median((y[j] - y[i])[apart] / (days[j] - days[i])[apart]) if apart.any() else 0.0
    return slope if abs(slope) * (days[-1] - days[0]) >= _LEAST else 0.0
