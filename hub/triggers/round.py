"""One round of the trigger loop: what was updated and what is due, decided, into launches.

Reads a snapshot, decides without a store, and commits arrivals, their fates, where each partition
stands, launches and the place in the changes together: a crash at any point repeats the round, and
a repeated round launches nothing twice. Whoever edits a subscription meanwhile makes it repeat, too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from hub.store import arrivals, subscriptions, updates
from hub.store.cursors import read_changes, start_at_end
from hub.store.db import Connection, Database
from hub.store.leases import Fence
from hub.store.step_cursors import start_at_last_step
from hub.store.writer import Writer
from hub.triggers.decisions import Decisions
from hub.triggers.found import READER, EditedError, Found, keep
from hub.triggers.hearing import Hearing, Specs
from hub.triggers.opening import Opening
from hub.triggers.plan import Plan, file_subscriptions

#: Changes, due partitions, and subscriptions to look at, of one round.
CHANGES: Final = 1000
DUE: Final = 500
LOOKS: Final = 100
_NO_PLAN: Final = Plan()


class Trigger:
    """The trigger loop over one store. heard: told of what each round has found."""

    def __init__(
        self,
        db: Database,
        writer: Writer[Any, Any],
        plan: Plan = _NO_PLAN,
        heard: Callable[[Found], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._writer = writer
        self._plan = plan
        self._heard = heard
        self._begun = False
        self._specs: Specs = {}

    def round(self, now: datetime, fence: Fence) -> bool:
        """Deals with what was updated and what is due; True if more is left."""
        if not self._begun:
            self._write(lambda connection: self._begin(connection, now, fence))
            self._begun = True
        with self._db.reading() as connection:
            found = self._find(connection, now)
        if found.empty:
            return found.more
        try:
            self._write(lambda connection: keep(connection, found, fence))
        except EditedError:
            return True
        self._heard(found)
        return found.more

    def _write(self, function: Callable[[Connection], None]) -> None:
        """On SQLite everybody writes through the one writer; on PostgreSQL beside it."""
        if self._db.is_sqlite:
            self._writer.call(function, apart=True)
            return
        with self._db.writing() as connection:
            function(connection)

    def _begin(self, connection: Connection, now: datetime, fence: Fence) -> None:
        fence(connection)
        start_at_end(connection, READER)
        start_at_last_step(connection, READER)
        file_subscriptions(connection, self._plan, now)

    def _find(self, connection: Connection, now: datetime) -> Found:
        found = Found(now)
        hearing, decisions = Hearing(connection, found, self._specs), Decisions(connection, found)
        changes, found.places = read_changes(connection, READER, CHANGES)
        found.lag_s = max(((now - one.at).total_seconds() for one in changes if one.at), default=0)
        due = arrivals.due_rows(connection, now, DUE)
        looked = subscriptions.looked_for(connection, now, LOOKS)
        found.more = len(changes) >= CHANGES or len(due) >= DUE or len(looked) >= LOOKS
        hearing.know([*looked, *(number for number, _ in due)])
        found.rows.update(row for row in due if row[0] in found.subscribers)
        for number in looked:
            self._look_at(hearing, decisions, found, number)
        hearing.hear(updates.written(connection, changes))
        Opening(connection, found, hearing).look(changes)
        decisions.decide()
        return found

    def _look_at(self, hearing: Hearing, decisions: Decisions, found: Found, number: int) -> None:
        """A subscription that was changed, or waits for room."""
        one = found.subscribers.get(number)
        if one is None:
            return
        found.looks[number] = None
        found.settled.add(number)
        if one.kept.settled_version != one.kept.version:
            hearing.settle(one)
        elif not one.kept.is_paused:
            decisions.make_room(one)
