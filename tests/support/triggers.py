"""A hub's trigger loop, step by step: updates come in by events, launches stay rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text, update

from hub.store import subscriptions as store
from hub.store.arrival_views import ArrivalView, StandView, list_arrivals, list_stands
from hub.store.db import Database
from hub.store.leases import no_fence
from hub.store.reading import Page
from hub.store.subscriptions import API, Kept
from hub.store.tables import launch
from hub.store.types import to_micros
from hub.triggers.plan import wanted_of
from hub.triggers.round import Trigger
from hub.triggers.spec import Spec, read_spec
from tests.support.recording import Recording, incoming, run_event

BEGIN = datetime(2026, 11, 24, tzinfo=UTC)


def spec(when: str = "db/a", **told: Any) -> Spec:
    """A subscription called s, which launches the job `mart` of the orchestrator `airflow`."""
    given = {
        "name": "s",
        "when": when,
        "launch": {"orchestrator": "airflow", "job": "mart"},
        **told,
    }
    found = read_spec(given)
    assert isinstance(found, Spec), found
    return found


class Station:
    """One store and its trigger loop. Seconds count from BEGIN."""

    def __init__(self, db: Database, writer: Any = None) -> None:
        self.db = db
        self.now = BEGIN
        self.record = Recording(db, clock=lambda: to_micros(self.now))
        self.writer: Any = writer or _Direct(db)
        self.runs = 0
        self.restart()
        # What is there before the first round is nobody's.
        self.trigger.round(self.now, no_fence)

    def restart(self) -> None:
        """As a new process would go on."""
        self.trigger = Trigger(self.db, self.writer)

    # -- what people do ------------------------------------------------------------------------

    def subscribe(self, when: str = "db/a", **told: Any) -> Kept:
        return self.put(spec(when, **told))

    def put(self, one: Spec) -> Kept:
        at = self.now
        kept: Kept = self.write(
            lambda it: store.put_subscription(it, wanted_of(one), origin=API, by="ann", now=at)
        )
        return kept

    def pause(self, name: str = "s") -> None:
        self.write(lambda it: store.pause(it, name, "ann", "a move", self.now))

    def resume(self, name: str = "s", *, replay: bool) -> None:
        self.write(lambda it: store.resume(it, name, self.now, replay=replay))

    def write(self, function: Any) -> Any:
        with self.db.writing() as connection:
            return function(connection)

    # -- what happens --------------------------------------------------------------------------

    def updated(
        self,
        *names: str | dict,
        partition: str | None = None,
        job: str = "make",
        at: datetime | None = None,
    ) -> list[dict]:
        """A run that has written the datasets, of `partition`; the events that told of it."""
        self.runs += 1
        facets = {} if partition is None else {"hub_dagster_asset": {"partition": partition}}
        outputs = [
            one if isinstance(one, dict) else {"namespace": "db", "name": one, "facets": facets}
            for one in names
        ]
        events = [
            run_event(kind, 0, 1000 + self.runs, job=job, outputs=outputs * (kind == "COMPLETE"))
            for kind in ("START", "COMPLETE")
        ]
        for each in events:
            each["eventTime"] = (at or self.now).isoformat()
            self.hear(each)
        return events

    def hear(self, event: dict) -> None:
        """An event comes in now."""
        self.record.batch([incoming(event, heard_at=to_micros(self.now))])

    def at(self, seconds: float) -> None:
        """Time passes; then the loop runs until nothing is left."""
        self.now = BEGIN + timedelta(seconds=seconds)
        self.run()

    def run(self) -> None:
        for _ in range(200):
            if not self.trigger.round(self.now, no_fence):
                return
        raise AssertionError("the loop finds no end")

    def end(self, *keys: int) -> None:
        """Launches come to their end; all of them, if none is named."""
        mine = launch.c.ended_at.is_(None)
        if keys:
            mine = launch.c.id.in_(keys)
        self.write(lambda it: it.execute(update(launch).where(mine).values(ended_at=self.now)))

    # -- what became of it -----------------------------------------------------------------------

    def launches(self) -> list[dict[str, Any]]:
        """All that were asked for, the first first."""
        with self.db.reading() as connection:
            rows = connection.execute(text("SELECT * FROM launch ORDER BY id")).mappings()
            return [
                {**row, "cause": msgspec.json.decode(row["cause"]),
                 "conf": msgspec.json.decode(row["conf"])}
                for row in rows
            ]  # fmt: skip

    def partitions(self) -> list[str | None]:
        """Of the launches."""
        return [one["partition_key"] for one in self.launches()]

    def causes(self) -> list[list[int]]:
        """The updates of each launch."""
        return [one["cause"]["updates"] for one in self.launches()]

    def arrivals(self, name: str = "s", **asked: Any) -> list[ArrivalView]:
        """The first first."""
        with self.db.reading() as connection:
            kept = store.get_subscription(connection, name)
            pause = "paused" if kept.is_paused else None
            found = list_arrivals(connection, kept.id, Page(1000), pause=pause, **asked)
        return found.items[::-1]

    def fates(self, name: str = "s") -> list[str]:
        return [one.fate for one in self.arrivals(name)]

    def stands(self, name: str = "s") -> list[StandView]:
        with self.db.reading() as connection:
            return list_stands(connection, store.get_subscription(connection, name).id, 1000)


class _Direct:
    """Writes without a writer's thread."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def call(self, function: Any, *, apart: bool = False) -> Any:
        with self._db.writing() as connection:
            return function(connection)
