"""Steps and drifts that no single run gives away: how soon they are found, and what is invented."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from benchmarks.detection.world import REPORTED, Shape, history
from benchmarks.report import Section, table
from hub.baselines.creep import FEWEST, find_creep

CHANGE: Final = 80  # the first run that is different
NOTHING: Final = Shape("nothing", runs=160, sigma=0.2, tail=0, faulty=0.03, monday=2, change=CHANGE)
CHANGES: Final = {
    "step of 25 %": replace(NOTHING, step=1.25),
    "drift of 1 % a run": replace(NOTHING, growth=0.01),
}
HEAVY: Final = replace(NOTHING, tail=0.05)


class Alarm(NamedTuple):
    run: int  # at which it was raised
    away: int  # days from the change to the date that was told


def run(*, full: bool) -> Iterator[Section]:
    """A search after every run, as the hub does it; an alarm counts once while it lasts."""
    seeds = range(REPORTED, REPORTED + (400 if full else 20))
    runs = len(seeds) * (NOTHING.runs - FEWEST)
    quiet, heavy = (
        1000 * sum(len(alarms(shape, seed)) for seed in seeds) / runs for shape in (NOTHING, HEAVY)
    )
    verdicts = [f"false alarms per 1,000 runs: {quiet:.2f}; wanted: at most 1"]
    rows = []
    for name, shape in CHANGES.items():
        first = [_first(alarms(shape, seed, since=CHANGE)) for seed in seeds[: len(seeds) // 2]]
        found = [alarm for alarm in first if alarm]
        delays = sorted(alarm.run - CHANGE for alarm in found)
        verdicts.append(
            f"{name}: {len(found)} of {len(first)} found, median after"
            f" {statistics.median(delays):.0f} runs"
            + ("; wanted: all, 11" if shape.step > 1 else "")
        )
        away = statistics.median(abs(alarm.away) for alarm in found)
        rows.append((name, len(found), len(first), delays[len(delays) * 9 // 10], away))
    head = ("change", "found", "of", "90 % within runs", "date off by days")
    note = (
        f"One run a day, Mondays twice as long, sigma 0.2, 3 % of runs 2, 3 or 5 times as long,"
        f" {runs:,} runs without a change. With 5 % of runs that vary three times as much: "
        f"{heavy:.2f} false alarms per 1,000 runs."
    )
    yield Section("Creep", verdicts, [table(head, rows)], [note])


def alarms(shape: Shape, seed: int, *, since: int = 0) -> list[Alarm]:
    """The alarms that are raised after run `since` or later."""
    samples, raised, known = history(shape, seed).samples, [], False
    for n in range(max(FEWEST, since) + 1, shape.runs + 1):
        creep = find_creep(samples[:n], known=known)
        if creep and not known:
            away = (creep.since - samples[CHANGE].at.date()).days
            raised.append(Alarm(n, away))
        known = creep is not None
    return raised


def _first(found: list[Alarm]) -> Alarm | None:
    return found[0] if found else None
