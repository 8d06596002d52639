"""Executions: what was changed since the last pass, and the nodes of what is open; nothing is lost.

Flyte's store stamps each change of an execution, and by that stamp it is asked. The nodes are asked for
once for each change, and of open executions some at each look, for they change without it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec import Struct

from adapters.base.parts import Look
from adapters.flyte.site import Site, text_of, time_of
from adapters.flyte.wire import ENDED, Execution
from hub.model import WatermarkObserved
from hub.ports import Json

LAG: Final = timedelta(minutes=2)
#: Executions whose nodes one look asks for, of one place.
SINGLY: Final = 60
#: ... and of open ones that were not changed.
OPEN: Final = 20
PAGES: Final = 4
#: So long it is remembered what was told of an execution; it may be listed again for LAG.
RECENT: Final = timedelta(minutes=10)
#: Rows of a page that the next one reads again: one that is changed meanwhile moves to the end.
AGAIN: Final = 10


class Pass(Struct):
    """Executions of a place that were changed after `since`, from `offset` on."""

    since: str
    start: str = ""
    offset: int = 0
    done: int = 0


class Held(Struct):
    """told: executions that may be listed again, with the change that was told. open: those that have
    not ended, those not looked at longest first.
    """

    told: dict[str, str]
    open: list[str]
    left: int = SINGLY


def look(site: Site, state: Json, history: timedelta) -> Look:
    """state: of each place `since` of its next pass, `pass`, the one under way, `told` and `open`."""
    looks = {place: _place(site, place, state.get(place, {}), history) for place in site.places}
    starts = [one.progress for one in looks.values()]
    more = any(one.more for one in looks.values())
    done = [at for one in looks.values() if (at := time_of(one.state.get("since"))) is not None]
    mark = [] if more else [WatermarkObserved(complete_to=min(done), observed_at=site.as_of)]
    return Look(
        [event for one in looks.values() for event in one.events],
        mark,
        {place: one.state for place, one in looks.items()},
        more=more,
        progress="; ".join(filter(None, starts)),
    )


def _place(site: Site, place: str, state: Json, history: timedelta) -> Look:
    first = state.get("since") or text_of(site.as_of - history)
    now = Pass(**state["pass"]) if state.get("pass") else Pass(first)
    held = Held(dict(state.get("told", {})), list(state.get("open", ())))
    found, over = list[Json](), False
    for _ in range(PAGES):
        more, over, stuck = _page(site, place, now, held)
        found += more
        if over or stuck:
            break
    found += _open(site, place, held)
    if not over:
        part = {name: getattr(now, name) for name in now.__struct_fields__}
        kept = {"since": state.get("since"), "pass": part, "told": held.told, "open": held.open}
        return Look(found, state=kept, more=True, progress=f"{place}: {now.done:,} executions")
    since = text_of((time_of(now.start) or site.as_of) - LAG)
    return Look(found, state={"since": since, "told": held.told, "open": held.open})


def _page(site: Site, place: str, now: Pass, held: Held) -> tuple[list[Json], bool, bool]:
    """Reads one page and moves on; then whether it was the last, and whether it must be read again."""
    page = site.api.changed(place, time_of(now.since) or site.as_of, now.offset)
    now.start = now.start or text_of(site.api.date or site.as_of)
    rows = page.executions or []
    found: list[Json] = []
    for row in rows:
        if held.told.get(row.id.name) == _mark(row):
            continue
        if held.left <= 0:
            return found, False, True
        found += _told(site, held, row)
    here, recent = {row.id.name for row in rows}, text_of(site.as_of - RECENT)
    held.told = {n: mark for n, mark in held.told.items() if n in here or mark >= recent}
    if page.token and rows:
        now.offset += max(1, len(rows) - AGAIN)
        now.done += len(rows)
        return found, False, False
    return found, True, False


def _told(site: Site, held: Held, row: Execution) -> list[Json]:
    held.left -= 1
    name = row.id.name
    held.told[name] = _mark(row)
    held.open = [one for one in held.open if one != name]
    if row.closure.phase not in ENDED:
        held.open.append(name)
    return site.events(row)


def _open(site: Site, place: str, held: Held) -> list[Json]:
    project, _, domain = place.partition("/")
    found: list[Json] = []
    for name in held.open[: min(OPEN, max(0, held.left))]:
        row = site.api.execution(project, domain, name)
        if row is None:
            held.open.remove(name)  # `open_runs` ends it
        else:
            found += _told(site, held, row)
    return found


def _mark(row: Execution) -> str:
    at = row.closure.updated_at
    return f"{text_of(at) if at is not None else ''} {row.closure.phase}"
