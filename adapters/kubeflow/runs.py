"""Runs with their tasks: what has ended since the last pass, and what is open; nothing is lost.

Kubeflow can't be asked for what has changed. What ended is found by when its workflow ended, which is
told to the API some time later: each pass reads some minutes back, and now and then one reads a day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec import Struct

from adapters.base.parts import Look
from adapters.kubeflow.site import Site, text_of, time_of
from hub.model import WatermarkObserved
from hub.ports import Json

LAG: Final = timedelta(minutes=5)
LATE: Final = timedelta(days=1)
LATE_EVERY: Final = timedelta(minutes=10)
PAGES: Final = 4


class Pass(Struct):
    """Runs that ended after `since`. token: of the next page. wide: it goes back a day."""

    since: str
    start: str = ""
    token: str = ""
    wide: bool = False
    done: int = 0


def look(site: Site, state: Json, history: timedelta) -> Look:
    """state: `since` of the next pass, `pass`, the one that is under way, and `late`, when the last
    wide one began.
    """
    now = Pass(**state["pass"]) if state.get("pass") else _begin(site, state, history)
    found: list[Json] = []
    for _ in range(PAGES):
        page = site.api.ended(time_of(now.since) or site.as_of, now.token)
        now.start = now.start or text_of(site.api.date or site.as_of)
        now.token, now.done = page.next_page_token, now.done + len(page.runs)
        found += site.events(page.runs)
        if not now.token:
            break
    found += site.events(site.api.open())
    if now.token:
        held = {name: getattr(now, name) for name in now.__struct_fields__}
        progress = f"{now.done:,} runs"
        return Look(found, state={**state, "pass": held}, more=True, progress=progress)
    start = time_of(now.start) or site.as_of
    late = text_of(site.as_of) if now.wide else state.get("late")
    mark = WatermarkObserved(complete_to=start - LAG, observed_at=site.as_of)
    return Look(found, [mark], {"since": text_of(start - LAG), "late": late})


def _begin(site: Site, state: Json, history: timedelta) -> Pass:
    since, late = time_of(state.get("since")), time_of(state.get("late"))
    if since is None:
        return Pass(text_of(site.as_of - history), wide=True)
    if late is None or site.as_of - late >= LATE_EVERY:
        return Pass(text_of(min(since, site.as_of - LATE)), wide=True)
    return Pass(text_of(since))
