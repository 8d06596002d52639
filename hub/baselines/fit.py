"""Learning a baseline from a history."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, timedelta, tzinfo
from typing import Final

import numpy as np

from hub.baselines.baseline import LEAST, Baseline
from hub.baselines.robust import MEDIAN, Floats, deviation, median, t_quantile
from hub.baselines.samples import Sample
from hub.baselines.season import fit_season

FEWEST: Final = 8  # samples; below that only a static rule can judge
_SPREAD: Final = 0.0953  # log 1.1: nothing is known better than to a tenth
_CAP: Final = 3.0  # deviations that a sample of an incident counts for at most
_RECENT: Final = 15  # samples by which a lasting change of the level is taken over
_EFFICIENCY: Final = 0.37  # of the median deviation: what a sample is worth in degrees of freedom
_STEPS: Final = np.linspace(0, 1, 17)


def fit(
    samples: Iterable[Sample],
    *,
    zone: tzinfo = UTC,
    month_end: bool = True,
    holidays: Collection[date] = (),
    floor_s: float = 60.0,
) -> Baseline | None:
    """What is normal by these samples, in any order; None if they are fewer than eight.

    `zone` is a ZoneInfo or a fixed offset. `month_end`: days at the ends of months may differ. `floor_s`, in the
    samples' unit, is how far from the expected value a value must be at least to matter.
    """
    history = sorted(samples)
    if len(history) < FEWEST:
        return None
    y = np.log(np.maximum([sample.value for sample in history], LEAST))
    middle = median(y)
    times = [sample.at for sample in history]
    near = _near(holidays, times[0].date())
    season, left, used = fit_season(times, y - middle, zone, near, month_end=month_end)
    left, shift = _centred(left)
    scale = max(deviation(left, used), _SPREAD)
    left = np.where([s.capped for s in history], np.clip(left, -_CAP * scale, _CAP * scale), left)
    ordered = np.sort(left)
    return Baseline(
        season=season,
        level=round(middle + shift, 6),
        scale=round(scale, 5),
        threshold=round(t_quantile(_EFFICIENCY * (len(history) - used)), 4),
        guard=round(float(ordered[-2]), 4),
        second=round(float(np.sort(y)[-2]), 4),
        least=round(float(np.sort(y)[1]), 4),
        quantiles=tuple(_quantiles(ordered)),
        samples=len(history),
        floor_s=floor_s,
        guard_low=round(float(ordered[1]), 4),
    )


def _quantiles(ordered: Floats) -> list[float]:
    """As numpy's own, in a fifth of its time."""
    places = _STEPS * (len(ordered) - 1)
    found: list[float] = np.interp(places, np.arange(len(ordered)), ordered).round(4).tolist()
    return found


def _near(holidays: Collection[date], first: date) -> tuple[date, ...]:
    """Holidays of the history and the year and a half after its start: it is stored."""
    return tuple(day for day in holidays if first <= day <= first + timedelta(days=550))


def _centred(left: Floats) -> tuple[Floats, float]:
    """Residuals around the level of today, and that level."""
    middle = median(left)
    left = left - middle
    if len(left) < 2 * _RECENT:
        return left, middle
    recent, noise = median(left[-_RECENT:]), MEDIAN * deviation(left) ** 2 / _RECENT
    if recent * recent <= 9 * noise:
        return left, middle
    shift = recent * (1 - noise / (recent * recent))
    left = np.r_[left[:-_RECENT], left[-_RECENT:] - shift]
    return left, middle + shift
