"""Creep: a slow or lasting change of what is normal, which no single run gives away.

It is searched in what the calendar leaves unexplained, one value a day: however many runs were
slow on one day, one day is no creep.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from math import exp, log
from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct

from hub.baselines.baseline import LEAST
from hub.baselines.change import AFTER, BEFORE, bend, changed, step_misfit
from hub.baselines.moments import Ints
from hub.baselines.robust import Floats, median, medians
from hub.baselines.samples import Sample
from hub.baselines.season import fit_season
from hub.baselines.trend import hodges_lehmann, mann_kendall

FEWEST: Final = BEFORE + AFTER  # days with runs
_LEAST_CHANGE: Final = log(1.1)
_WINDOW: Final = 42  # days that p is told of, at least


class Creep(Struct, frozen=True):
    since: date  # about when it began, in the zone
    ratio: float  # the level of today per the level before
    slope: float  # growth per run, as a share: 0.011 is +1.1 %; 0: a step
    p: float  # the probability that runs without a trend rise or fall as steadily
    runs: int  # since it began
    doubles_in: timedelta | None  # halves, if it falls; None: a step
    sentence: str


class _Days(NamedTuple):
    """One value for each day that had runs."""

    left: Floats  # the median of what the calendar leaves unexplained
    ordinals: Ints
    runs: Ints


def find_creep(
    samples: Iterable[Sample],
    *,
    zone: tzinfo = UTC,
    month_end: bool = True,
    holidays: Collection[date] = (),
    since_reset: datetime | None = None,
    falling: bool = False,
    known: bool = False,
) -> Creep | None:
    """A change upwards (or downwards, `falling`) that lasts until the last sample; else None.

    Samples before `since_reset` (a new version of the job, an acknowledged new normal) are left
    out. It takes 24 days with runs to find anything. `known`: it was found before and is told of;
    then half the evidence is enough, so that it does not come and go.
    """
    history = sorted(s for s in samples if since_reset is None or s.at >= since_reset)
    if len(history) < FEWEST:
        return None
    times = [sample.at for sample in history]
    y = np.log(np.maximum([sample.value for sample in history], LEAST))
    _, left, _ = fit_season(times, y - median(y), zone, holidays, month_end=month_end)
    days = _daily(times, left, zone)
    sign = -1 if falling else 1
    rise = changed(sign * days.left, known=known)
    if rise is None:
        return None
    kept, start = rise.kept, rise.start
    days = _Days(days.left[kept], days.ordinals[kept], days.runs[kept])
    change = hodges_lehmann(days.left[:start], days.left[start:])
    if sign * change < (0 if known else _LEAST_CHANGE):
        return None
    bent = bend(days.left)
    if bent and bent.slope * change > 0 and bent.misfit < step_misfit(days.left, start):
        return _drift(days, bent.start, bent.slope)
    return _step(days, start, change)


def _daily(times: list[datetime], left: Floats, zone: tzinfo) -> _Days:
    ordinals = np.array([time.astimezone(zone).toordinal() for time in times])
    order = np.lexsort((left, ordinals))
    days, starts, counts = np.unique(ordinals[order], return_index=True, return_counts=True)
    return _Days(medians(left[order], starts, counts), days, counts)


def _step(days: _Days, start: int, change: float) -> Creep:
    runs, since = int(days.runs[start:].sum()), date.fromordinal(int(days.ordinals[start]))
    sentence = f"{exp(change) - 1:+.0%} over {runs} runs; {_since(since)}".replace("%", " %")
    return Creep(since, exp(change), 0.0, _chance(days, start), runs, None, sentence)


def _drift(days: _Days, start: int, slope: float) -> Creep:
    """`slope` is that of the logarithm, per day that had runs."""
    count, runs = len(days.left) - start, int(days.runs[start:].sum())
    growth = exp(slope * count / runs) - 1
    span = int(days.ordinals[-1] - days.ordinals[start - 1])
    doubles = timedelta(days=span / count * log(2) / abs(slope))
    since = date.fromordinal(int(days.ordinals[start]))
    sentence = (
        f"{_share(growth)} a run over {runs} runs, {'doubles' if slope > 0 else 'halves'}"
        f" in {_span(doubles)}; {_since(since)}"
    )
    ratio = exp(slope * count)
    return Creep(since, ratio, growth, _chance(days, start), runs, doubles, sentence)


def _chance(days: _Days, start: int) -> float:
    return mann_kendall(days.left[-max(_WINDOW, len(days.left) - start) :])


def _share(growth: float) -> str:
    places = 1 if abs(growth) >= 0.001 else 3
    return f"{growth:+.{places}%}".replace("%", " %")


def _since(day: date) -> str:
    return f"since about {day.day} {day:%B}"


def _span(span: timedelta) -> str:
    unit, days = ("weeks", 7) if span >= timedelta(weeks=2) else ("days", 1)
    return f"{span / timedelta(days=days):.0f} {unit}"
