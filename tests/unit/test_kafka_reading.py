"""What becomes of a message of Kafka before the store has it, and what librdkafka is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.errors import ConfigError, Overloaded
from hub.kafka.batch import Batch, Partition, Settled, Taken, place_of
from hub.kafka.client import properties_of
from hub.openlineage.redact import Redactor
from hub.record import Accepted, DeadLetter, Sender
from hub.record.intake import Intake, Origin, Read, everywhere
from hub.settings import Settings
from hub.settings.kafka import Kafka

HERE: Partition = ("lineage", 0)
THERE: Partition = ("lineage", 1)


def a_batch(*places: tuple[Partition, int]) -> Batch:
    return Batch(Taken(partition, offset, Read([], "run"), 1) for partition, offset in places)


def kafka(**more: Any) -> Kafka:
    return Kafka.model_validate({"brokers": ["b:9092"], "topics": ["lineage"], **more})


def read(raw: bytes, place: str = "lineage/0@7") -> DeadLetter:
    origin = Origin("kafka", place, 1_793_000_000_000_000)
    intake = Intake(Redactor(), lambda: 1_800_000_000_000_000)
    (letter,) = intake.message(raw, Sender("af"), everywhere, origin).items
    assert isinstance(letter, DeadLetter)
    return letter


def test_the_next_offset_of_each_partition_is_behind_the_last_that_was_taken() -> None:
    batch = a_batch((HERE, 4), (HERE, 5), (THERE, 9))
    assert batch.following() == {HERE: 6, THERE: 10}


def test_a_partition_that_is_given_up_is_not_committed() -> None:
    batch = a_batch((HERE, 4), (THERE, 9))
    batch.without([HERE])
    assert batch.following() == {THERE: 10}


def test_a_batch_that_failed_is_handed_in_again_and_the_last_answer_counts() -> None:
    batch = a_batch((HERE, 4))
    answers: list[Settled] = [Overloaded("full"), [Accepted()]]

    def submit(settle: Callable[[Settled], None]) -> None:
        settle(answers.pop(0))

    assert batch.wait(0) is None
    batch.ask(submit)
    assert isinstance(batch.wait(0), Overloaded)
    batch.ask(submit)
    assert batch.wait(0) == [Accepted()]


def test_a_dead_letter_names_topic_partition_and_offset_and_can_be_told_again() -> None:
    letter = read(b"no json")
    assert letter.path == f"{place_of(HERE, 7)} $"
    assert (letter.door, letter.orchestrator) == ("kafka", "af")
    assert letter.key is not None
    assert letter.key == read(b"no json").key
    assert letter.key != read(b"no json", "lineage/0@8").key


def test_secrets_of_what_is_parked_are_taken_out() -> None:
    import zstandard

    kept = zstandard.decompress(read(b'{"password": "hunter2"}').payload)
    assert b"hunter2" not in kept


def test_offsets_are_committed_by_the_hub_alone() -> None:
    told = properties_of(kafka())
    assert told["enable.auto.commit"] is False
    assert told["enable.auto.offset.store"] is False
    assert told["security.protocol"] == "PLAINTEXT"


def test_sasl_over_tls_takes_its_secrets_by_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "pw-1")
    monkeypatch.setenv("KEY_PASSWORD", "pw-2")
    told = properties_of(
        kafka(
            tls={"ca_file": "/ca.pem", "key_password": "env:KEY_PASSWORD"},
            sasl={
                "mechanism": "SCRAM-SHA-512",
                "username": "hub",
                "password": "env:KAFKA_PASSWORD",
            },
            properties={"sasl.oauthbearer.client.secret": "env:KAFKA_PASSWORD", "client.rack": "a"},
        )
    )
    assert told["security.protocol"] == "SASL_SSL"
    assert (told["sasl.mechanisms"], told["sasl.username"]) == ("SCRAM-SHA-512", "hub")
    assert (told["sasl.password"], told["ssl.key.password"]) == ("pw-1", "pw-2")
    assert (told["sasl.oauthbearer.client.secret"], told["client.rack"]) == ("pw-1", "a")


WRONG = [
    ({"properties": {"enable.auto.commit": "true"}}, "the hub's own affair"),
    ({"properties": {"sasl.oauthbearer.client.secret": "s3cret"}}, "name its reference"),
    ({"sasl": {"mechanism": "PLAIN", "username": "hub"}}, "PLAIN needs username and password"),
    (
        {"sasl": {"mechanism": "PLAIN", "username": "hub", "password": "s3cret"}},
        "sasl.password: expected",
    ),
    ({"team": "nobody"}, "names the team 'nobody'"),
    ({"topic": "lineage"}, "no such setting"),
]


@pytest.mark.parametrize(("told", "expected"), WRONG)
def test_a_wrong_setting_is_told_with_its_place_and_no_secret(
    told: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    import yaml

    file = tmp_path / "trackside.yaml"
    file.write_text(yaml.safe_dump({"kafka": [{"brokers": ["b:9092"], "topics": ["t"], **told}]}))
    with pytest.raises(ConfigError, match="trackside") as raised:
        Settings.load(file, environment={})
    assert expected in str(raised.value)
    assert "s3cret" not in str(raised.value)
