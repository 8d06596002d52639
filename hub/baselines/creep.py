"""Creep: a slow or lasting change of what is normal, which no single run gives away.

A clipped CUSUM over what the calendar leaves unexplained detects it; robust figures describe it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from math import exp, log
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from hub.baselines.baseline import LEAST
from hub.baselines.robust import Floats, deviation, median
from hub.baselines.samples import Sample
from hub.baselines.season import fit_season
from hub.baselines.trend import hodges_lehmann, mann_kendall, theil_sen

FEWEST: Final = 30  # runs: 20 to compare with, and some to change
_REFERENCE: Final = 20
_SLACK: Final = 0.5  # deviations that count as no change
_ALARM: Final = 8.0
_CLIP: Final = 3.0  # deviations that one run counts for at most, and all the runs of one day
_LEAST_CHANGE: Final = log(1.1)
_WINDOW: Final = 42  # runs that the trend is told of


class Creep(Struct, frozen=True):
    since: date  # about when it began, in the zone
    ratio: float  # level after per level before
    slope: float  # growth per run, as a share: 0.011 is +1.1 %
    p: float  # that the trend is chance
    runs: int  # that slope and p are told of
    doubles_in: timedelta | None  # halves, if it falls; None: a step
    sentence: str


def find_creep(
    samples: Iterable[Sample],
    *,
    zone: str = "UTC",
    month_end: bool = True,
    holidays: Collection[date] = (),
    since_reset: datetime | None = None,
    falling: bool = False,
) -> Creep | None:
    """A change upwards (or downwards, `falling`) that lasts until the last sample; else None.

    Samples before `since_reset` (a new version of the job, an acknowledged new normal) are left
    out. However many runs were slow on one day, one day is no creep.
    """
    history = sorted(s for s in samples if since_reset is None or s.at >= since_reset)
    if len(history) < FEWEST:
        return None
    sign = -1 if falling else 1
    times = [sample.at for sample in history]
    y = np.log(np.maximum([sample.value for sample in history], LEAST))
    _, left, used = fit_season(times, y - median(y), zone, holidays, month_end=month_end)
    days = np.array([time.astimezone(ZoneInfo(zone)).toordinal() for time in times])
    start = _changed(sign * left, days, used)
    if start is None:
        return None
    change = hodges_lehmann(left[:start], left[start:])
    return _told(times, left, days, start, change) if sign * change >= _LEAST_CHANGE else None


def _changed(left: Floats, days: NDArray[np.int64], used: float) -> int | None:
    """Where the change that is on at the end began, by a CUSUM against the runs before it."""
    scale = max(deviation(np.diff(left), used) / 2**0.5, 0.02)
    reference = float(np.mean(np.clip(left[:_REFERENCE], *_around(left[:_REFERENCE], scale))))
    total, start, alarmed = 0.0, _REFERENCE, None
    today, cap = 0, 0.0
    for i in range(_REFERENCE, len(left)):
        if days[i] != today:
            today, cap = int(days[i]), total + _CLIP
        z = min(max((left[i] - reference) / scale, -_CLIP), _CLIP)
        total = max(0.0, min(total + z - _SLACK, cap))
        if not total:
            start, alarmed = i + 1, None
            reference += scale * z / (i + 1)
        elif total > _ALARM:
            alarmed = start
    return alarmed


def _around(values: Floats, scale: float) -> tuple[float, float]:
    middle = median(values)
    return middle - _CLIP * scale, middle + _CLIP * scale


def _told(
    times: list[datetime], left: Floats, days: NDArray[np.int64], start: int, change: float
) -> Creep:
    runs = min(len(left), max(_WINDOW, len(left) - start))
    window = left[-runs:]
    slope, p = theil_sen(window), mann_kendall(window)
    steady = _steady(window, slope, start - (len(left) - runs), change)
    apart = (times[-1] - times[-runs]) / (runs - 1)
    doubles = apart * (log(2) / abs(slope)) if steady else None
    since = date.fromordinal(int(days[start]))
    growth = exp(slope) - 1
    sentence = f"since about {since.day} {since:%B}"
    if doubles is None:
        sentence = f"{exp(change) - 1:+.0%} over {len(left) - start} runs; {sentence}"
    else:
        verb = "doubles" if slope > 0 else "halves"
        sentence = f"{growth:+.1%} a run over {runs} runs, {verb} in {_span(doubles)}; {sentence}"
    return Creep(since, exp(change), growth, p, runs, doubles, sentence.replace("%", " %"))


def _steady(window: Floats, slope: float, start: int, change: float) -> bool:
    """Whether a line describes the window better than a step."""
    if not slope or slope * change < 0:
        return False
    steps = np.arange(len(window))
    line, step = window - slope * steps, window - change * (steps >= start)
    return _misfit(line) < _misfit(step)


def _misfit(left: Floats) -> float:
    return float(np.abs(left - median(left)).sum())


def _span(span: timedelta) -> str:
    for unit, days in (("weeks", 7.0), ("days", 1.0), ("hours", 1 / 24)):
        number = span / timedelta(days=days)
        if number >= 2:
            return f"{number:.0f} {unit}"
    return "less than 2 hours"
