"""The real OpenLineage client writes to a real Kafka, and hubs take it from there."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.uuid import generate_new_uuid

from hub.store.db import Database
from hub.store.dead_letters import Letter, list_letters
from tests.support.hub_process import HubProcess, event
from tests.support.kafka import Broker
from tests.support.kills import kills
from tests.support.postgres import PostgresServer
from tests.support.storm import kept_events, names_of

pytestmark = pytest.mark.real

PRODUCER: Final = "https://example.org/trackside/tests"
PARTITIONS: Final = 4
_minutes = count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("kafka")).format().start()
    yield made
    made.kill()


@pytest.fixture
def topic(broker: Broker) -> str:
    return broker.create(PARTITIONS)


class Sending:
    """The client of a job that writes to Kafka. It waits for the brokers only where it is told to."""

    def __init__(self, broker: Broker, topic: str) -> None:
        config = {"type": "kafka", "topic": topic, "flush": False, "config": broker.client()}
        self._client = OpenLineageClient(config={"transport": config})
        self.sent: list[str] = []

    def run(self, job: str = "orders", end: RunState = RunState.COMPLETE) -> str:
        """A run from its start to its end; its id."""
        run = str(generate_new_uuid())
        for state in (RunState.START, end):
            at = time.strftime("%FT%TZ", time.gmtime(1_793_000_000 + next(_minutes)))
            self._client.emit(
                RunEvent(
                    eventType=state,
                    eventTime=at,
                    run=Run(runId=run),
                    job=Job(namespace="over-kafka", name=job),
                    producer=PRODUCER,
                )
            )
            self.sent.append(f"{run} {state.value}")
        return run

    def runs(self, number: int) -> None:
        for n in range(number):
            self.run(f"orders_{n % 20}")

    def wait(self) -> None:
        assert self._client.transport.wait_for_completion(60)  # type: ignore[attr-defined]


def raw(broker: Broker, topic: str, *values: bytes | None, partition: int = 0) -> None:
    """Messages as they are."""
    from confluent_kafka import Producer

    producer = Producer(broker.client())
    for value in values:
        producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


def configured(folder: Path, broker: Broker, topic: str, **more: Any) -> Path:
    told: dict[str, Any] = {
        "name": "events",
        "brokers": [broker.address],
        "topics": [topic],
        "group": topic,
    }
    told |= {"session_timeout_s": 2, "properties": {"max.poll.interval.ms": "20000"}}
    folder.mkdir(exist_ok=True)
    (folder / "trackside.yaml").write_text(yaml.safe_dump({"kafka": [told | more]}))
    return folder


def until(found: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def figures(hub: HubProcess, name: str) -> dict[str, float]:
    """The metric's values by their labels."""
    text = httpx.get(f"{hub.url}/metrics").text
    return {
        labels: float(value)
        for labels, value in re.findall(rf"^{name}(\S*) (\S+)$", text, re.MULTILINE)
    }


def taken(hub: HubProcess) -> float:
    return sum(figures(hub, "trackside_kafka_messages_total").values())


def lags(hub: HubProcess) -> list[float]:
    return list(figures(hub, "trackside_kafka_lag_messages").values())


def kept(url: str) -> list[str]:
    """What the store has, as `Sending` tells it."""
    with closing(Database(url)) as db:
        return [f"{run} {state}" for run, state in names_of(kept_events(db)).elements()]


def parked(url: str) -> list[Letter]:
    with closing(Database(url)) as db, db.reading() as connection:
        return list_letters(connection)


def sqlite(folder: Path) -> str:
    return f"sqlite:///{folder}/data/trackside.db"


def shown(hub: HubProcess) -> dict[str, Any]:
    (found,) = httpx.get(f"{hub.url}/api/v1/kafka").json()["consumers"]
    return dict(found)


def test_what_the_client_sends_over_kafka_is_in_the_store_and_then_committed(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    sending = Sending(broker, topic)
    run, failed = sending.run(), sending.run(end=RunState.FAIL)
    sending.wait()
    with HubProcess(configured(tmp_path, broker, topic, orchestrator="over-there")) as hub:
        until(lambda: broker.committed(topic, topic) == 4)
        answer = httpx.get(f"{hub.url}/api/v1/jobs/runs/{run}").json()
        assert answer["state"] == "COMPLETED"
        assert httpx.get(f"{hub.url}/api/v1/jobs/runs/{failed}").json()["state"] == "FAILED"
        names = [
            o["name"] for o in httpx.get(f"{hub.url}/api/v1/orchestrators").json()["orchestrators"]
        ]
        assert "over-there" in names
        until(lambda: lags(hub) == [0] * PARTITIONS)
        assert figures(hub, "trackside_kafka_trouble") == {'{consumer="events"}': 0}
        assert taken(hub) == 4
        assert shown(hub)["trouble"] == ""
        assert hub.stop() == 0


def test_a_hub_that_is_killed_again_and_again_records_each_event_once(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    sending = Sending(broker, topic)
    configured(tmp_path, broker, topic, max_messages=20)
    sending.runs(400)
    sending.wait()
    for _ in range(kills(2)):
        with HubProcess(tmp_path) as hub:
            until(lambda: taken(hub) > 0)
            sending.runs(100)
            hub.stop(signal.SIGKILL)
    sending.wait()
    with HubProcess(tmp_path) as hub:
        until(lambda: broker.committed(topic, topic) == len(sending.sent))
        hub.stop()
    assert Counter(kept(sqlite(tmp_path))) == Counter(sending.sent)


def test_what_cannot_be_taken_is_parked_once_and_holds_nothing_up(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    foreign = {
        "eventType": "START",
        "eventTime": "2026-11-01T06:00:00Z",
        "run": {"runId": str(generate_new_uuid())},
        "job": {"namespace": "not-ours", "name": "orders"},
        "producer": PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    wrong = foreign | {"eventTime": "yesterday"}
    raw(broker, topic, b"\x00\xff", None, json.dumps(wrong).encode(), json.dumps(foreign).encode())
    sending = Sending(broker, topic)
    sending.runs(5)
    sending.wait()
    expected = {
        f"{topic}/0@0 $",
        f"{topic}/0@1 $",
        f"{topic}/0@2 $.eventTime",
        f"{topic}/0@3 $",
    }
    for group in (topic, f"{topic}-again"):  # a group that begins anew is given all of it again
        configured(tmp_path, broker, topic, namespaces=["over-kafka"], group=group)
        with HubProcess(tmp_path) as hub:
            until(lambda: broker.committed(topic, group) == 14)  # noqa: B023
            hub.stop()
        letters = parked(sqlite(tmp_path))
        assert {one.path for one in letters} == expected
        assert len(letters) == len(expected)
        assert {one.door for one in letters} == {"kafka"}
        assert {one.code for one in letters} == {"bad-input", "forbidden"}
    assert Counter(kept(sqlite(tmp_path))) == Counter(sending.sent)


def test_two_hubs_share_the_partitions_and_one_takes_over_when_the_other_is_gone(
    broker: Broker, topic: str, tmp_path: Path, postgres_url: str
) -> None:
    sending = Sending(broker, topic)
    arguments = ("--database-url", postgres_url)
    folders = [configured(tmp_path / name, broker, topic, max_messages=10) for name in "ab"]
    with HubProcess(folders[0], *arguments) as first, HubProcess(folders[1], *arguments) as second:
        until(lambda: all(len(shown(hub)["partitions"]) == 2 for hub in (first, second)))
        sending.runs(150)
        sending.wait()
        until(lambda: all(taken(hub) for hub in (first, second)))
        sending.runs(150)
        sending.wait()
        first.stop(signal.SIGKILL)
        until(lambda: broker.committed(topic, topic) == len(sending.sent))
        until(lambda: len(shown(second)["partitions"]) == PARTITIONS)
        second.stop()
    assert Counter(kept(postgres_url)) == Counter(sending.sent)


def test_while_the_store_is_away_nothing_is_skipped_and_it_is_told(
    broker: Broker, topic: str, tmp_path: Path, own_postgres: PostgresServer
) -> None:
    url = own_postgres.create_database()
    sending = Sending(broker, topic)
    with HubProcess(configured(tmp_path, broker, topic), "--database-url", url) as hub:
        sending.runs(5)
        sending.wait()
        until(lambda: broker.committed(topic, topic) == 10)
        own_postgres.stop("immediate")
        sending.runs(20)
        sending.wait()
        until(lambda: figures(hub, "trackside_kafka_trouble") == {'{consumer="events"}': 1})
        until(lambda: sum(lags(hub)) == 40)
        assert broker.committed(topic, topic) == 10
        own_postgres.start()
        until(lambda: broker.committed(topic, topic) == len(sending.sent))
        until(lambda: figures(hub, "trackside_kafka_trouble") == {'{consumer="events"}': 0})
        until(lambda: sum(lags(hub)) == 0)
        hub.stop()
    assert Counter(kept(url)) == Counter(sending.sent)


def test_a_broker_that_restarts_costs_nothing(broker: Broker, topic: str, tmp_path: Path) -> None:
    sending = Sending(broker, topic)
    with HubProcess(configured(tmp_path, broker, topic, max_messages=10)) as hub:
        sending.runs(50)
        broker.kill()
        sending.runs(20)
        until(lambda: figures(hub, "trackside_kafka_trouble") == {'{consumer="events"}': 1})
        broker.start()
        sending.wait()
        until(lambda: broker.is_done(topic, topic))  # the producer may have written some twice
        until(lambda: figures(hub, "trackside_kafka_trouble") == {'{consumer="events"}': 0})
        assert hub.stop() == 0
    assert Counter(kept(sqlite(tmp_path))) == Counter(sending.sent)


def test_a_hub_forwards_to_a_topic_and_another_one_takes_it_from_there(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    transport = {"type": "kafka", "topic": topic, "config": broker.client()}
    here = tmp_path / "here"
    here.mkdir()
    told = {"forward": [{"name": "stream", "transport": transport}]}
    (here / "trackside.yaml").write_text(yaml.safe_dump(told))
    with HubProcess(here) as first, HubProcess(configured(tmp_path / "b", broker, topic)) as second:
        until(lambda: httpx.get(f"{first.url}/api/v1/forward").json()["receivers"][0]["since"])
        events = [event("orders", n, kind) for n in range(1, 51) for kind in ("START", "COMPLETE")]
        httpx.post(f"{first.url}/api/v1/lineage/batch", json=events, timeout=30).raise_for_status()
        until(lambda: taken(second) == 100)
    assert Counter(kept(sqlite(tmp_path / "b"))) == Counter(kept(sqlite(here)))
