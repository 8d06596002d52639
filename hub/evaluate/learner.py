"""Learns schedules from when runs started, where nobody declares one.

Jobs are looked at when a run of theirs starts: often while they are new, then hourly until a schedule
is found, and daily to see whether it still fits. A round looks at a few; the others wait their turn,
and one that is forgotten in a restart comes again with its next run.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from msgspec.structs import replace

from hub.model import ChangeKind
from hub.schedules.learning import LEAST, learn_latest, still_fits
from hub.schedules.spans import Habit, Origin
from hub.store.cursors import Change
from hub.store.db import Connection
from hub.store.hub_schedules import HubSchedule, held_schedules, starts_of, undeclared

#: Jobs that are learned from in one round, some 10 ms each; those that are looked up for it.
PER_ROUND: Final = 10
LOOKED_UP: Final = 500
MOST_WAITING: Final = 100_000
#: With so few runs each one may tell what those before it did not.
FEW: Final = 12
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
NOW: Final = timedelta(0)

Learned = dict[tuple[int, Origin], HubSchedule | None]


class Learner:
    """`zone`: in which its people live."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._waiting: dict[int, None] = {}  # in the order in which their runs started
        self._not_before: dict[int, datetime] = {}

    def round(self, connection: Connection, changes: Iterable[Change], now: datetime) -> Learned:
        """What was learned of some of the jobs whose runs have started."""
        for change in changes:
            self._note(change, now)
        asked = list(islice(self._waiting, LOOKED_UP))
        if not asked:
            return {}
        due = self._due(connection, asked, now)
        some = dict(islice(due.items(), PER_ROUND))
        for key in asked:
            if key in some or key not in due:
                del self._waiting[key]
        found: Learned = {}
        for key, starts in starts_of(connection, some).items():
            one = _learned(some[key], starts, self._zone, now)
            if one is not None:
                found[key, Origin.LEARNED] = one
        return found

    def _note(self, change: Change, now: datetime) -> None:
        if change.job_id is None:
            return
        if change.kind == ChangeKind.SCHEDULE_CHANGED:
            self._not_before.pop(change.job_id, None)
        elif change.kind == ChangeKind.RUN_STARTED and len(self._waiting) < MOST_WAITING:
            at = self._not_before.get(change.job_id)
            if at is None or at <= now:
                self._waiting[change.job_id] = None

    def _due(
        self, connection: Connection, asked: list[int], now: datetime
    ) -> dict[int, HubSchedule | None]:
        """Those to learn from, with what was learned before; of the others when to ask again."""
        plain = undeclared(connection, asked)
        rows = held_schedules(connection, plain)
        found: dict[int, HubSchedule | None] = {}
        for key in asked:
            one = rows.get((key, Origin.LEARNED))
            if key not in plain or (key, Origin.FILE) in rows:
                self._not_before[key] = now + HOUR
            elif one is None or one.looked_at is None or now >= one.looked_at + _age(one):
                found[key] = one
            else:
                self._not_before[key] = one.looked_at + _age(one)
        return found


def _learned(
    held: HubSchedule | None, starts: list[datetime], zone: str, now: datetime
) -> HubSchedule | None:
    """What is to be kept of what was learned; None: too few runs to tell."""
    if held is None and len(starts) < LEAST:
        return None
    if held is not None and _holds(held, starts):
        return replace(held, looked_at=now, runs=len(starts))
    found = learn_latest(starts, zone)
    if found is None:
        return HubSchedule(None, now, looked_at=now, runs=len(starts))
    habit = Habit(found.tolerance, len(starts), found.evidence)
    same = held is not None and held.schedule == found.schedule
    since = held.at if held is not None and same else now
    return HubSchedule(found.schedule, since, habit=habit, looked_at=now, runs=len(starts))


def _holds(held: HubSchedule, starts: list[datetime]) -> bool:
    if held.schedule is None or held.habit is None:
        return False
    return still_fits(held.schedule, held.habit.tolerance, starts)


def _age(one: HubSchedule) -> timedelta:
    """How long what was learned stands before it is looked at again."""
    if one.schedule is not None:
        return DAY
    return NOW if (one.runs or 0) <= FEW else HOUR
