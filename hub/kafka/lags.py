"""How far the store is behind each partition that this replica has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from hub.kafka.batch import Partition
from hub.metrics import Metrics

EVERY_S: Final = 2.0
TIMEOUT_S: Final = 1.0


class Lag(Struct, frozen=True, rename="camel"):
    """A partition: which offset the store wants next, and how many messages it lacks."""

    topic: str
    partition: int
    offset: int
    lag: int


class Lags:
    """Of one consumer. Changed by its thread; read by others as it is."""

    def __init__(self, consumer: str, metrics: Metrics) -> None:
        self.partitions: list[Lag] = []
        self._consumer = consumer
        self._gauge = metrics.kafka_lag
        self._mine: set[Partition] = set()
        self._begun: dict[Partition, int] = {}  # where the group was when it was assigned
        self._next = 0.0

    def assigned(self, partitions: Iterable[Partition]) -> None:
        self._mine |= set(partitions)
        self._next = 0.0

    def revoked(self, partitions: Iterable[Partition]) -> None:
        gone = set(partitions)
        self._mine -= gone
        for one in gone:
            self._begun.pop(one, None)
        self._show([lag for lag in self.partitions if (lag.topic, lag.partition) not in gone])

    def forget(self) -> None:
        self.revoked(set(self._mine))

    def due(self, now: float) -> bool:
        """now: of the monotonic clock, in seconds."""
        if now < self._next:
            return False
        self._next = now + EVERY_S
        return True

    def look(self, client: Any, stored: Mapping[Partition, int], paused: bool) -> bool:  # noqa: FBT001
        """Asks the brokers; whether they answered. While paused, librdkafka itself learns nothing."""
        from confluent_kafka import KafkaException

        try:
            found = [self._lag(client, one, stored, ask=paused or i == 0)
                     for i, one in enumerate(sorted(self._mine))]  # fmt: skip
            if not found:
                client.list_topics(timeout=TIMEOUT_S)
        except KafkaException:
            return False
        self._show([lag for lag in found if lag is not None])
        return True

    def _lag(
        self, client: Any, one: Partition, stored: Mapping[Partition, int], *, ask: bool
    ) -> Lag | None:
        from confluent_kafka import TopicPartition

        place = TopicPartition(*one)
        low, high = client.get_watermark_offsets(place, timeout=TIMEOUT_S, cached=not ask)
        if high < 0:  # nothing was fetched of it yet
            low, high = client.get_watermark_offsets(place, timeout=TIMEOUT_S)
        offset = stored.get(one, -1)
        if offset < 0:
            offset = self._start(client, place, one, low)
        return Lag(*one, offset, max(0, high - offset))

    def _start(self, client: Any, place: Any, one: Partition, low: int) -> int:
        """Where the group is; of one that is new, at the first message that there is."""
        if one not in self._begun:
            (held,) = client.committed([place], timeout=TIMEOUT_S)
            self._begun[one] = held.offset
        return max(low, self._begun[one])

    def _show(self, lags: list[Lag]) -> None:
        now = {self._labels(lag): float(lag.lag) for lag in lags}
        for labels, value in now.items():
            self._gauge.labels(*labels).set(value)
        for labels in {self._labels(lag) for lag in self.partitions} - now.keys():
            self._gauge.remove(*labels)
        self.partitions = lags

    def _labels(self, lag: Lag) -> tuple[str, str, str]:
        return self._consumer, lag.topic, str(lag.partition)
