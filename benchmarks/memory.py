"""What the hub keeps in memory, and what an event takes on disk, as events go on coming in.

Wanted after a million events: under 300 MB and flat.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

from benchmarks.hubs import Engine, Hub, store
from benchmarks.machine import rss_mb
from benchmarks.report import Section, table

STEPS: Final = 10
WANTED_MB: Final = 300
#: Jobs of each kind: some thirteen thousand in all, more than any cache of rows holds.
TROUPE: Final = 1000


def run(*, full: bool) -> Iterator[Section]:
    """A section per engine; a million events if `full`, else thirty thousand."""
    for engine in get_args(Engine):
        yield section(engine, *measure(engine, 1_000_000 if full else 30_000))


def measure(engine: Engine, events: int) -> tuple[float, list[tuple[int, float, float]]]:
    """RSS in MB before the first event; then, per step, events so far, RSS, bytes per event."""
    steps = []
    with store(engine) as on, Hub(on) as hub:
        empty, before = on.size(), rss_mb(hub.pid)
        for step in range(1, STEPS + 1):
            hub.load(events=events // STEPS, batch=100, connections=4, seed=step, troupe=TROUPE)
            done = events * step // STEPS
            steps.append((done, rss_mb(hub.pid), (on.size() - empty) / done))
    return before, steps


def section(engine: Engine, before: float, steps: list[tuple[int, float, float]]) -> Section:
    events, rss, size = steps[-1]
    middle = steps[len(steps) // 2 - 1][1]
    memory = (
        f"{rss:.0f} MB after {events:,} events, {rss - middle:+.0f} MB in the latter half, "
        f"{before:.0f} MB before the first; wanted: under {WANTED_MB} MB and flat"
    )
    return Section(
        f"Memory and disk, {engine}",
        [memory, f"{size:,.0f} bytes on disk per event, indexes and projection included"],
        [table(["events", "RSS MB", "bytes per event"], steps)],
    )
