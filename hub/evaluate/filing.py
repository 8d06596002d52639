"""Puts the schedules of trackside.yaml on their jobs: on those there are, and on new ones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from hub.evaluate.agenda import Agenda, Entry
from hub.model import ChangeKind
from hub.schedules.spans import Origin
from hub.store import facts, spans
from hub.store.cursors import Change
from hub.store.db import Connection
from hub.store.hub_schedules import HubSchedule, HubSchedules, jobs_like, of_origin


def all_of(connection: Connection, agenda: Agenda, now: datetime) -> HubSchedules:
    """What the file changes of what it said before; those that it says no more are None."""
    wanted: dict[int, Entry] = {}
    for entry in agenda.entries:
        for key, name in jobs_like(connection, entry.select.namespace, entry.select.name):
            if key not in wanted and entry.select.takes(name):
                wanted[key] = entry
    held = of_origin(connection, Origin.FILE)
    found: dict[tuple[int, Origin], HubSchedule | None] = {
        (key, Origin.FILE): None for key in held.keys() - wanted.keys()
    }
    for key, entry in wanted.items():
        one = held.get(key)
        if one is None or (one.schedule, one.days) != (entry.schedule, entry.days):
            found[key, Origin.FILE] = HubSchedule(entry.schedule, now, entry.days)
    return found


def of_new_jobs(
    connection: Connection, agenda: Agenda, changes: Iterable[Change], now: datetime
) -> HubSchedules:
    if not agenda.entries:
        return {}
    made = {c.job_id for c in changes if c.kind == ChangeKind.JOB_CREATED and c.job_id}
    found: dict[tuple[int, Origin], HubSchedule | None] = {}
    for row in facts.job_rows(connection, made):
        entry = agenda.of(row.name)
        if entry is not None:
            found[row.id, Origin.FILE] = HubSchedule(entry.schedule, now, entry.days)
    return found


def edited(
    connection: Connection, jobs: set[int], changed: HubSchedules, now: datetime
) -> spans.Spans:
    """Schedules over time of those of the jobs for which another one holds now."""
    before = spans.spans_of(connection, jobs)
    current = spans.in_force(connection, jobs, changed)
    found = {key: spans.edited(before.get(key, []), current.get(key), now) for key in jobs}
    return {key: held for key, held in found.items() if held != before.get(key, [])}
