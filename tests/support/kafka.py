"""The real Kafka: one broker in KRaft mode, unpacked below `.kafka` with Maven.

`python -m tests.support.kafka` gets it beforehand; else the first test that wants it does.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from tests.support.maven import get, jars
from tests.support.ports import free_port

ROOT: Final = Path(__file__).parents[2]
_KAFKA: Final = (ROOT / ".kafka" / "4.1.0", "org.apache.kafka", "kafka_2.13")
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
"""
#: Starts as quickly as a JVM can, on one computer with others.
_JVM: Final = ("-Xmx384m", "-Xms128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


class Broker:
    """One broker on a port that it keeps; what is in its topics survives a restart."""

    def __init__(self, folder: Path) -> None:
        self.port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._folder = folder
        self._jars = jars(*_KAFKA)
        self._settings = folder / "server.properties"
        told = {"port": self.port, "controller": controller, "data": folder / "data"}
        self._settings.write_text(_PROPERTIES.format(**told))
        self._asking: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def format(self) -> Self:
        """Before the first start."""
        cluster = "MkU3OEVBNTcwNTJENDM2Qg"
        arguments = ["format", "-t", cluster, "-c", str(self._settings)]
        done = subprocess.run(
            self._java("kafka.tools.StorageTool", *arguments), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
        return self

    def start(self, seconds: float = 60) -> Self:
        with (self._folder / "kafka.log").open("ab") as out:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._settings)), stdout=out, stderr=out
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            assert self._process.poll() is None, (self._folder / "kafka.log").read_text()[-3000:]
            time.sleep(0.1)
        raise AssertionError("Kafka does not listen")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(30)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def create(self, partitions: int) -> str:
        """A new topic; its name."""
        from confluent_kafka.admin import AdminClient
        from confluent_kafka.cimpl import NewTopic

        name = f"lineage-{uuid4().hex[:8]}"
        admin = AdminClient(self.client())  # what it promises is broken when it goes
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
        return name

    def committed(self, topic: str, group: str) -> int:
        """How many messages of the topic the group has dealt with."""
        return self._count(topic, group)[0]

    def is_done(self, topic: str, group: str) -> bool:
        """Whether that is all of them."""
        committed, written = self._count(topic, group)
        return committed == written

    def _count(self, topic: str, group: str) -> tuple[int, int]:
        from confluent_kafka import Consumer, TopicPartition

        if group not in self._asking:
            self._asking[group] = Consumer({**self.client(), "group.id": group})
        consumer = self._asking[group]
        told = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        asked = [TopicPartition(topic, number) for number in told]
        held = sum(max(0, one.offset) for one in consumer.committed(asked, timeout=10))
        ends = [consumer.get_watermark_offsets(one, timeout=10)[1] for one in asked]
        return held, sum(ends)

    def client(self) -> dict[str, Any]:
        return {"bootstrap.servers": self.address, "log_level": 0}

    def _java(self, *arguments: str) -> list[str]:
        return ["java", *_JVM, "-cp", f"{self._jars}/*", *arguments]


if __name__ == "__main__":
    get(*_KAFKA)
