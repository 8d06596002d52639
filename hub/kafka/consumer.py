"""One consumer: from the topics to the writer, and back to the group how far the store has it.

A thread of its own takes a batch, hands it to the writer and waits for the commit; only then do the
offsets go on. What is handed in twice (a crash between the two, a rebalance) is known by its digest,
so the effect is that of once. While the store takes nothing, the partitions pause and the same batch
is handed in again and again: nothing is skipped, and the group keeps its member.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import structlog

from hub.access import Kind, Principal, Scope
from hub.errors import Overloaded, TracksideError
from hub.kafka.batch import DOOR, Batch, Partition, Settle, Taken, place_of
from hub.kafka.client import connect
from hub.kafka.lags import Lags
from hub.metrics import Metrics
from hub.record import Incoming, Outcome, Sender
from hub.record.counted import Counted
from hub.record.intake import Intake, Origin
from hub.settings.kafka import Kafka
from hub.store.writer import Work, Writer

log = structlog.get_logger(__name__)

POLL_S: Final = 0.2
#: A batch may take the writer so long before the partitions are paused for it.
PATIENCE_S: Final = 2.0
#: Whoever takes a partition over waits so long at most for what is being written of it.
HANDOVER_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 10.0
RECONNECT_S: Final = 5.0


class Connects(Protocol):
    """Makes a client; see `hub.kafka.client.connect`."""

    def __call__(self, told: Kafka, trouble: Any, committed: Any) -> Any: ...


class Consumer:
    """Consumes from `start` to `stop`, whatever happens to brokers and store."""

    def __init__(
        self,
        told: Kafka,
        intake: Intake,
        writer: Writer[Incoming, Outcome],
        metrics: Metrics,
        *,
        connects: Connects = connect,
    ) -> None:
        self.told = told
        self.lags = Lags(told.name, metrics)
        #: What is wrong: "" while all goes well. `store`: it is the store, else the brokers.
        self.trouble = ""
        self._store_trouble, self._brokers_trouble = "", ""
        self._intake = intake
        self._writer = writer
        self._metrics = metrics
        self._connects = connects
        self._counted = Counted(metrics)
        self._sender = Sender(told.orchestrator, told.team)
        self._may_write = _principal(told).require_namespace
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"kafka-{told.name}", daemon=True)
        self._forget()
        self._say(store="", brokers="")

    def _forget(self) -> None:
        """As a member that has just joined."""
        self._batch: Batch | None = None
        self._failures = 0
        self._again_at: float | None = None  # monotonic; None: it is with the writer
        self._paused = False
        self._spare: list[Any] = []  # came while paused
        self._stored: dict[Partition, int] = {}  # where the store is, by what this member saw
        self._uncommitted = False

    # -- for others ------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Commits what is stored, leaves the group; what is not stored is another's."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except Exception as error:
                expected = isinstance(error, TracksideError)
                text = str(error) if expected else f"{type(error).__name__}: {error}"
                log.warning(
                    "kafka_failed",
                    consumer=self.told.name,
                    error=text,
                    exc_info=None if expected else error,
                )
                self._say(brokers=text)
                self._stopping.wait(RECONNECT_S)

    def _serve(self) -> None:
        self._forget()
        client = self._connects(self.told, self._hear, self._hear_commit)
        try:
            client.subscribe(
                self.told.topics,
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            log.info("kafka_subscribed", consumer=self.told.name, topics=self.told.topics)
            while not self._stopping.is_set():
                self._step(client)
        finally:
            client.close()  # what is assigned is revoked, with the call of it
            self.lags.forget()

    def _step(self, client: Any) -> None:
        if self._batch is None:
            self._fetch(client)
        elif self._again_at is None:
            self._settle(client, self._batch)
        else:
            self._rest(client, self._batch, self._again_at)
        if self._uncommitted:
            self._commit(client, wait=False)
        if self.lags.due(time.monotonic()) and self.lags.look(client, self._stored, self._paused):
            self._say(brokers="")

    def _fetch(self, client: Any) -> None:
        messages, self._spare = self._spare, []
        if not messages and (first := client.poll(POLL_S)) is not None:
            messages = [first, *client.consume(self.told.max_messages - 1, timeout=0)]
        taken = [self._read(message) for message in messages if self._is_sound(message)]
        if taken:
            self._batch, self._failures = Batch(taken), 0
            self._hand_in(self._batch)

    def _is_sound(self, message: Any) -> bool:
        """librdkafka tells of some troubles in the place of a message."""
        if message.error() is None:
            return True
        self._hear(message.error().str())
        return False

    def _read(self, message: Any) -> Taken:
        partition, offset = (message.topic(), message.partition()), message.offset()
        raw = message.value() or b""
        origin = Origin(DOOR, place_of(partition, offset), message.timestamp()[1] * 1000)
        read = self._intake.message(raw, self._sender, self._may_write, origin)
        return Taken(partition, offset, read, len(raw))

    # -- a batch ---------------------------------------------------------------------------------

    def _hand_in(self, batch: Batch) -> None:
        def submit(settle: Settle) -> None:
            try:
                self._writer.submit(Work(batch.items, batch.size, settle))
            except Overloaded as error:
                settle(error)

        self._again_at = None
        batch.ask(submit)

    def _settle(self, client: Any, batch: Batch) -> None:
        outcome = batch.wait(POLL_S if self._paused else PATIENCE_S)
        if outcome is None:
            self._pause(client)
            self._serve_callbacks(client, 0)
        elif isinstance(outcome, Exception):
            self._fail(client, outcome)
        else:
            self._take(batch, outcome)
            self._commit(client, wait=False)
            self._resume(client)

    def _take(self, batch: Batch, outcomes: list[Outcome]) -> None:
        """All of it is durable."""
        self._stored |= batch.following()
        self._batch = None
        self._counted.settled(batch.reads, outcomes)
        for result, count in batch.results(outcomes).items():
            self._metrics.kafka_messages.labels(self.told.name, result).inc(count)
        for one in batch.taken:
            if one.read.error is not None:
                place = place_of(one.partition, one.offset)
                log.warning("kafka_message_parked", consumer=self.told.name, place=place)
        self._say(store="", brokers="")

    def _fail(self, client: Any, error: Exception) -> None:
        """Of the store: the batch is kept, and no other is fetched before it."""
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._failures)
        self._failures += 1
        self._again_at = time.monotonic() + pause
        self._metrics.kafka_retries.labels(self.told.name).inc()
        self._say(store=str(error))
        log.warning("kafka_not_stored", consumer=self.told.name, error=str(error), pause_s=pause)
        self._pause(client)

    def _rest(self, client: Any, batch: Batch, again_at: float) -> None:
        left = again_at - time.monotonic()
        if left > 0:
            self._serve_callbacks(client, min(left, POLL_S))
        elif batch.taken:
            self._hand_in(batch)
        else:  # all of it is another's by now
            self._batch = None
            self._resume(client)

    def _pause(self, client: Any) -> None:
        if not self._paused:
            client.pause(client.assignment())
            self._paused = True

    def _resume(self, client: Any) -> None:
        if self._paused:
            client.resume(client.assignment())
            self._paused = False

    def _serve_callbacks(self, client: Any, seconds: float) -> None:
        """Stays a member of the group while nothing is to be fetched."""
        message = client.poll(seconds)
        if message is not None:
            self._spare.append(message)

    # -- offsets ---------------------------------------------------------------------------------

    def _commit(self, client: Any, *, wait: bool) -> None:
        """Tells the group where the store is."""
        from confluent_kafka import KafkaException, TopicPartition

        offsets = [TopicPartition(*one, offset) for one, offset in self._stored.items()]
        self._uncommitted = False
        if not offsets:
            return
        try:
            client.commit(offsets=offsets, asynchronous=not wait)
        except KafkaException as error:
            # The next owner gets it once more, which is a duplicate.
            log.warning("kafka_not_committed", consumer=self.told.name, error=str(error))

    def _hear_commit(self, error: Any, _: Any) -> None:
        if error is not None:
            self._uncommitted = True
            log.warning("kafka_not_committed", consumer=self.told.name, error=error.str())

    # -- rebalances: called while a message is waited for ------------------------------------------

    def _on_assign(self, client: Any, partitions: Sequence[Any]) -> None:
        log.info("kafka_assigned", consumer=self.told.name, partitions=_named(partitions))
        client.incremental_assign(partitions)
        self.lags.assigned(_keys(partitions))
        if self._paused and partitions:
            client.pause(partitions)

    def _on_revoke(self, client: Any, partitions: Sequence[Any]) -> None:
        """What is stored is committed, also what just becomes it; the rest is dropped."""
        batch = self._batch
        if batch is not None and self._again_at is None:
            outcome = batch.wait(HANDOVER_S)
            if isinstance(outcome, list):
                self._take(batch, outcome)
        self._commit(client, wait=True)
        self._on_lost(client, partitions)

    def _on_lost(self, _: Any, partitions: Sequence[Any]) -> None:
        """Somebody else has them already: nothing can be committed of them."""
        gone = _keys(partitions)
        log.info("kafka_given_up", consumer=self.told.name, partitions=_named(partitions))
        if self._batch is not None:
            self._batch.without(gone)
        self._spare = [m for m in self._spare if (m.topic(), m.partition()) not in gone]
        for one in gone:
            self._stored.pop(one, None)
        self.lags.revoked(gone)

    # -- trouble ---------------------------------------------------------------------------------

    def _hear(self, text: str) -> None:
        """Of the brokers."""
        if text != self._brokers_trouble:
            log.warning("kafka_trouble", consumer=self.told.name, error=text)
        self._say(brokers=text)

    def _say(self, *, store: str | None = None, brokers: str | None = None) -> None:
        self._store_trouble = self._store_trouble if store is None else store
        self._brokers_trouble = self._brokers_trouble if brokers is None else brokers
        self.trouble = self._store_trouble or self._brokers_trouble
        self._metrics.kafka_trouble.labels(self.told.name).set(bool(self.trouble))


def _principal(told: Kafka) -> Principal:
    """What a token with the same bounds would be."""
    return Principal(
        f"kafka consumer {told.name}",
        Kind.TOKEN,
        scopes=frozenset({Scope.INGEST}),
        orchestrator=told.orchestrator,
        namespaces=tuple(told.namespaces),
    )


def _keys(partitions: Iterable[Any]) -> set[Partition]:
    return {(one.topic, one.partition) for one in partitions}


def _named(partitions: Iterable[Any]) -> list[str]:
    return [f"{one.topic}/{one.partition}" for one in partitions]
