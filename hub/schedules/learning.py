"""Schedules learned from when runs started, for jobs whose schedule nobody has declared.

Of the guesses the first one is taken that explains the starts: nearly every slot has one run,
nearly every run has a slot, and that is no chance. How much of a chance it would be is reckoned for
starts that come at any time: that all fall into the arcs after slots, and one into each.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from math import comb, exp, lgamma, log
from typing import Final

from msgspec import Struct

from hub.model import Schedule
from hub.schedules.guesses import SLACK, Guess, guesses
from hub.schedules.slots import Slot, timetable_of
from hub.schedules.zones import zone_of

#: Fewer runs tell nothing; of more than `MOST` the latest are looked at.
LEAST: Final = 6
MOST: Final = 300
#: So many of the latest runs are looked at alone where all of them fit no schedule.
RECENT: Final = (30, 12)
#: Where runs come more often than hourly, fewer than this are no more than a burst.
_LEAST_OFTEN: Final = 8
#: A schedule that would come about by chance more often than this is none.
_CHANCE: Final = 1e-6
#: No arc may be wider than this part of the gap between slots, nor than this.
_PART: Final = 0.25
_WIDEST: Final = timedelta(minutes=45)


class Learned(Struct, frozen=True):
    """`tolerance`: a run that has not started so long after its slot is later than usual.

    `confidence` is one less the probability that starts at any time look like this.
    """

    schedule: Schedule
    tolerance: timedelta
    confidence: float
    evidence: str


def learn(starts: Sequence[datetime], zone: str = "UTC") -> Learned | None:
    """From when a job's runs started, without those started by hand. None: they follow no clock.

    `zone`: in which time zone its people live; UTC is tried too. ValueError if there is none such.
    """
    latest = sorted(set(starts))[-MOST:]
    if len(latest) < LEAST:
        return None
    zones: dict[str, tzinfo] = {name: zone_of(name) for name in (zone, "UTC")}
    found = (_judged(guess, latest) for guess in guesses(latest, list(zones.items())))
    return next((one for one in found if one is not None), None)


def learn_latest(starts: Sequence[datetime], zone: str = "UTC") -> Learned | None:
    """From the latest starts alone where all of them follow no clock: the job may have changed."""
    latest = sorted(set(starts))
    counts = (MOST, *(count for count in RECENT if count < len(latest)))
    found = (learn(latest[-count:], zone) for count in counts)
    return next((one for one in found if one is not None), None)


def still_fits(schedule: Schedule, tolerance: timedelta, starts: Sequence[datetime]) -> bool:
    """Whether the latest starts keep to what was learned from earlier ones."""
    latest = sorted(set(starts))[-RECENT[-1] :]
    guess = Guess(schedule, tolerance.total_seconds(), 0.0, 1.0, "")
    fit = _fit(guess, latest) if len(latest) >= LEAST else None
    return fit is not None and fit.good


class _Fit(Struct, frozen=True):
    slots: int
    hits: int
    strays: int
    gap: float  # seconds, on average

    @property
    def good(self) -> bool:
        runs = self.hits + self.strays
        return self.slots - self.hits <= int(SLACK * self.slots) and self.strays <= int(
            SLACK * runs
        )


def _judged(guess: Guess, starts: Sequence[datetime]) -> Learned | None:
    fit = _fit(guess, starts)
    if fit is None or not fit.good:
        return None
    widest = min(_PART * fit.gap, _WIDEST.total_seconds())
    often = fit.gap < 3000 and len(starts) < _LEAST_OFTEN
    chance = _chance(guess, fit)
    if guess.width > widest or often or chance > _CHANCE:
        return None
    late = timedelta(seconds=round(guess.reach))
    evidence = (
        f"{fit.hits} of {fit.hits + fit.strays} runs started within {late} of their slot, "
        f"{guess.words}; {fit.slots - fit.hits} of {fit.slots} slots had none"
    )
    tolerance = timedelta(seconds=max(60.0, round(1.5 * guess.reach)))
    return Learned(guess.schedule, tolerance, 1 - chance, evidence)


def _fit(guess: Guess, starts: Sequence[datetime]) -> _Fit | None:
    timetable = timetable_of(guess.schedule)
    if timetable is None or guess.width > _PART * timetable.gap(starts[0]).total_seconds() * 3:
        return None
    reach, early = timedelta(seconds=guess.reach + 1), timedelta(seconds=5)
    first, last = starts[0] - reach, starts[-1] + early
    if (last - first) / timetable.gap(starts[0]) > 3 * MOST:
        return None
    slots = timetable.between(first, last)
    if len(slots) < LEAST - 1:
        return None
    hits = _hits(slots, starts, early, reach)
    span = (slots[-1].due_at - slots[0].due_at).total_seconds()
    return _Fit(len(slots), hits, len(starts) - hits, span / (len(slots) - 1))


def _hits(
    slots: Sequence[Slot], starts: Sequence[datetime], early: timedelta, reach: timedelta
) -> int:
    hits, place = 0, 0
    for slot in slots:
        while place < len(starts) and starts[place] < slot.due_at - early:
            place += 1
        if place < len(starts) and starts[place] <= slot.due_at + reach:
            hits, place = hits + 1, place + 1
    return hits


def _chance(guess: Guess, fit: _Fit) -> float:
    """That as many starts at any time would look like this, for any of the schedules tried."""
    missed = fit.slots - fit.hits
    into_arcs = (fit.hits - 1) * log(max(guess.width, 2.0) / fit.gap)
    one_each = lgamma(fit.hits + 1) - fit.hits * log(fit.hits)
    exceptions = log(comb(fit.hits + fit.strays, fit.strays)) + log(comb(fit.slots, missed))
    total = log(guess.freedom) + into_arcs + one_each + exceptions
    return float(min(1.0, exp(total)))
