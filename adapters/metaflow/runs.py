"""Runs with their tasks: what has begun since, and what is open.

The service tells all runs of a flow at once, and nothing of what has changed. Flows with open runs are
looked at each time, some of the others in turn. Of a run nothing tells that it is over unless it
succeeds: it is over once nothing has been heard of it for long enough, as we looked and not by any
clock, so that a time in which nobody could look or write counts for little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final

import msgspec
from msgspec import Struct

from adapters.base.parts import Look
from adapters.metaflow.events import Seen, run_events
from adapters.metaflow.site import Site, text_of, time_of
from adapters.metaflow.tries import of_run
from adapters.metaflow.wire import Run, beat_ms
from hub.model import WatermarkObserved
from hub.ports import Json

#: Rows of two runs may come to be told in another order than they are timed.
LAG: Final = timedelta(minutes=5)
#: Flows that a look reads: those without open runs are each read within so many looks.
FLOWS: Final = 4
ROUND: Final = 15
BUSY: Final = 100
#: Runs that one look reads.
RUNS: Final = 60
#: Silent runs of a flow that are listened for.
SILENT: Final = 100
#: Between two looks nothing counts as silence beyond this.
STEP_S: Final = 60.0


class Silence(Struct):
    """Of an open run: the latest that was heard, when we looked, and for how long nothing was new."""

    heard_ms: int = 0
    at: str = ""
    seconds: float = 0.0


class Held(Struct):
    """Of a flow. since_ms: runs that began before (and before the lag) are told, but for the open ones.

    read: when it was last read. done: runs within the lag that are over. silent: those that are over
    for their silence, the latest last, and the heartbeat they had: they may be heard of again.
    """

    since_ms: int = 0
    read: str = ""
    open: dict[str, Silence] = {}
    done: dict[str, int] = {}
    silent: dict[str, int] = {}


class Round(Struct):
    """What one look may still read."""

    left: int = RUNS
    more: bool = False


def look(site: Site, state: Json) -> Look:
    """state: `flows`, of each what is held."""
    names = site.flows()
    before = msgspec.convert(state.get("flows", {}), dict[str, Held])
    flows = {name: before.get(name) or Held() for name in names}
    now, found = Round(), list[Json]()
    for name in _chosen(flows):
        found += _flow(site, name, flows[name], now)
    unread = any(not held.read for held in flows.values())
    reads = [time_of(held.read) for held in flows.values()]
    marks = [] if unread or now.more else [_mark(site, [at for at in reads if at is not None])]
    progress = f"{sum(not held.read for held in flows.values()):,} flows left" if unread else ""
    state = {"flows": msgspec.to_builtins(flows)}
    return Look(found, marks, state, more=unread or now.more, progress=progress)


def _mark(site: Site, reads: Sequence[datetime]) -> WatermarkObserved:
    at = min(reads, default=site.as_of)
    return WatermarkObserved(complete_to=at - LAG, observed_at=site.as_of)


def _chosen(flows: Mapping[str, Held]) -> list[str]:
    """Those with open runs, and of the others those that were not read for longest."""
    busy = sorted((n for n, held in flows.items() if held.open), key=lambda n: flows[n].read)[:BUSY]
    quiet = sorted((n for n, held in flows.items() if not held.open), key=lambda n: flows[n].read)
    return [*busy, *quiet[: max(FLOWS - len(busy), ceil(len(quiet) / ROUND))]]


def _flow(site: Site, flow: str, held: Held, now: Round) -> list[Json]:
    if now.left <= 0:
        return []
    rows = {run.id: run for run in site.runs(flow)}
    # What is open and not told any more was deleted from the database: nothing more is heard of it.
    held.open = {name: silence for name, silence in held.open.items() if name in rows}
    for name in _heard_again(rows, held):
        held.open[name] = Silence()
    begun = [run for run in rows.values() if _has_begun(site, run, held)]
    waiting = sorted(held.open, key=lambda name: held.open[name].at)[: ceil(now.left / 2)]
    fresh = begun[: max(0, now.left - len(waiting))]
    found: list[Json] = []
    for run in [*(rows[name] for name in waiting), *fresh]:
        found += _run(site, flow, run, held)
    now.left -= len(waiting) + len(fresh)
    if len(fresh) == len(begun):
        held.read = text_of(site.as_of)
    else:
        now.more = True
    edge = held.since_ms - _millis_of(LAG)
    held.done = {name: at for name, at in held.done.items() if at >= edge}
    return found


def _heard_again(rows: Mapping[str, Run], held: Held) -> list[str]:
    """Runs that were over for their silence."""
    beats = {name: beat_ms(rows[name].last_heartbeat_ts) for name in held.silent if name in rows}
    found = [name for name, beat in beats.items() if beat > held.silent[name]]
    held.silent = {
        name: beat for name, beat in [*held.silent.items()][-SILENT:] if name not in found
    }
    return found


def _has_begun(site: Site, run: Run, held: Held) -> bool:
    """Whether it is to be looked at and was not yet."""
    history_ms = _millis(site.as_of - timedelta(days=site.config.history_days))
    first_ms = max(history_ms, held.since_ms - _millis_of(LAG))
    known = run.id in held.open or run.id in held.done
    return run.ts_epoch >= first_ms and not known and run.all_tags.issuperset(site.config.tags)


def _run(site: Site, flow: str, run: Run, held: Held) -> list[Json]:
    done = of_run(site.api.metadata(flow, run.id))
    seen = Seen(flow, run, done)
    if done.end is None:
        silence = held.open.setdefault(run.id, Silence())
        silent = _is_silent(site, seen, silence)
        seen = msgspec.structs.replace(seen, silent=silent)
    else:
        seen = msgspec.structs.replace(seen, artifacts=site.artifacts(flow, run, done))
    if seen.over:
        held.open.pop(run.id, None)
        held.done[run.id] = run.ts_epoch
    if seen.silent:
        held.silent[run.id] = beat_ms(run.last_heartbeat_ts)
    held.since_ms = max(held.since_ms, run.ts_epoch)
    return run_events(seen, site.place)


def _is_silent(site: Site, seen: Seen, silence: Silence) -> bool:
    """Whether nothing new was heard for so long that the run is over."""
    heard_ms = max(seen.heard_ms, site.last_beat_ms(seen.flow, seen.run, seen.done))
    config, at = site.config, time_of(silence.at)
    limit_s = config.silent_after_s if seen.run.last_heartbeat_ts else config.idle_after_s
    if heard_ms != silence.heard_ms or at is None:
        silence.heard_ms, silence.seconds = heard_ms, 0.0
    else:
        silence.seconds += min((site.as_of - at).total_seconds(), STEP_S)
    silence.at = text_of(site.as_of)
    return silence.seconds >= limit_s


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _millis_of(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
