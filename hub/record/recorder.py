"""What the writer does with a batch: duplicates out, the rest folded, everything saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from hub.errors import shorten
from hub.model import Observation
from hub.openlineage.airflow_tasks import unbegun_tasks
from hub.openlineage.decode import decode_event
from hub.record import heartbeats, observations
from hub.record.batch import Batch
from hub.record.incoming import (
    Accepted,
    DeadLetter,
    Incoming,
    IncomingEvent,
    IncomingObservation,
    IncomingPing,
    Outcome,
    Refused,
    compress,
    incoming_event,
)
from hub.store.bulk import bulk_of
from hub.store.db import Connection, Database
from hub.store.ids import Ids
from hub.store.ledger import known_digests
from hub.store.letterbox import Letterbox, storable
from hub.store.spaces import Claim, Spaces
from hub.store.workset import Remembered, Workset
from hub.store.writers import register_writer

T = TypeVar("T")

NEW, AGAIN = Accepted(new=True), Accepted(new=False)


def now_us() -> int:
    return time.time_ns() // 1000


def unclaimed(namespace: str) -> None:
    """No operator claims anything."""


class Recorder:
    """The writer's applier for everything that comes in through the door."""

    def __init__(
        self,
        db: Database,
        *,
        claim: Claim = unclaimed,
        dead_letter_max_bytes: int = 256 * 2**20,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._claim = claim
        self._clock = clock
        self._letterbox = Letterbox(dead_letter_max_bytes)
        self._ids = Ids(db)
        self._db = db
        # Elsewhere another replica may change a row between two of our batches.
        self._remembered = Remembered(enabled=db.is_sqlite)
        self._writer: int | None = None
        self._next_seq = 1
        self._batch: Batch | None = None
        self._next_seq_if_committed = 1

    def prepare(self) -> None:
        if self._writer is None:
            self._writer = register_writer(self._db, self._ids, self._clock())
            self._next_seq = 1

    def apply(self, connection: Connection, items: Sequence[Incoming]) -> list[Outcome]:
        self._ids.enter(connection)
        now = self._clock()
        bulk = bulk_of(connection)
        namespaces = Spaces(bulk, self._ids, self._claim, now)
        batch = Batch(Workset(bulk, self._ids, namespaces, self._remembered), connection, now)
        pings = [item for item in items if isinstance(item, IncomingPing)]
        heard = heartbeats.hear(connection, pings) if pings else ()
        facts = [*items, *heard, *_implied(items)]
        fresh, outcomes = self._sift(batch, facts)
        self._letterbox.keep(connection, self._ids, _only(DeadLetter, fresh))
        self._fold(batch, _only(IncomingEvent, fresh), _only(IncomingObservation, fresh))
        self._save(batch)
        return outcomes[: len(items)]

    def committed(self) -> None:
        if self._batch is not None:
            if self._batch.merged:
                self._remembered.forget()
            else:
                self._batch.work.remember()
            self._next_seq = self._next_seq_if_committed
            self._batch = None

    def rolled_back(self, *, certain: bool) -> None:
        self._batch = None
        if not certain:
            # The numbers of its changes may be taken; another writer's are not.
            self._writer = None
        if self._db.is_sqlite:
            self._ids.forget()

    def changed_elsewhere(self) -> None:
        """Somebody else wrote: forget what rows were."""
        self._remembered.forget()

    def refused(self, connection: Connection, item: Incoming, error: Exception) -> Outcome:
        """Parks an item that was understood but can't be stored."""
        self._ids.enter(connection)
        reason = storable(f"{type(error).__name__}: {shorten(str(error))}")
        if isinstance(item, IncomingEvent | IncomingObservation):
            self._letterbox.keep(connection, self._ids, [_letter(item, reason)])
        return Refused(reason)

    def _sift(
        self, batch: Batch, items: Sequence[Incoming]
    ) -> tuple[list[Incoming], list[Outcome]]:
        """The items that are new, and an outcome for every item."""
        keys = [_key_of(item) for item in items]
        known = known_digests(batch.work.bulk, sorted({k for k in keys if k is not None}))
        fresh: list[Incoming] = []
        outcomes: list[Outcome] = []
        for item, key in zip(items, keys, strict=True):
            again = key in known
            outcomes.append(AGAIN if again else NEW)
            if again:
                continue
            fresh.append(item)
            if key is not None:
                known.add(key)
                batch.ledger.digests.append(key)
        return fresh, outcomes

    @staticmethod
    def _fold(
        batch: Batch, events: list[IncomingEvent], observed: list[IncomingObservation]
    ) -> None:
        events = sorted(events, key=lambda e: (e.at, e.digest))
        batch.load(events, *observations.names(observed))
        for item in events:
            batch.apply(item)
        for observation in observed:
            observations.apply(batch, observation)
        batch.finish()

    def _save(self, batch: Batch) -> None:
        work = batch.work
        assert self._writer is not None
        with work.bulk.together():
            work.namespaces.save()
            work.save()
            work.choose_leaders(batch.runs.stale_leaders)
            batch.descriptions.save(work.bulk, self._ids, batch.now)
            self._next_seq_if_committed = batch.ledger.save(
                work.bulk, self._ids, self._writer, self._next_seq
            )
        self._batch = batch


def _implied(items: Iterable[Incoming]) -> Iterator[IncomingEvent]:
    """What events say of runs that sent none."""
    for item in _only(IncomingEvent, items):
        for raw in unbegun_tasks(item.event):
            yield incoming_event(decode_event(raw), raw, raw, item.received_at, item.sender)


def _key_of(item: Incoming) -> bytes | None:
    """What tells a duplicate; None of what has none."""
    return item.key if isinstance(item, IncomingEvent | DeadLetter) else None


def _only(kind: type[T], items: Iterable[Incoming]) -> list[T]:
    return [item for item in items if isinstance(item, kind)]


def _letter(item: IncomingEvent | IncomingObservation, reason: str) -> DeadLetter:
    """The item as it can be looked at and replayed."""
    if isinstance(item, IncomingEvent):
        door, payload, whose = "lineage", item.payload, item.sender.orchestrator
    else:
        door, payload = "observations", compress(_as_json(item.observation))
        whose = item.orchestrator
    return DeadLetter(
        door=door,
        payload=payload,
        size=len(payload),
        code="not-storable",
        path="$",
        found=reason,
        expected="something that the store can hold",
        received_at=item.received_at,
        orchestrator=whose,
    )


def _as_json(observation: Observation) -> bytes:
    """Readable even if a text in it is what can't be stored."""
    try:
        return msgspec.json.encode(observation)
    except UnicodeEncodeError:
        return repr(observation).encode(errors="replace")
