"""The reports desk of the made-up shop: an own engine that fetches its launches and tells its runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from msgspec import Struct

from hub.demo.chance import run_id
from hub.demo.facets import Json, facet, iso, run_event
from hub.demo.tables import DWH
from hub.errors import Unavailable
from hub.model import EntityName
from hub.ports import LaunchRequest, LeasedLaunch, launch_run_id

DESK: Final = "desk"
PRODUCER: Final = "https://git.example/reports-desk"
SUMMARY: Final = EntityName(DWH, "dwh.reports.day_summary")
#: The job that writes it, a partition a day.
SUMS_UP: Final = "day_summary"
#: Days of it that are there, and which of them, counted back from today, are not.
DAYS: Final = 21
LACKING: Final = (3, 4, 6, 9)
#: What the summary is made of.
NOTES: Final = {"namespace": "https://desk.example", "name": "notes"}
ORDERS: Final = {"namespace": DWH, "name": "dwh.core.orders"}
#: A job of which the desk knows nothing.
UNKNOWN: Final = "christmas_card"
LEASE_S: Final = 60.0
TAKES: Final = timedelta(seconds=8)

Tell = Callable[[Sequence[Json]], object]


class Fetches(Protocol):
    """How an engine gets its launches, as hub.triggers.pulling has it."""

    def fetch(
        self, orchestrator: str, hold_s: float, *, every: bool
    ) -> tuple[LeasedLaunch, LaunchRequest] | None: ...

    def ack(self, orchestrator: str, launch: int, token: str, run_id: str | None) -> None: ...

    def nack(self, orchestrator: str, launch: int, token: str, error: Unavailable) -> None: ...


class Work(Struct, frozen=True):
    """A run of a job, for a partition if its launch names one."""

    run: str
    job: EntityName
    partition: str | None
    ends_at: datetime

    def event(self, kind: str, at: datetime) -> Json:
        facets: Json = {}
        if self.partition is not None:
            day = datetime.fromisoformat(f"{self.partition}T00:00:00+00:00")
            end = iso(day + timedelta(days=1))
            told = {"nominalStartTime": iso(day), "nominalEndTime": end}
            facets = {"nominalTime": facet(PRODUCER, "nominalTime", **told)}
        name = SUMMARY.name if self.job.name == SUMS_UP else f"dwh.reports.{self.job.name}"
        wrote = [{"namespace": DWH, "name": name}] if kind == "COMPLETE" else []
        job = {"namespace": self.job.namespace, "name": self.job.name}
        run = {"runId": self.run, "facets": facets}
        read = NOTES if self.job.name == SUMS_UP else ORDERS
        return run_event(PRODUCER, kind, at, run, job, [read], wrote)


class Desk:
    """Takes one launch after the other; each run takes some seconds."""

    def __init__(self, launches: Fetches, tell: Tell) -> None:
        self._launches = launches
        self._tell = tell
        self._work: list[Work] = []

    def turn(self, now: datetime) -> None:
        """What is done ends, and one launch that waits begins."""
        done = [one for one in self._work if one.ends_at <= now]
        self._work = [one for one in self._work if one.ends_at > now]
        if done:
            self._tell([one.event("COMPLETE", one.ends_at) for one in done])
        found = self._launches.fetch(DESK, LEASE_S, every=True)
        if found is not None:
            self._take(found[0], now)

    def _take(self, one: LeasedLaunch, now: datetime) -> None:
        if one.job.name == UNKNOWN:
            error = Unavailable(f"the desk has no report {UNKNOWN!r}", permanent=True)
            self._launches.nack(DESK, one.id, one.token, error)
            return
        work = Work(launch_run_id(one.key), one.job, one.partition, now + TAKES)
        self._launches.ack(DESK, one.id, one.token, None)
        self._tell([work.event("START", now)])
        self._work.append(work)


def history(now: datetime) -> Iterator[Json]:
    """What the desk has told until today: a summary of each day, but of those that are lacking."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for ago in range(DAYS, 0, -1):
        if ago not in LACKING:
            day = today - timedelta(days=ago)
            begun = day + timedelta(days=1, minutes=1)
            key = run_id(begun, DESK, SUMS_UP)
            work = Work(key, EntityName(DESK, SUMS_UP), f"{day:%Y-%m-%d}", begun + TAKES)
            if work.ends_at <= now:
                yield work.event("START", begun)
                yield work.event("COMPLETE", work.ends_at)
