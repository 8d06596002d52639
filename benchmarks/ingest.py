"""Durable ingest: what one event costs, from the socket to the disk, item by item.

A real hub process, 64 keep-alive connections from another process, one event per request or a
hundred. CPU of the hub (and of PostgreSQL's processes) divided by events; the median of several
rounds. Beside it, in the same run: the same hub with a store that does the least a store could
(`thin`, see floor.py) and with one that keeps nothing (`null`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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


Rounds = dict[tuple[Kind, int], Round]


def run(events: int = 4_000, rounds: int = 3) -> Iterator[Section]:
    """A section per engine."""
    for engine in get_args(Engine):
        yield section(engine, measure(engine, events, rounds))


def measure(engine: Engine, events: int, rounds: int) -> Rounds:
    """The median round of every kind of hub and size of request."""
    found: Rounds = {}
    for kind in get_args(Kind):
        with store(engine) as on, Hub(on, kind) as hub:
            hub.load(events=WARM_UP, batch=100, seed=0)
            for size in SIZES:
                all_ = [_round(hub, on, events, size, seed) for seed in range(1, rounds + 1)]
                found[kind, size] = sorted(all_, key=lambda one: one.total)[len(all_) // 2]
            hub.stop()
    return found


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
        [_against_floor(rounds, size) for size in SIZES] + [_saving(rounds)],
        [_whole(rounds), _itemised(rounds)],
        ["Microseconds of CPU per event; events/s on a computer shared with the senders."],
    )


def _against_floor(rounds: Rounds, size: int) -> str:
    ours, floor = (_store_part(rounds, kind, size) for kind in ("real", "thin"))
    return (
        f"{_events(size)}: the store's part is {ours:.0f} us, {ours / floor:.1f} times that of "
        f"the thin projection ({floor:.0f} us, {_rows(rounds['thin', size])} written per event; "
        f"ours {_rows(rounds['itemised', size])}); wanted: at most 2"
    )


def _rows(one: Round) -> str:
    return f"{one.parts['rows written'] / 1e6:.1f} rows"


def _store_part(rounds: Rounds, kind: Kind, size: int) -> float:
    return rounds[kind, size].total - rounds["null", size].total


def _saving(rounds: Rounds) -> str:
    single, batch = (_items(rounds["itemised", size])["HTTP"] for size in SIZES)
    return f"batches save {1 - batch / single:.0%} of the HTTP part; wanted: at least 80 %"


def _whole(rounds: Rounds) -> str:
    head = ["a request has", "kind", "hub's CPU", "PostgreSQL's", "events/s", "p50 ms", "p99 ms"]
    keys = [(kind, size) for size in SIZES for kind in get_args(Kind)]
    rows = [[_events(size), kind, *_figures(rounds[kind, size])] for kind, size in keys]
    return table([*head, "events a commit"], rows)


def _figures(r: Round) -> list[float]:
    return [r.hub, r.server, r.per_s, r.p50_ms, r.p99_ms, r.gathered]


def _itemised(rounds: Rounds) -> str:
    items = {size: _items(rounds["itemised", size]) for size in SIZES}
    rows = [[_events(size), *items[size].values()] for size in SIZES]
    return table(["a request has", *items[SIZES[0]]], rows)


def _items(one: Round) -> dict[str, float]:
    """Where the CPU of an itemised hub went. Writing begins where the writer's thread does."""
    p = one.parts
    before = p["redact"] + p["decode"] + p["pack"]
    return {
        "HTTP": one.hub - before - p["transaction"],
        "redact": p["redact"],
        "decode": p["decode"],
        "zstd, digest": p["pack"],
        "projection": p["apply"] - p["statements"],
        "statements": p["statements"],
        "commit": p["transaction"] - p["apply"],
        "PostgreSQL": one.server,
    }


def _events(size: int) -> str:
    return "1 event" if size == 1 else f"{size} events"
