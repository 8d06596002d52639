"""The loop that looks through sensors. Every replica runs it; due ones are leased.

What is seen is kept first, then recorded, then ticked off: whoever crashes between leaves it to be
recorded once more, as the same lineage event, which is a duplicate and no second update.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final, Protocol

import msgspec
import structlog

from hub.errors import TracksideError
from hub.model import FreshnessPolicyObserved
from hub.polls.poller import pause_after
from hub.polls.sensor_book import Declaration, SensorBook
from hub.ports.sensors import Sighting
from hub.record.incoming import IncomingObservation, Refused, Sender
from hub.record.intake import Intake
from hub.store import sensors as store
from hub.store.db import Database
from hub.store.sensors import Leased
from hub.store.types import to_micros
from hub.store.writer import Writer

log = structlog.get_logger(__name__)

THREADS: Final = 8
#: Beyond its timeout a look is somebody else's to repeat.
SPARE: Final = timedelta(seconds=60)
_PRODUCER: Final = "https://trackside.dev/sensors/{}"
_SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent"
_FACETS: Final = "https://openlineage.io/spec/facets/1-0-1/{}.json"


class Figures(Protocol):
    """Who counts, for metrics."""

    def sensor_looked(self, sensor: str, *, result: str) -> None:
        """result: seen, waiting or failed."""


class Sense:
    """Looks through the sensors of a book."""

    def __init__(
        self,
        db: Database,
        writer: Writer[Any, Any],
        intake: Intake,
        book: SensorBook,
        figures: Figures,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """clock: read again after each look, which takes its time."""
        self.book = book
        self._db = db
        self._writer = writer
        self._intake = intake
        self._figures = figures
        self._clock = clock
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="sense")
        self._futures: set[Future[None]] = set()
        self._lock = Lock()
        self._begun = False

    def round(self, now: datetime) -> bool:
        """Begins to look where it is time; never waits for what is slow."""
        if not self._begun:
            self._begin(now)
            self._begun = True
        with self._lock:
            room = THREADS - len(self._futures)
        if room <= 0 or not self.book.sensors:
            return False
        with self._db.reading() as connection:
            due = store.any_due(connection, self.book.sensors, now, room)
        for one in self._lease(due, now) if due else ():
            self._start(one)
        return False

    def settle(self) -> None:
        """Waits until what was begun has ended."""
        with self._lock:
            futures = set(self._futures)
        wait(futures)

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def _begin(self, now: datetime) -> None:
        declared = {one.name: one.digest for one in self.book.sensors.values()}

        def introduce(connection: Any) -> None:
            if self._db.is_sqlite:
                store.release_all(connection)
            store.introduce(connection, declared, now)

        self._writer.call(introduce, apart=True)
        policies = [_policy(one, now) for one in self.book.sensors.values() if one.fresh]
        if policies:
            self._writer.record(policies)

    def _lease(self, names: Sequence[str], now: datetime) -> list[Leased]:
        longest = max(self.book.get(name).timeout_s for name in names)
        hold = timedelta(seconds=longest) + SPARE
        return self._writer.call(
            lambda connection: store.lease(connection, names, now, hold), apart=True
        )

    # -- one -----------------------------------------------------------------------------------

    def _start(self, one: Leased) -> None:
        with self._lock:
            future = self._pool.submit(self._look, one)
            self._futures.add(future)
        future.add_done_callback(lambda ended: self._ended(one.name, ended))

    def _ended(self, name: str, future: Future[None]) -> None:
        with self._lock:
            self._futures.discard(future)
        error = future.exception()
        if error is not None:  # the store: the lease ends by itself
            log.error("look_not_recorded", sensor=name, error=type(error).__name__)

    def _look(self, one: Leased) -> None:
        told = self.book.get(one.name)
        try:
            self._record(told, one.pending)
            found = told.sensor.look(one.cursor, self._clock())
        except TracksideError as error:
            self._fail(one, str(error))
            return
        except Exception as error:
            log.exception("sensor_failed", sensor=one.name)
            self._fail(one, f"the sensor failed: {type(error).__name__}")
            return
        now = self._clock()
        if not self._call(lambda c: store.saw(c, one, found.cursor, found.sightings, now)):
            log.warning("look_was_late", sensor=one.name)
            return
        try:
            self._record(told, found.sightings)
        except TracksideError as error:
            self._fail(one, str(error))
            return
        self._done(told, one, found.sightings, found.waits_for)

    def _done(
        self, told: Declaration, one: Leased, found: Sequence[Sighting], waits_for: str
    ) -> None:
        next_at = self._clock() + timedelta(seconds=told.every_s)
        latest = max((sighting.at for sighting in found), default=None)
        self._call(
            lambda c: store.done(c, one, next_at=next_at, waits_for=waits_for, sighted_at=latest)
        )
        self._figures.sensor_looked(one.name, result="seen" if found else "waiting")

    def _fail(self, one: Leased, error: str) -> None:
        now, chance = self._clock(), random.random()  # noqa: S311  spreads load, guards nothing
        pause = pause_after(one.failures + 1, permanent=False, chance=chance)
        log.warning("look_failed", sensor=one.name, error=error, failures=one.failures + 1)
        self._call(lambda c: store.failed(c, one, error, now + timedelta(seconds=pause), now))
        self._figures.sensor_looked(one.name, result="failed")

    def _record(self, told: Declaration, sightings: Sequence[Sighting]) -> None:
        sender = Sender(None, told.team)
        items = []
        for sighting in sightings:
            read = self._intake.event(event_of(told, sighting), sender)
            if read.error is not None:
                raise read.error
            items += read.items
        for outcome in self._writer.record(items) if items else ():
            if isinstance(outcome, Refused):
                log.error("sighting_refused", sensor=told.name, reason=outcome.reason)

    def _call(self, work: Callable[[Any], bool]) -> bool:
        return self._writer.call(work, apart=True)


def _policy(one: Declaration, now: datetime) -> IncomingObservation:
    assert one.fresh is not None
    seen = FreshnessPolicyObserved(
        one.dataset, one.fresh.within_s or 0.0, now, one.fresh.cron, one.fresh.timezone
    )
    return IncomingObservation(seen, to_micros(now), None, Sender(None, one.team))


def event_of(told: Declaration, sighting: Sighting) -> bytes:
    """The sighting as a DatasetEvent; the same one gives the same bytes."""
    producer = _PRODUCER.format(told.name)

    def facet(name: str, **values: Any) -> dict[str, Any]:
        return {"_producer": producer, "_schemaURL": _FACETS.format(name), **values}

    counts = {"rowCount": sighting.rows, "size": sighting.bytes, "fileCount": sighting.files}
    known = {name: value for name, value in counts.items() if value is not None}
    outputs: dict[str, Any] = {}
    if known:
        outputs["outputStatistics"] = facet("OutputStatisticsOutputDatasetFacet", **known)
    if sighting.partition:
        part = {"dimensions": {}, "identifier": sighting.partition}
        condition = {"type": "partition", "partitions": [part]}
        outputs["subset"] = facet("OutputSubsetOutputDatasetFacet", outputCondition=condition)
    facets = {
        "lifecycleStateChange": facet(
            "LifecycleStateChangeDatasetFacet", lifecycleStateChange="OVERWRITE"
        ),
        "version": facet("DatasetVersionDatasetFacet", datasetVersion=sighting.version),
    }
    named = {"namespace": told.dataset.namespace, "name": told.dataset.name}
    event = {
        "eventTime": sighting.at.isoformat(),
        "producer": producer,
        "schemaURL": _SCHEMA,
        "dataset": {**named, "facets": facets, "outputFacets": outputs},
    }
    return msgspec.json.encode(event)
