"""Counting what a detector found: precision, recall, F1 and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_DRAWS: Final = 1_000
Numbers = NDArray[np.int64]


class Counts(NamedTuple):
    """Of one history."""

    found: int  # faults that were told
    false: int  # alarms without a fault
    missed: int
    judged: int


class Score(NamedTuple):
    precision: float
    recall: float
    f1: float
    low: float  # of F1, with 95 %
    high: float
    false_per_1000: float


def count(told: Sequence[bool], faulty: Sequence[bool]) -> Counts:
    pairs = list(zip(told, faulty, strict=True))
    return Counts(
        found=sum(t and f for t, f in pairs),
        false=sum(t and not f for t, f in pairs),
        missed=sum(f and not t for t, f in pairs),
        judged=len(pairs),
    )


def score(histories: Sequence[Counts]) -> Score:
    """All histories together; the interval is a bootstrap over histories."""
    table = np.array(histories)
    found, false, missed, judged = (int(n) for n in table.sum(axis=0))
    low, high = np.quantile(_drawn(table), [0.025, 0.975])
    return Score(
        precision=found / max(found + false, 1),
        recall=found / max(found + missed, 1),
        f1=float(_f1(table.sum(axis=0))),
        low=float(low),
        high=float(high),
        false_per_1000=1000 * false / judged,
    )


def lead(ours: Sequence[Counts], other: Sequence[Counts]) -> tuple[float, float, float]:
    """By how much the F1 of ours is greater on the same histories, with its 95 % interval."""
    a, b = np.array(ours), np.array(other)
    low, high = np.quantile(_drawn(a) - _drawn(b), [0.025, 0.975])
    return float(_f1(a.sum(axis=0)) - _f1(b.sum(axis=0))), float(low), float(high)


def _drawn(table: Numbers) -> NDArray[np.float64]:
    """F1 of histories drawn with replacement; the same draws for tables of the same length."""
    picks = np.random.default_rng(0).integers(len(table), size=(_DRAWS, len(table)))
    return np.array([_f1(table[pick].sum(axis=0)) for pick in picks])


def _f1(sums: Numbers) -> float:
    found, false, missed, _ = sums
    return float(2 * found / max(2 * found + false + missed, 1))
