"""Durable ingest: what one event costs, from the socket to the disk, item by item.

A real hub process, 64 keep-alive connections from another process, one event per request or a
hundred. CPU of the hub (and of PostgreSQL's processes) divided by events; medians of several
rounds. Beside it, in the same run, hubs without loops: with a clock on each part (`itemised`), with
a store that does the least a store could (`thin`, see floor.py), and with one that keeps nothing
(`null`). The store's part is what `itemised` takes beyond `null`; what the real hub takes beyond
`itemised` are its loops: rules, alerts, triggers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from operator import attrgetter
from statistics import median
from typing import Final, get_args

from benchmarks.hubs import Engine, Hub, Kind, Store, store
from benchmarks.machine import cpu_s
from benchmarks.report import Section, table

SIZES: Final = (1, 100)
WARM_UP: Final = 4_000
_COUNTED: Final = "trackside_bench_total"


@dataclass(frozen=True)
class Round:
    """What one round told; times in microseconds per event."""

    hub: float
    server: float
    per_s: float
    p50_ms: float
    p99_ms: float
    gathered: float  # events per commit
    parts: Mapping[str, float]  # what composed hubs count; rows in millionths

    @property
    def total(self) -> float:
        return self.hub + self.server


Rounds = dict[tuple[Kind, int], list[Round]]


def run(*, full: bool) -> Iterator[Section]:
    """A section per engine; more rounds if `full`."""
    for engine in get_args(Engine):
        yield section(engine, measure(engine, 2_500, 15 if full else 3))


def measure(engine: Engine, events: int, rounds: int) -> Rounds:
    """All kinds of hubs take turns, so that a noisy minute is everybody's."""
    found: Rounds = defaultdict(list)
    with ExitStack() as stack:
        hubs = {kind: _warm(engine, kind, stack) for kind in get_args(Kind)}
        for number in range(1, rounds + 1):
            for size, (kind, (hub, on)) in product(SIZES, hubs.items()):
                found[kind, size].append(_round(hub, on, events, size, number))
    return found


def _warm(engine: Engine, kind: Kind, stack: ExitStack) -> tuple[Hub, Store]:
    """A hub that knows the jobs and datasets that are to come."""
    on = stack.enter_context(store(engine))
    hub = stack.enter_context(Hub(on, kind))
    hub.load(events=WARM_UP, batch=100, seed=0)
    return hub, on


def _round(hub: Hub, on: Store, events: int, size: int, seed: int) -> Round:
    figures, hub_s, server_s = hub.figures(), cpu_s([hub.pid]), on.server_cpu_s()
    told = hub.load(events=events, batch=size, seed=seed * 1000 + size)
    hub_s, server_s = cpu_s([hub.pid]) - hub_s, on.server_cpu_s() - server_s
    gained = {name: value - figures.get(name, 0) for name, value in hub.figures().items()}
    each = 1e6 / events
    return Round(
        hub_s * each,
        server_s * each,
        events / told["seconds"],
        told["p50_ms"],
        told["p99_ms"],
        gained["trackside_batch_events_sum"] / gained["trackside_batch_events_count"],
        {n.split('"')[1]: v * each for n, v in gained.items() if n.startswith(_COUNTED)},
    )


# -- telling ---------------------------------------------------------------------------------------


def section(engine: Engine, rounds: Rounds) -> Section:
    return Section(
        f"Durable ingest, {engine}",
        [
            *(_against_floor(rounds, size) for size in SIZES),
            *(_loops(rounds, size) for size in SIZES),
            _saving(rounds),
        ],
        [_whole(rounds), _itemised(rounds)],
        ["Microseconds of CPU per event; events/s on a computer shared with the senders."],
    )


def _against_floor(rounds: Rounds, size: int) -> str:
    ours, floor = (_beyond(rounds, kind, "null", size) for kind in ("itemised", "thin"))
    written = [_median(rounds[kind, size], _rows_written) for kind in ("itemised", "thin")]
    return (
        f"{_events(size)}: the store's part is {ours:.0f} us, {ours / floor:.1f} times that of "
        f"the thin projection ({floor:.0f} us); wanted: at most 2. Rows written per event: "
        f"{written[0]:.1f} and {written[1]:.1f}, so per row {ours / written[0]:.0f} us and "
        f"{floor / written[1]:.0f} us"
    )


def _loops(rounds: Rounds, size: int) -> str:
    taken = _beyond(rounds, "real", "itemised", size)
    return f"{_events(size)}: rules, alerts and triggers take {taken:.0f} us more"


def _beyond(rounds: Rounds, kind: Kind, other: Kind, size: int) -> float:
    """What one kind takes more than another, round by round."""
    pairs = zip(rounds[kind, size], rounds[other, size], strict=True)
    return median(one.total - less.total for one, less in pairs)


def _saving(rounds: Rounds) -> str:
    single, batch = (_items(rounds, size)["HTTP"] for size in SIZES)
    return f"batches save {1 - batch / single:.0%} of the HTTP part; wanted: at least 80 %"


def _whole(rounds: Rounds) -> str:
    head = ["a request has", "kind", "hub's CPU", "PostgreSQL's", "events/s", "p50 ms", "p99 ms"]
    keys = [(kind, size) for size in SIZES for kind in get_args(Kind)]
    rows = [[_events(size), kind, *_figures(rounds[kind, size])] for kind, size in keys]
    return table([*head, "events a commit"], rows)


def _figures(rounds: list[Round]) -> list[float]:
    names = ("hub", "server", "per_s", "p50_ms", "p99_ms", "gathered")
    return [_median(rounds, attrgetter(name)) for name in names]


def _itemised(rounds: Rounds) -> str:
    items = {size: _items(rounds, size) for size in SIZES}
    rows = [[_events(size), *items[size].values()] for size in SIZES]
    return table(["a request has", *items[SIZES[0]]], rows)


def _items(rounds: Rounds, size: int) -> dict[str, float]:
    """Medians of where the CPU of an itemised hub went."""
    all_ = [_items_of(one) for one in rounds["itemised", size]]
    return {name: median(items[name] for items in all_) for name in all_[0]}


def _items_of(one: Round) -> dict[str, float]:
    p = one.parts
    return {
        "HTTP": one.hub - p["redact"] - p["decode"] - p["pack"] - p["transaction"],
        "redact": p["redact"],
        "decode": p["decode"],
        "zstd, digest": p["pack"],
        "projection": p["apply"] - p["statements"],
        "statements": p["statements"],
        "commit": p["transaction"] - p["apply"],
        "PostgreSQL": one.server,
    }


def _rows_written(one: Round) -> float:
    return one.parts["rows written"] / 1e6


def _median(rounds: list[Round], figure: Callable[[Round], float]) -> float:
    return median(map(figure, rounds))


def _events(size: int) -> str:
    return "1 event" if size == 1 else f"{size} events"
