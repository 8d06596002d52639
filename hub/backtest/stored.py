"""The history that a store keeps, as items in the order in which they came in.

Raw events are kept as they came; of what was observed besides, the store keeps schedules over time and
the present freshness policies. The watermarks of orchestrators that hand them in are found in
hindsight: nothing that is told later was known earlier.
"""

from __future__ import annotations

import hashlib
import heapq
from array import array
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import structlog
import zstandard

from hub.errors import BadInput
from hub.model import FreshnessPolicyObserved, ScheduleObserved, WatermarkObserved
from hub.openlineage.decode import decode_event
from hub.record import Incoming, IncomingEvent, IncomingObservation, Sender
from hub.record.incoming import not_ahead
from hub.store import history, orchestrators, outages
from hub.store.db import Database
from hub.store.history import Order
from hub.store.types import EPOCH, from_micros, to_micros

log = structlog.get_logger(__name__)

#: Events that are read at once.
PAGE: Final = 1000
#: How often a watermark moves while nothing comes in.
BEAT: Final = timedelta(minutes=1)
#: How long one event that came late holds its orchestrator's watermark back.
MOST_HELD: Final = timedelta(days=3)
_BEAT_US: Final = BEAT // timedelta(microseconds=1)
_HELD_US: Final = MOST_HELD // timedelta(microseconds=1)
_NEVER: Final = 2**62


class Stored:
    """One store's history up to `until`; None: all of it. The store is only read."""

    def __init__(self, db: Database, until: datetime | None = None) -> None:
        self._db = db
        self._until = until
        with db.reading() as connection:
            self._order = history.arrival_order(connection, until)
            self._whose = orchestrators.names(connection)
            self._teams = history.teams(connection)
            self._watched = history.watched(connection)
            self.outages = outages.outages(connection, EPOCH)

    @property
    def events(self) -> int:
        return len(self._order.ids)

    @property
    def begin(self) -> datetime | None:
        """When the first event came in; None: there is none."""
        return from_micros(self._order.received[0]) if self._order.received else None

    @property
    def end(self) -> datetime | None:
        return from_micros(self._order.received[-1]) if self._order.received else None

    @property
    def earliest(self) -> datetime | None:
        """The time of the earliest event, which may have come in long after it."""
        return from_micros(min(self._order.told)) if self._order.told else None

    def items(self) -> Iterator[Incoming]:
        """Everything, in the order of its arrival."""
        return heapq.merge(
            self._declared(), self._events(), self._marks(), key=lambda item: item.received_at
        )

    def _declared(self) -> Iterator[Incoming]:
        """Schedules when they were declared, policies when their dataset was heard of."""
        first = self._order.received[0] if self._order.received else 0
        with self._db.reading() as connection:
            spans, policies = history.declared_spans(connection), history.policies(connection)
        found: list[Incoming] = []
        for job, whose, team, span in spans:
            seen = ScheduleObserved(job, span.schedule, span.since)
            came = max(to_micros(span.since), first)
            found.append(IncomingObservation(seen, came, whose, Sender(whose, team)))
        for one in policies:
            policy = FreshnessPolicyObserved(
                one.dataset, one.max_lag_s, one.known_at, one.cron, one.timezone
            )
            came = max(to_micros(one.known_at), first)
            sender = Sender(one.orchestrator)
            found.append(IncomingObservation(policy, came, one.orchestrator, sender))
        end = None if self._until is None else to_micros(self._until)
        found = [one for one in found if end is None or one.received_at < end]
        yield from sorted(found, key=lambda one: one.received_at)

    def _events(self) -> Iterator[Incoming]:
        for start in range(0, self.events, PAGE):
            places = range(start, min(start + PAGE, self.events))
            with self._db.reading() as connection:
                kept = history.payloads(connection, [self._order.ids[i] for i in places])
            for i in places:
                payload = kept.get(self._order.ids[i])  # None: retention was quicker
                item = None if payload is None else self._event(i, payload)
                if item is not None:
                    yield item

    def _event(self, i: int, payload: bytes) -> IncomingEvent | None:
        order, raw = self._order, zstandard.decompress(payload)
        try:
            event = decode_event(raw)
        except BadInput as error:
            log.warning("event_not_replayed", event=order.ids[i], error=str(error))
            return None
        told_at, came = to_micros(event.event_time), order.received[i]
        team = self._teams[0].get(order.jobs[i]) or self._teams[1].get(order.datasets[i])
        return IncomingEvent(
            event=event,
            payload=payload,
            digest=hashlib.blake2b(raw, digest_size=16).digest(),
            told_at=told_at,
            at=not_ahead(told_at, came),
            received_at=came,
            sender=Sender(self._whose.get(order.orchestrators[i]), team),
        )

    def _marks(self) -> Iterator[Incoming]:
        """With each event of an orchestrator that is watched, and once a minute."""
        order, ceilings = self._order, _ceilings(self._order)
        held: dict[int, int] = {}  # up to when what was told by now is complete
        beat = order.received[0] if self.events else 0
        for i in range(self.events):
            came = order.received[i]
            while beat + _BEAT_US < came:
                beat += _BEAT_US
                yield from (self._mark(whose, beat, ceiling) for whose, ceiling in held.items())
            whose = order.orchestrators[i]
            if whose in self._watched:
                held[whose] = ceilings[i]
                yield self._mark(whose, came, ceilings[i])

    def _mark(self, whose: int, at: int, ceiling: int) -> Incoming:
        complete = max(min(at, ceiling), at - _HELD_US)
        seen = WatermarkObserved(from_micros(complete), from_micros(at))
        name = self._whose[whose]
        return IncomingObservation(seen, at, name, Sender(name))


def _ceilings(order: Order) -> array[int]:
    """Per event: the earliest time of which its orchestrator told after it."""
    least: dict[int, int] = {}
    found = array("q", bytes(8 * len(order.ids)))
    for i in range(len(order.ids) - 1, -1, -1):
        whose = order.orchestrators[i]
        found[i] = least.get(whose, _NEVER)
        least[whose] = min(found[i], order.told[i])
    return found
