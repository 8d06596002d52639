"""What is normal at a moment, and how far from it a value lies."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from math import exp, inf, log, sqrt
from typing import Final

import numpy as np
from msgspec import Struct

from hub.baselines import tails
from hub.baselines.robust import Floats
from hub.baselines.season import Season

LEAST: Final = 1e-3  # what is less than a millisecond or a thousandth of a row counts as that
RATIO: Final = log(1.25)  # a smaller change is nobody's business
UNSEEN: Final = log(1.5)  # how far above the second largest ever, where the calendar is unknown


class Normality(StrEnum):
    NORMAL = "normal"
    HIGH = "high"  # worth a warning
    VERY_HIGH = "very_high"  # higher than nearly everything seen: worth a page
    LOW = "low"


class Judgement(Struct, frozen=True):
    """A verdict with its evidence; all but `ratio` and `score` are in the samples' unit."""

    verdict: Normality
    ready: bool  # whether enough was seen of this place in the calendar
    value: float
    expected: float
    low: float
    high: float
    ratio: float  # value per expected
    score: float  # distance in standard deviations of the logarithm
    samples: int
    bucket: str  # the place in the calendar, in words


class _Place(Struct, frozen=True):
    center: float  # all logarithms
    scale: float
    ready: bool
    bucket: str


class Baseline(Struct, frozen=True):
    """Learned by :func:`hub.baselines.fit.fit`; stored as JSON. Figures are logarithms."""

    season: Season
    level: float
    scale: float
    threshold: float  # in scales
    guard: float  # the second largest residual
    second: float  # the second largest value
    least: float
    quantiles: tuple[float, ...]  # of residuals, at equal steps of probability
    samples: int
    floor_s: float
    guard_low: float = 0.0  # the second smallest residual

    def expected(self, at: datetime) -> float:
        return exp(self._place(at).center)

    def band(self, at: datetime) -> tuple[float, float]:
        """Below the first a value is low, above the second high."""
        return self._band(self._place(at))

    def limit(self, at: datetime) -> float:
        """The duration above which a run counts as too long."""
        return self.band(at)[1]

    def judge(self, value: float, at: datetime) -> Judgement:
        place = self._place(at)
        low, high = self._band(place)
        y = log(max(value, LEAST))
        return Judgement(
            verdict=self._verdict(value, y, place, low, high),
            ready=place.ready,
            value=value,
            expected=exp(place.center),
            low=low,
            high=high,
            ratio=exp(y - place.center),
            score=(y - place.center) / place.scale,
            samples=self.samples,
            bucket=place.bucket,
        )

    def survival(self, elapsed: float, at: datetime) -> float:
        """The probability that a value is greater than `elapsed`."""
        place = self._place(at)
        return self._survival(elapsed, place)

    def overrun(self, elapsed: float, limit: float, at: datetime) -> float:
        """The probability that a run takes longer than `limit`, having taken `elapsed`."""
        place = self._place(at)
        if limit <= elapsed:
            return 1.0
        return self._survival(limit, place) / self._survival(elapsed, place)

    def quantile(self, p: float, at: datetime) -> float:
        """The value that is not exceeded with probability p, 0 < p < 1."""
        place = self._place(at)
        return exp(place.center + tails.quantile(p, place.scale, self.quantiles, self.samples))

    def lasting(self, chances: Floats, at: datetime, elapsed: float = 0.0) -> Floats:
        """Values that are not exceeded with these probabilities, where `elapsed` is exceeded already."""
        place = self._place(at)
        least = log(max(elapsed, LEAST)) - place.center
        found = tails.quantiles_above(chances, least, place.scale, self.quantiles, self.samples)
        values: Floats = np.exp(place.center + found)
        return values

    def _survival(self, value: float, place: _Place) -> float:
        if value <= 0:
            return 1.0
        residual = log(max(value, LEAST)) - place.center
        return tails.survival(residual, place.scale, self.quantiles, self.samples)

    def _place(self, at: datetime) -> _Place:
        s2 = self.scale * self.scale
        effect, unknown, ready, bucket = self.season.at(at, s2)
        return _Place(self.level + effect, sqrt(s2 + unknown), ready, bucket)

    def _band(self, place: _Place) -> tuple[float, float]:
        reach = max(self.threshold * place.scale, RATIO)
        up, down = place.center + reach, place.center - reach
        if not place.ready:
            up, down = max(up, self.second + UNSEEN), min(down, self.least - UNSEEN)
        expected = exp(place.center)
        return min(exp(down), expected - self.floor_s), max(exp(up), expected + self.floor_s)

    def _verdict(self, value: float, y: float, place: _Place, low: float, high: float) -> Normality:
        if value < low:
            return Normality.LOW
        if value <= high:
            return Normality.NORMAL
        guard = self.guard if place.ready else -inf
        return Normality.VERY_HIGH if y - place.center > guard else Normality.HIGH
