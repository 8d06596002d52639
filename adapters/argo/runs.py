"""Workflows: what is open, what was open at the last look, and what has come and gone since.

Argo can't be asked for what has changed or ended. What is open is read whole at each look, with its
nodes. What was open at the last one and is no more is asked for by name. What was created since is
listed, live and archived, for it may have ended already; the list tells no nodes of what is archived,
so that each is asked for once.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from adapters.argo.backlog import backlog
from adapters.argo.site import Site, text_of, time_of
from adapters.argo.wire import ENDED, Workflow
from adapters.base.parts import Look
from hub.model import WatermarkObserved
from hub.ports import Json

#: A workflow moves from the live ones to the archive some time after its end, under the reader.
LAG: Final = timedelta(minutes=5)
#: The server itself learns of news within seconds.
BEHIND: Final = timedelta(seconds=60)
#: Workflows that one look asks for one by one.
SINGLY: Final = 60
PAGES: Final = 4
#: Rows of a page that the next one reads again: one that was archived meanwhile moves the others.
AGAIN: Final = 10


class Pass(Struct):
    """Workflows that were created after `since`, from `offset` on. start: the server's time at first."""

    since: str
    start: str = ""
    offset: int = 0
    done: int = 0


class Memory(Struct):
    """open: the workflows of the last look, namespace and name by uid. told: those that were told as
    ended, uid to when they ended and were created, as long as they may be listed again.
    """

    open: dict[str, list[str]]
    told: dict[str, list[str]]
    left: int = SINGLY


def look(site: Site, state: Json, history: timedelta) -> Look:
    """state: `since` of the next pass, `pass`, the one that is under way, `open`, `told`, `pools`."""
    now = Pass(**state["pass"]) if state.get("pass") else _begin(site, state, history)
    held = Memory(dict(state.get("open", {})), dict(state.get("told", {})))
    rows = site.api.open()
    found = site.events(rows)
    found += _ended_since(site, held, rows)
    over = False
    for _ in range(PAGES):
        more, over, stuck = _page(site, now, held)
        found += more
        if over or stuck:
            break
    pools, waiting = backlog(site, rows, state.get("pools", []))
    kept: Json = {"open": held.open, "pools": pools}
    if not over:
        part = {name: getattr(now, name) for name in now.__struct_fields__}
        kept |= {"since": state.get("since"), "pass": part, "told": held.told}
        return Look(found, waiting, kept, more=True, progress=f"{now.done:,} workflows")
    start = time_of(now.start) or site.as_of
    mark = WatermarkObserved(complete_to=start - BEHIND, observed_at=site.as_of)
    kept |= {"since": text_of(start - LAG), "told": _recent(held.told, start - LAG)}
    waits = held.left <= 0
    return Look(found, waiting if waits else [*waiting, mark], kept, more=waits)


def _begin(site: Site, state: Json, history: timedelta) -> Pass:
    return Pass(state.get("since") or text_of(site.as_of - history))


def _ended_since(site: Site, held: Memory, rows: Sequence[Workflow]) -> list[Json]:
    """What was open and is no more. One that is gone for good is left to `open_runs`."""
    now = {row.metadata.uid: [row.metadata.namespace, row.metadata.name] for row in rows}
    gone = {uid: where for uid, where in held.open.items() if uid not in now}
    asked = list(gone)[:SINGLY]
    found: list[Json] = []
    for uid in asked:
        namespace, name = gone.pop(uid)
        found += _whole(site, held, namespace, name, uid)
    held.open = now | gone
    return found


def _whole(site: Site, held: Memory, namespace: str, name: str, uid: str) -> list[Json]:
    held.left -= 1
    row = site.api.workflow(namespace, name, uid)
    if row is None:
        return []
    if row.status.phase in ENDED:
        held.told[uid] = _mark(row)
    return site.events([row])


def _page(site: Site, now: Pass, held: Memory) -> tuple[list[Json], bool, bool]:
    """Reads one page and moves on; then whether it was the last, and whether it must be read again."""
    page = site.api.created(time_of(now.since) or site.as_of, now.offset)
    now.start = now.start or text_of(page.date or site.as_of)
    found: list[Json] = []
    for row in page.rows:
        meta = row.metadata
        if row.status.phase not in ENDED or held.told.get(meta.uid) == _mark(row):
            continue
        if held.left <= 0:
            return found, False, True
        found += _whole(site, held, meta.namespace, meta.name, meta.uid)
        held.told[meta.uid] = _mark(row)
    if not page.last:
        now.offset += max(1, len(page.rows) - AGAIN)
        now.done += len(page.rows)
        here = {row.metadata.uid for row in page.rows}
        held.told = _recent(held.told, (time_of(now.start) or site.as_of) - LAG, here)
    return found, page.last, False


def _mark(row: Workflow) -> list[str]:
    return [_text(row.status.finished_at), _text(row.metadata.creation_timestamp)]


def _text(at: datetime | None) -> str:
    return "" if at is None else text_of(at)


def _recent(
    told: dict[str, list[str]], since: datetime, besides: AbstractSet[str] = frozenset()
) -> dict[str, list[str]]:
    """Those that the next list may have again."""
    first = text_of(since)
    return {uid: mark for uid, mark in told.items() if uid in besides or mark[1] >= first}
