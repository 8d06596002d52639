"""Run histories made from a seed, with what is wrong in them labelled.

The same shape and seed give the same history; a longer one begins with the shorter.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
from msgspec import Struct

from hub.baselines.samples import Sample

START: Final = datetime(2026, 1, 1, 2, tzinfo=UTC)
HOLIDAYS: Final = (date(2026, 1, 1), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1))
REPORTED: Final = 500_000  # the first seed that figures are told of; we tune on those below
FAULTS: Final = (2.0, 3.0, 5.0)  # how many times as long a faulty run takes
_TAIL: Final = 3.0  # sigmas per sigma of the heavy tail


class Shape(Struct, frozen=True):
    """What the durations of a job look like; factors of 1 are no effect."""

    name: str = "plain"
    runs: int = 60
    every: timedelta = timedelta(days=1)
    usual: float = 600.0  # seconds
    sigma: float = 0.1  # of the logarithm
    tail: float = 0.05  # share of runs that vary by more, and are not at fault
    faulty: float = 0.02  # share of runs that are, by one of FAULTS
    monday: float = 1.0
    month_end: float = 1.0
    holiday: float = 1.0
    office: float = 1.0  # from 8 to 17 hours on weekdays
    growth: float = 0.0  # per run, as a share, from `change` on
    step: float = 1.0  # from `change` on
    change: int = 0  # the first run that is different


class History(Struct, frozen=True):
    samples: tuple[Sample, ...]
    faulty: tuple[bool, ...]  # by sample


def history(shape: Shape, seed: int) -> History:
    """All randomness of a run is drawn together, so that later runs do not change earlier ones."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal((shape.runs, 2))
    chances = np.random.default_rng([seed, 1]).random((shape.runs, 3))
    samples, faulty = [], []
    for i, ((regular, far), (tail, fault, which)) in enumerate(zip(drawn, chances, strict=True)):
        at = START + i * shape.every
        noise = shape.sigma * (_TAIL * far if tail < shape.tail else regular)
        wrong = bool(fault < shape.faulty)
        times = FAULTS[int(which * len(FAULTS))] if wrong else 1.0
        samples.append(Sample(at, expected(shape, i) * float(np.exp(noise)) * times))
        faulty.append(wrong)
    return History(tuple(samples), tuple(faulty))


def expected(shape: Shape, i: int) -> float:
    """What run `i` takes but for chance and faults, in seconds."""
    at = START + i * shape.every
    effects = (
        (shape.monday, at.weekday() == 0),
        (shape.month_end, (at + timedelta(days=1)).day == 1),
        (shape.holiday, at.date() in HOLIDAYS),
        (shape.office, at.weekday() < 5 and 8 <= at.hour < 17),
        (shape.step, shape.change <= i and shape.step != 1),
    )
    found = shape.usual
    for factor, applies in effects:
        found *= factor if applies else 1.0
    return found * (1 + shape.growth) ** max(0, i - shape.change)
