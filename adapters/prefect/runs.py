"""Flow runs and task runs: what has ended since the last pass, and what is open; nothing is lost.

Prefect can't be asked for what has changed. A run that ended is found by when it ended, one that has
not by its state; what a person marked otherwise after its end by the feed of events (`feed`). A pass
reads what ended since the server's own time of the last pass's first answer, less an overlap, newest
first and by time, not by number: rows that come or go meanwhile move no others. Tasks are stamped by
the clock of whoever runs them and may be recorded late, so now and then a pass looks further back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from msgspec import Struct

from adapters.base.parts import Look
from adapters.prefect.site import Site, text_of, time_of
from adapters.prefect.wire import OPEN, FlowRun, TaskRun
from hub.model import WatermarkObserved
from hub.ports import Json

R = TypeVar("R", FlowRun, TaskRun)

LAG: Final = timedelta(seconds=60)
#: How far back tasks are looked for that were recorded late, and how often.
LATE: Final = timedelta(minutes=15)
LATE_EVERY: Final = timedelta(minutes=5)
PAGES: Final = 4
REQUESTS: Final = 60
#: Of open runs at once; the newest of them.
OPEN_PAGES: Final = 10
FLOWS, TASKS = "flow runs", "task runs"
_PATHS: Final = {FLOWS: "/flow_runs/filter", TASKS: "/task_runs/filter"}
#: Prefect has a task run for each subflow, which stands for it and runs nothing.
REAL_TASKS: Final = {"subflow_runs": {"exists_": False}}


class Pass(Struct):
    """Where we are: runs that ended after `since`, `stage` by page, from `before` back.

    skip: so many of those that ended at `before` are read. start: the server's time at its beginning.
    tasks_since: the same for tasks.
    """

    since: str
    tasks_since: str
    start: str = ""
    stage: str = FLOWS
    before: str | None = None
    skip: int = 0
    done: int = 0


def look(site: Site, state: Json, history: timedelta) -> Look:
    """What is open, and some pages of what has ended.

    state: `since` of the next pass, `pass`, the one that is under way, and `late`, when tasks that
    were recorded late were looked for.
    """
    now = _resume(state) or _begin(site, state, history)
    before, found = site.api.http.requests, list[Json]()
    for _ in range(PAGES):
        found += _page(site, now)
        if now.stage == "" or site.api.http.requests - before >= REQUESTS:
            break
    found += _open(site, now)
    if now.stage == "":
        return _complete(site, now, found, state)
    held = {name: getattr(now, name) for name in now.__struct_fields__}
    progress = f"{now.done:,} {now.stage}"
    return Look(found, state={**state, "pass": held}, more=True, progress=progress)


def _resume(state: Json) -> Pass | None:
    return Pass(**state["pass"]) if state.get("pass") else None


def _begin(site: Site, state: Json, history: timedelta) -> Pass:
    since = state.get("since") or text_of(site.as_of - history)
    late = time_of(state.get("late"))
    first = time_of(since) or site.as_of
    if late is None or site.as_of - late >= LATE_EVERY:
        return Pass(since, text_of(first - LATE), start="")
    return Pass(since, since)


def _complete(site: Site, done: Pass, found: list[Json], state: Json) -> Look:
    since = (time_of(done.start) or site.as_of) - LAG
    mark = WatermarkObserved(complete_to=since, observed_at=site.as_of)
    wide = done.tasks_since != done.since
    late = text_of(site.as_of) if wide else state.get("late")
    return Look(found, [mark], {"since": text_of(since), "late": late})


# -- what has ended ------------------------------------------------------------------------------


def _page(site: Site, now: Pass) -> list[Json]:
    """Reads one page and moves on."""
    if now.stage == FLOWS:
        rows = _ended(site, now, FlowRun, now.since, {})
        return site.flow_events(rows)
    return site.task_events(_ended(site, now, TaskRun, now.tasks_since, REAL_TASKS))


def _ended(site: Site, now: Pass, kind: type[R], since: str, besides: Json) -> list[R]:
    span = {"after_": since} | ({"before_": now.before} if now.before else {})
    of = now.stage.replace(" ", "_")
    body = {of: {"end_time": span, **besides}, "sort": "END_TIME_DESC", "offset": now.skip}
    rows, date = site.api.page(_PATHS[now.stage], kind, body)
    now.start = now.start or text_of(date or site.as_of)
    _advance(now, [row.end_time for row in rows], last=len(rows) < site.api.rows)
    return rows


def _advance(now: Pass, ends: Sequence[datetime | None], *, last: bool) -> None:
    now.done += len(ends)
    end = ends[-1] if ends else None
    if last or end is None:
        now.stage = TASKS if now.stage == FLOWS else ""
        now.before, now.skip, now.done = None, 0, 0
        return
    alike = sum(one == end for one in ends)
    now.skip = now.skip + alike if now.before == text_of(end) else alike
    now.before = text_of(end)


# -- what is open --------------------------------------------------------------------------------


def _open(site: Site, now: Pass) -> list[Json]:
    """Flow runs that are due or run; and tasks that have not ended, of these and of flow runs that
    have ended just now (`open_runs` tells which were left behind).
    """
    due = {"before_": text_of(max(site.as_of, time_of(now.start) or site.as_of))}
    wanted = {"state": {"type": {"any_": list(OPEN)}}, "expected_start_time": due}
    site.open = _all(site, FLOWS, FlowRun, {"flow_runs": wanted})
    found = site.flow_events(site.open)
    body = {
        "task_runs": {"state": {"type": {"any_": list(OPEN)}}, **REAL_TASKS},
        "flow_runs": {
            "operator": "or_",
            "state": {"type": {"any_": [one for one in OPEN if one != "SCHEDULED"]}},
            "end_time": {"after_": now.since},
        },
    }
    return found + site.task_events(_all(site, TASKS, TaskRun, body))


def _all(site: Site, stage: str, kind: type[R], body: Json) -> list[R]:
    found: list[R] = []
    for _ in range(OPEN_PAGES):
        wanted = {**body, "sort": "ID_DESC", "offset": len(found)}
        rows, _date = site.api.page(_PATHS[stage], kind, wanted)
        found += rows
        if len(rows) < site.api.rows:
            break
    return found
