"""Runs: what has ended since the last pass, and what is open; nothing is lost.

MLflow can't be asked for what has changed, so runs that ended are found by when they ended, newest
first and by time, not by number. That time is stamped by whoever ran: each pass reads some minutes
back, and now and then one reads a day, which also brings what was logged after an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from msgspec import Struct

from adapters.base.parts import Look
from adapters.mlflow.api import ROWS
from adapters.mlflow.events import experiment_event
from adapters.mlflow.site import Site, text_of, time_of
from adapters.mlflow.wire import Run, millis
from hub.model import WatermarkObserved
from hub.ports import Json

LAG: Final = timedelta(minutes=5)
LATE: Final = timedelta(days=1)
LATE_EVERY: Final = timedelta(minutes=10)
PAGES: Final = 4
#: Pages of open runs, the newest: MLflow never ends a run whose process was killed.
OPEN_PAGES: Final = 4
_OPEN: Final = " AND ".join(
    f"attributes.status != '{one}'" for one in ("FINISHED", "FAILED", "KILLED")
)


class Pass(Struct):
    """Runs that ended after `since`, in milliseconds, from `before` back.

    token: of the next page, where a whole page ended in the same millisecond. wide: it goes back a day.
    """

    since: int
    start: str
    before: int | None = None
    token: str | None = None
    wide: bool = False
    done: int = 0


def look(site: Site, state: Json, history: timedelta) -> Look:
    """state: `since` of the next pass, `pass`, the one that is under way, `late`, when the last wide
    one began, and `told`, when the latest of the experiments was changed that were told.
    """
    now = Pass(**state["pass"]) if state.get("pass") else _begin(site, state, history)
    found, told = _experiments(site, state.get("told", 0))
    for _ in range(PAGES):
        rows, over = _page(site, now)
        found += site.run_events(rows)
        if over:
            break
    else:
        held = {name: getattr(now, name) for name in now.__struct_fields__}
        progress = f"{now.done:,} runs"
        return Look(
            found, state={**state, "pass": held, "told": told}, more=True, progress=progress
        )
    found += site.run_events(_open(site))
    start = time_of(now.start) or site.as_of
    late = text_of(site.as_of) if now.wide else state.get("late")
    mark = WatermarkObserved(complete_to=start - LAG, observed_at=site.as_of)
    return Look(found, [mark], {"since": text_of(start - LAG), "late": late, "told": told})


def _begin(site: Site, state: Json, history: timedelta) -> Pass:
    since, late = time_of(state.get("since")), time_of(state.get("late"))
    start = text_of(site.as_of)
    if since is None:
        return Pass(millis(site.as_of - history), start, wide=True)
    if late is None or site.as_of - late >= LATE_EVERY:
        return Pass(millis(min(since, site.as_of - LATE)), start, wide=True)
    return Pass(millis(since), start)


def _experiments(site: Site, told: int) -> tuple[list[Json], int]:
    """Those that were changed since the latest that was told."""
    rows = [one for one in site.experiments.values() if (one.last_update_time or 1) > told]
    found = [experiment_event(one, site.place, site.as_of) for one in rows]
    return found, max([told, *(one.last_update_time or 1 for one in rows)])


def _page(site: Site, now: Pass) -> tuple[Sequence[Run], bool]:
    """Reads one page and moves on; True after the last."""
    if not site.experiments:
        return [], True
    where = f"attributes.end_time >= {now.since}"
    if now.before is not None:
        where += f" AND attributes.end_time <= {now.before}"
    page = site.api.runs(list(site.experiments), where, "attributes.end_time DESC", now.token)
    rows, ends = page.runs, [run.info.end_time for run in page.runs]
    now.done += len(rows)
    last = ends[-1] if ends else None
    if last is None or not page.next_page_token:
        return rows, True
    # By time, but where that would not move: then by MLflow's own token.
    now.token = page.next_page_token if ends[0] == last or last == now.before else None
    now.before = now.before if now.token else last
    return rows, False


def _open(site: Site) -> list[Run]:
    found: list[Run] = []
    token = None
    for _ in range(OPEN_PAGES if site.experiments else 0):
        page = site.api.runs(list(site.experiments), _OPEN, "attributes.start_time DESC", token)
        found += page.runs
        token = page.next_page_token
        if not token or len(page.runs) < ROWS:
            break
    return found
