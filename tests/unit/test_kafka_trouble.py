"""A consumer of Kafka that can't begin says why, in a line, and goes on trying."""

from __future__ import annotations

import io
import json
import time
from typing import Any, NoReturn, cast

import pytest

from hub.errors import ConfigError
from hub.kafka.consumer import Consumer
from hub.metrics import Metrics
from hub.settings.kafka import Kafka

LACKING = "kafka: needs the client: pip install 'trackside[kafka]' (confluent-kafka)"


def failing(error: Exception) -> Consumer:
    def connects(told: Kafka, trouble: Any, committed: Any) -> NoReturn:
        raise error

    told = Kafka.model_validate(
        {"name": "k", "brokers": ["127.0.0.1:9"], "topics": ["t"], "orchestrator": "af"}
    )
    nobody = cast("Any", None)
    return Consumer(told, nobody, nobody, Metrics(), connects=connects)


@pytest.mark.parametrize(
    ("error", "told", "traced"),
    [
        (ConfigError(LACKING), LACKING, False),
        (ValueError("a mistake of ours"), "ValueError: a mistake of ours", True),
    ],
)
def test_what_a_person_can_mend_is_told_without_a_traceback(
    stream: io.StringIO, error: Exception, told: str, traced: bool
) -> None:
    consumer = failing(error)
    consumer.start()
    end = time.monotonic() + 20
    while not consumer.trouble and time.monotonic() < end:
        time.sleep(0.01)
    consumer.stop()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (line,) = [one for one in lines if one.get("action") == "kafka_failed"]
    assert (consumer.trouble, line["error"]) == (told, told)
    assert ("exception" in line) is traced
