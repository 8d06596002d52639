"""Deletes what retention lets go, in steps so short that the door doesn't notice.

Rows are searched for on a reader; only the deletes go through the writer, and after each the door
gets nine times as long for itself. On PostgreSQL whole weeks are dropped where a table has them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.exc import OperationalError

from hub.settings import Settings
from hub.store import partitions
from hub.store.db import Database
from hub.store.expired import (
    PAGE,
    candidates,
    delete_range,
    delete_rows,
    groups,
    last_changes,
    of_default_partition,
    read_to,
)
from hub.store.forward import pass_over
from hub.store.partitions import Partition
from hub.store.retention import POLICIES, Candidate, Key, Policy, decide, droppable, surplus
from hub.store.tables import change, dead_letter, event_digest
from hub.store.types import to_micros

T = TypeVar("T")
log = structlog.get_logger(__name__)

#: A step should take so long; the longest allowed is five times that.
STEP_S = 0.01
#: The door gets so many times as long for itself after each step.
REST = 9
_HOUR_US = 3_600_000_000


class Writes(Protocol):
    """What is needed of the writer."""

    def call(self, function: Callable[[Connection], T]) -> T: ...


class Pace:
    """How many rows a step may take so that it ends in about `STEP_S`."""

    def __init__(self, rows: int = 20) -> None:
        self.rows = rows

    def note(self, seconds: float) -> None:
        factor = STEP_S / max(seconds, 1e-6)
        self.rows = int(min(PAGE, max(10, self.rows * min(2.0, factor))))


class Sweep:
    """One pass over all tables. `stopping` says when to leave the rest to the next one."""

    def __init__(
        self,
        db: Database,
        writer: Writes,
        settings: Settings,
        *,
        now: datetime,
        stopping: Callable[[], bool] = lambda: False,
        fence: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        self._db = db
        self._writer = writer
        self._settings = settings
        self._now = now
        self._stopping = stopping
        self._fence = fence
        self._pace = Pace()
        #: Events that a receiver never gets: they were not sent, and are too old now.
        self.passed_over: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        """How many rows of each table are gone (of a dropped week: 0, nobody counts them)."""
        self.passed_over = self._pass_over()
        gone = {table: self._drop_weeks(table) for table in partitions.ARRIVAL}
        for policy in POLICIES:
            gone[policy.name] = gone.get(policy.name, 0) + self._sweep(policy)
        gone["event_digest"] = self._sweep_digests()
        gone["dead_letter"] += self._bound_dead_letters()
        return gone

    def _pass_over(self) -> dict[str, int]:
        """Nothing is deleted unsent without being counted."""
        names = [one.name for one in self._settings.forward]
        if not names:
            return {}
        horizon = self._now - timedelta(days=self._settings.retention.lineage_events)

        def step(connection: Connection) -> dict[str, int]:
            self._fence(connection)
            return pass_over(connection, names, horizon, self._now)

        lost = self._writer.call(step)
        for name, count in lost.items():
            log.error("forward_passed_over", receiver=name, events=count)
        return lost

    # -- rows ------------------------------------------------------------------------------------

    def _sweep(self, policy: Policy) -> int:
        horizon = policy.horizon(self._settings.retention, self._now)
        if policy.name in partitions.ARRIVAL and not self._db.is_sqlite:
            policy = of_default_partition(policy)
        with self._db.reading() as connection:
            stretches = groups(connection, policy)
        return sum(self._sweep_group(policy, within, horizon) for within in stretches)

    def _sweep_group(self, policy: Policy, within: ColumnElement[bool], horizon: datetime) -> int:
        gone, after = 0, None
        while not self._stopping():
            page = self._page(policy, within, after)
            decision = decide(page, horizon)
            gone += self._delete(
                decision.expired, lambda c, keys: delete_rows(c, policy, within, keys, horizon)
            )
            if decision.finished:
                break
            after = page[-1].key
        return gone

    def _page(
        self, policy: Policy, within: ColumnElement[bool], after: Key | None
    ) -> list[Candidate]:
        with self._db.reading() as connection:
            found = connection.execute(candidates(policy, within, after)).all()
        return [Candidate(tuple(row[:-2]), row[-2], bool(row[-1])) for row in found]

    def _sweep_digests(self) -> int:
        """Digests are filed by hour, so the old ones come first."""
        days = self._settings.retention.lineage_events
        hour = to_micros(self._now - timedelta(days=days)) // _HOUR_US
        bound = hour.to_bytes(4, "big")
        oldest = select(event_digest.c.key).where(event_digest.c.key < bound)
        gone = 0
        while not self._stopping():
            with self._db.reading() as connection:
                page = connection.scalars(oldest.order_by(event_digest.c.key).limit(PAGE)).all()
            if not page:
                break
            keys: list[Key] = [(key,) for key in page]
            gone += self._delete(keys, lambda c, some: delete_range(c, event_digest, some))
        return gone

    def _bound_dead_letters(self) -> int:
        size = func.length(dead_letter.c.payload)
        with self._db.reading() as connection:
            held = connection.scalar(select(func.sum(size))) or 0
            if held <= self._settings.dead_letter_max_bytes:
                return 0
            rows = connection.execute(select(dead_letter.c.id, size).order_by(dead_letter.c.id))
            old = surplus(((n, s) for n, s in rows), held, self._settings.dead_letter_max_bytes)
        keys: list[Key] = [(number,) for number in old]
        return self._delete(keys, lambda c, some: delete_range(c, dead_letter, some))

    def _delete(self, keys: list[Key], step: Callable[[Connection, list[Key]], int]) -> int:
        """Deletes by key in steps; how many rows are gone."""
        gone = 0
        while keys and not self._stopping():
            now, keys = keys[: self._pace.rows], keys[self._pace.rows :]
            count, seconds = self._writer.call(partial(self._step, step, now))
            self._pace.note(seconds)
            time.sleep(min(0.5, seconds * REST))
            gone += count
        return gone

    def _step(
        self, step: Callable[[Connection, list[Key]], int], keys: list[Key], connection: Connection
    ) -> tuple[int, float]:
        started = time.perf_counter()
        self._fence(connection)
        return step(connection, keys), time.perf_counter() - started

    # -- weeks -----------------------------------------------------------------------------------

    def _drop_weeks(self, table: str) -> int:
        for week in self._weeks_to_drop(table):
            try:
                with self._db.writing() as connection:
                    self._fence(connection)
                    partitions.drop(connection, week)
            except OperationalError as error:  # somebody reads it just now; the next pass will do
                log.info("week_not_dropped", partition=week.name, error=type(error.orig).__name__)
                break
            log.info("week_dropped", partition=week.name)
        return 0

    def _weeks_to_drop(self, table: str) -> list[Partition]:
        policy = next(policy for policy in POLICIES if policy.name == table)
        horizon = policy.horizon(self._settings.retention, self._now)
        with self._db.reading() as connection:
            over = [w for w in partitions.existing(connection, table) if w.until <= horizon]
            if table != change.name:
                return droppable(((week, {}) for week in over), horizon, {})
            weeks = [(week, last_changes(connection, week)) for week in over]
            return droppable(weeks, horizon, read_to(connection))
