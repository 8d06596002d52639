"""Runs that take too long: the hub's baselines beside what others do, on the same histories.

Each method judges each run by the runs before it. Runs that it told of are in its incidents, which
the hub's baselines know; what the others do about them is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import numpy as np
from msgspec.structs import replace

from benchmarks.detection.score import Counts, Score, count, lead, score
from benchmarks.detection.world import HOLIDAYS, REPORTED, History, Shape, history
from benchmarks.report import Section, table
from hub.baselines.baseline import Normality
from hub.baselines.fit import fit
from hub.baselines.samples import Sample

Method = Callable[[Sequence[Sample]], bool]  # whether the last is too long, by those before

SIGMAS: Final = (0.1, 0.2, 0.3)
SHAPES: Final = (
    Shape("plain", runs=60),
    Shape("daily", runs=120, monday=3, month_end=2, holiday=0.5),
    Shape("trend", runs=120, monday=2, growth=0.003),
    Shape("hourly", runs=24 * 28, every=timedelta(hours=1), office=2),
)


def ours(samples: Sequence[Sample], verdicts: Sequence[Normality]) -> bool:
    found = fit(samples[:-1], holidays=HOLIDAYS)
    last = samples[-1]
    return found is not None and found.judge(last.value, last.at).verdict in verdicts


def ratio_of_mean(samples: Sequence[Sample]) -> bool:
    return samples[-1].value > 1.5 * float(np.mean(_values(samples[-11:-1])))


def mean_and_deviations(samples: Sequence[Sample]) -> bool:
    before = _values(samples[-31:-1])
    return samples[-1].value > float(np.mean(before) + 3 * np.std(before, ddof=1))


def raw_mad(samples: Sequence[Sample]) -> bool:
    before = _values(samples[-61:-1])
    middle = float(np.median(before))
    spread = 1.4826 * float(np.median(np.abs(np.subtract(before, middle))))
    return samples[-1].value > middle + 3.5 * spread


def elementary_like(samples: Sequence[Sample]) -> bool:
    """The judged run is among those that it is judged by."""
    window = _values(samples[-14:])
    return samples[-1].value > float(np.mean(window) + 3 * np.std(window, ddof=1))


METHODS: Final[Mapping[str, Method]] = {
    "hub, high": partial(ours, verdicts=(Normality.HIGH, Normality.VERY_HIGH)),
    "hub, very high": partial(ours, verdicts=(Normality.VERY_HIGH,)),
    "1.5 x mean of 10": ratio_of_mean,
    "mean + 3 sd of 30": mean_and_deviations,
    "median + 3.5 MAD of 60": raw_mad,
    "mean + 3 sd of 14 with itself": elementary_like,
}
OURS: Final = tuple(METHODS)[:2]


def run(*, full: bool) -> Iterator[Section]:
    """Every method on every shape and spread."""
    seeds = range(REPORTED, REPORTED + (20 if full else 3))
    counts = {
        (method, shape.name, sigma): [judged(METHODS[method], h) for h in made]
        for shape in SHAPES
        for sigma in SIGMAS
        for made in [[history(replace(shape, sigma=sigma), seed) for seed in seeds]]
        for method in METHODS
    }
    yield _pooled(counts, _calm(seeds))
    yield Section("Long runs, by shape", tables=[_by_shape(counts)])


def judged(method: Method, made: History) -> Counts:
    """What a method tells of all but the first quarter of a history, run by run."""
    learned = len(made.samples) // 4
    seen, told = list(made.samples[:learned]), []
    for sample in made.samples[learned:]:
        told.append(method([*seen, sample]))
        seen.append(replace(sample, capped=told[-1]))
    return count(told, made.faulty[learned:])


def _calm(seeds: Sequence[int]) -> Score:
    """Ours at the least spread, without a heavy tail: only faults and the calendar are large."""
    shapes = [replace(shape, sigma=SIGMAS[0], tail=0.0) for shape in SHAPES]
    method = METHODS[OURS[0]]
    return score([judged(method, history(shape, seed)) for shape in shapes for seed in seeds])


def _pooled(counts: Mapping[tuple[str, str, float], list[Counts]], calm: Score) -> Section:
    pooled = {m: [c for key, cs in counts.items() if key[0] == m for c in cs] for m in METHODS}
    scores = {method: score(found) for method, found in pooled.items()}
    best = max((m for m in METHODS if m not in OURS), key=lambda m: scores[m].f1)
    mine = max(OURS, key=lambda m: scores[m].f1)
    ahead, low, high = lead(pooled[mine], pooled[best])
    verdict = (
        f"F1 of '{mine}' is {ahead:.2f} above that of '{best}', the best of the others"
        f" ({low:.2f} to {high:.2f} with 95 %); wanted: at least 0.10"
    )
    least = score([c for key, cs in counts.items() if key[::2] == (OURS[0], SIGMAS[0]) for c in cs])
    at_least = (
        f"'{OURS[0]}' at sigma {SIGMAS[0]}: precision {least.precision:.2f}, recall"
        f" {least.recall:.2f}; without the heavy tail {calm.precision:.2f}, {calm.recall:.2f};"
        f" wanted: 1.00, 1.00"
    )
    rows = [(method, *_cells(found)) for method, found in scores.items()]
    head = ("method", "precision", "recall", "F1", "95 %", "false per 1,000")
    judgements = sum(c.judged for c in pooled[mine])
    note = (
        f"{len(pooled[mine]):,} histories, {judgements:,} runs judged. 2 % of runs are at fault and"
        f" take 2, 3 or 5 times as long; 5 % vary three times as much as the rest, and are not."
    )
    return Section("Runs that take too long", [verdict, at_least], [table(head, rows)], [note])


def _cells(found: Score) -> tuple[object, ...]:
    return (
        found.precision,
        found.recall,
        found.f1,
        f"{found.low:.2f} to {found.high:.2f}",
        found.false_per_1000,
    )


def _by_shape(counts: Mapping[tuple[str, str, float], list[Counts]]) -> str:
    rows = []
    for shape in SHAPES:
        for sigma in SIGMAS:
            found = [score(counts[method, shape.name, sigma]) for method in METHODS]
            rows.append((shape.name, f"{sigma}", *(_brief(each) for each in found)))
    return table(("shape", "sigma", *METHODS), rows)


def _brief(found: Score) -> str:
    return f"{found.precision:.2f} {found.recall:.2f} {found.f1:.2f}"


def _values(samples: Sequence[Sample]) -> list[float]:
    return [sample.value for sample in samples]
