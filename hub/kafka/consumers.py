"""All consumers of one hub."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from hub.kafka.consumer import Consumer
from hub.kafka.lags import Lag
from hub.metrics import Metrics
from hub.record import Incoming, Outcome
from hub.record.intake import Intake
from hub.settings.kafka import Kafka
from hub.store.writer import Writer


class ConsumerView(Struct, frozen=True, rename="camel"):
    """A consumer as this replica sees it; `partitions` are those that this replica has.

    `trouble`: why it gets on with nothing just now; empty while it does.
    """

    name: str
    topics: Sequence[str]
    group: str
    trouble: str
    partitions: Sequence[Lag]


class Consumers:
    """Those of trackside.yaml; none of them runs before `start`."""

    def __init__(
        self,
        told: Sequence[Kafka],
        intake: Intake,
        writer: Writer[Incoming, Outcome],
        metrics: Metrics,
    ) -> None:
        self._each = [Consumer(one, intake, writer, metrics) for one in told]

    def start(self) -> None:
        for one in self._each:
            one.start()

    def stop(self) -> None:
        for one in self._each:
            one.stop()

    def shown(self) -> list[ConsumerView]:
        return [
            ConsumerView(c.told.name, c.told.topics, c.told.group, c.trouble, c.lags.partitions)
            for c in self._each
        ]
