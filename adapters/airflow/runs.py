"""Dag runs and task instances: what has changed since the last pass, nothing twice, nothing lost.

A pass reads the Dag runs, then the task instances, that were updated since the server's own time of
the last pass's first answer, less an overlap: Airflow stamps a row before it commits it, by the
clock of whichever host does. A pass may take several looks; rows that change meanwhile belong to the
next one. Running rows come back with each heartbeat; the hub drops what it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from msgspec import Struct

from adapters.airflow import events, ids
from adapters.airflow.api import Position, StaleCursorError, seg
from adapters.airflow.site import Site, text_of, time_of
from adapters.airflow.wire import DagRuns, TaskInstance, TaskInstances
from adapters.base.parts import Look
from hub.model import WatermarkObserved
from hub.ports import Json, KnownRun

LAG: Final = timedelta(seconds=60)
#: How sure we are, in a pass, that what began since the last one is new to us.
RECENT: Final = LAG - timedelta(seconds=5)
PAGES: Final = 4
REQUESTS: Final = 60
RUNS, TASKS = "runs", "tasks"


class Pass(Struct):
    """Where we are: rows updated since `since`, `stage` by page; `start` is the server's time."""

    since: str
    start: str = ""
    stage: str = RUNS
    page: Position | None = None
    done: int = 0
    total: int = 0


def look(site: Site, state: Json, history: timedelta) -> Look:
    """Some pages. state: `since` of the next pass, and `pass`, the one that is under way."""
    now = _resume(state) or Pass(state.get("since") or text_of(site.as_of - history))
    before, found = site.api.http.requests, list[Json]()
    for _ in range(PAGES):
        try:
            found += _page(site, now)
        except StaleCursorError:
            now = Pass(now.since)
            continue
        if now.stage == "":
            return _complete(site, now, found)
        if site.api.http.requests - before >= REQUESTS:
            break
    progress = f"{now.done:,} of {now.total:,} {_WORDS[now.stage]}"
    held = {name: getattr(now, name) for name in now.__struct_fields__}
    return Look(found, state={**state, "pass": held}, more=True, progress=progress)


_WORDS: Final = {RUNS: "Dag runs", TASKS: "task instances"}


def _resume(state: Json) -> Pass | None:
    return Pass(**state["pass"]) if state.get("pass") else None


def _complete(site: Site, done: Pass, found: list[Json]) -> Look:
    start = time_of(done.start) or site.as_of
    since = start - LAG
    mark = WatermarkObserved(complete_to=since, observed_at=site.as_of)
    return Look(found, [mark], {"since": text_of(since)})


def _page(site: Site, now: Pass) -> list[Json]:
    """Reads one page and moves on."""
    of_runs = now.stage == RUNS
    path = "/dags/~/dagRuns" if of_runs else "/dags/~/dagRuns/~/taskInstances"
    since = (time_of(now.since) or site.as_of).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    params = {"updated_at_gte": since}
    if not site.api.is_old:
        params["order_by"] = "id"
    read = site.api.page(path, DagRuns if of_runs else TaskInstances, params, now.page)
    now.start = now.start or text_of(read.date or site.as_of)
    rows = read.page.dag_runs if of_runs else read.page.task_instances
    _advance(now, read.following, len(rows), read.page.total_entries)
    return site.run_events(rows) if of_runs else task_events(site, rows, now.since)


def _advance(now: Pass, following: Position | None, rows: int, total: int) -> None:
    now.done, now.total, now.page = now.done + rows, max(total, now.done + rows), following
    if following is None:
        now.stage = TASKS if now.stage == RUNS else ""
        now.done = now.total = 0


def task_events(site: Site, rows: Sequence[TaskInstance], since: str = "") -> list[Json]:
    """The rows as events, and the earlier tries of those that were tried again."""
    rows = [row for row in rows if row.state is not None]
    parents = site.parents(rows)
    names = {ids.task_name(site.namespace, row): row for row in rows if row.try_number > 1}
    known = site.known.runs(list(names)) if names else {}
    found = []
    for row in rows:
        parent = parents[ids.dag_run_name(site.namespace, row)]
        name = ids.task_name(site.namespace, row)
        if name in names and _is_new_try(row, known.get(name), since):
            tried = (
                events.task_event(site.place, _whole(one, row), parent, latest=row.try_number)
                for one in _tries(site, row)
                if one.try_number < row.try_number
            )
            found += [event for event in tried if event is not None]
        event = events.task_event(site.place, row, parent)
        found += [event] if event is not None else []
    return found


def _is_new_try(row: TaskInstance, known: KnownRun | None, since: str) -> bool:
    """Whether the hub may not have heard how the tries before this one ended.

    A sender may have told it of this try, but not of the end of a killed one before it; so whatever
    began since the last pass is looked at too.
    """
    if known is None or known.attempt < row.try_number:
        return True
    times = (row.scheduled_when, row.queued_when, row.start_date)
    last = max((time for time in times if time is not None), default=None)
    passed = time_of(since)
    return last is not None and passed is not None and last >= passed + RECENT


def _tries(site: Site, row: TaskInstance) -> list[TaskInstance]:
    """Each try with its own times; none if the task instance was deleted meanwhile."""
    path = f"/dags/{seg(row.dag_id)}/dagRuns/{seg(row.dag_run_id)}"
    path += f"/taskInstances/{seg(row.task_id)}"
    path += f"/{row.map_index}/tries" if row.map_index >= 0 else "/tries"
    answer = site.api.ask("GET", path)
    if answer.status == HTTPStatus.NOT_FOUND:  # deleted, or Airflow before 2.10
        return []
    return site.api.read(answer, path, TaskInstances).task_instances


def _whole(one: TaskInstance, row: TaskInstance) -> TaskInstance:
    """A try with the times of its Dag run, which its own row lacks."""
    one.logical_date, one.run_after = row.logical_date, row.run_after
    one.execution_date = row.execution_date
    return one
