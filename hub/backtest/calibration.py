"""Whether the predicted probabilities of overruns come true.

Of each run that completed it is asked, at some moments while it ran, how probable it was that it
would take longer than some limits; the answer by its job's baseline, learned from the runs before it
alone, is held against what came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

import numpy as np
from msgspec import Struct

from hub.baselines.baseline import Baseline
from hub.baselines.fit import FEWEST, fit
from hub.baselines.samples import Sample
from hub.store.histories import SAMPLES
from hub.store.history import Took

#: Moments (as shares of the expected duration) and limits (as probabilities) that are asked about.
ELAPSED: Final = (0.0, 0.5, 1.0)
LIMITS: Final = (0.5, 0.8, 0.95)
#: Runs of a job between two fits of its baseline.
REFIT: Final = 10
BINS: Final = 5

Pair = tuple[float, bool]  # what was predicted, what came


class Bin(Struct, frozen=True, rename="camel"):
    """Predictions between `low` and `high`: how many, what they said in the mean, what came true."""

    low: float
    high: float
    count: int
    predicted: float
    observed: float


class Calibration(Struct, frozen=True, rename="camel"):
    """Brier score: the mean square of what a prediction was off by; 0 is best.

    reference: the score of who always says how often it happens.
    """

    predictions: int
    brier: float
    reference: float
    bins: list[Bin]


def calibration(took: Iterable[Took]) -> Calibration | None:
    """Over all runs, which come by job and in their order; None: too few."""
    pairs = [
        pair for _, runs in groupby(took, key=lambda run: run.job) for pair in _of_job(list(runs))
    ]
    if not pairs:
        return None
    predicted = np.array([p for p, _ in pairs])
    came = np.array([float(it) for _, it in pairs])
    rate = float(came.mean())
    return Calibration(
        len(pairs),
        round(float(np.mean((predicted - came) ** 2)), 4),
        round(rate * (1 - rate), 4),
        list(_bins(predicted, came)),
    )


def _of_job(runs: Sequence[Took]) -> Iterator[Pair]:
    samples = [Sample(run.at, run.seconds) for run in runs]
    baseline: Baseline | None = None
    for i in range(FEWEST, len(samples)):
        if baseline is None or i % REFIT == 0:
            baseline = fit(samples[max(0, i - SAMPLES) : i])
        if baseline is not None:
            yield from _of_run(baseline, samples[i])


def _of_run(baseline: Baseline, run: Sample) -> Iterator[Pair]:
    usual = baseline.expected(run.at)
    for share in ELAPSED:
        elapsed = share * usual
        if elapsed >= run.value:
            return
        for p in LIMITS:
            limit = baseline.quantile(p, run.at)
            if limit > elapsed:
                yield baseline.overrun(elapsed, limit, run.at), run.value > limit


def _bins(predicted: np.ndarray, came: np.ndarray) -> Iterator[Bin]:
    places = np.minimum((predicted * BINS).astype(int), BINS - 1)
    for place in range(BINS):
        mine = places == place
        if mine.any():
            told, seen = float(predicted[mine].mean()), float(came[mine].mean())
            count = int(mine.sum())
            yield Bin(place / BINS, (place + 1) / BINS, count, round(told, 3), round(seen, 3))
