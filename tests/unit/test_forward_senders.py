"""Which events go on, as what, and what the answer of a receiver means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from hub.errors import ConfigError, Unavailable
from hub.forward.chosen import is_chosen, key_of, onward
from hub.forward.senders import Away, Refused, answer_of, sender_of
from hub.settings.forward import Only, Receiver
from hub.store.forward import Stored, merged
from tests.support.recording import part_of, run_event

AT = datetime(2026, 11, 23, tzinfo=UTC)


def stored(number: int = 1, block: int = 0, order: int = 0, **more: Any) -> Stored:
    told: dict[str, Any] = {
        "event_type": "START",
        "job_id": 1,
        "job_namespace": "airflow-prod",
        "job": "daily_sales",
        "orchestrator": "airflow",
        "dataset_namespace": None,
        "payload": b"",
    }
    return Stored(id=number, block=block, order=order, received_at=AT, **(told | more))


CHOSEN = [
    ({}, True),
    ({"namespaces": ["airflow-*"]}, True),
    ({"namespaces": ["dagster-*"]}, False),
    ({"jobs": ["hourly_*", "daily_*"]}, True),
    ({"jobs": ["hourly_*"]}, False),
    ({"event_types": ["START", "FAIL"]}, True),
    ({"event_types": ["FAIL"]}, False),
    ({"orchestrators": ["dagster"]}, False),
    ({"producers": ["https://example.org/*"]}, True),
    ({"producers": ["*airflow*"]}, False),
    ({"tags": ["public"]}, True),
    ({"tags": ["owner:sales"]}, True),
    ({"tags": ["private"]}, False),
    ({"namespaces": ["airflow-*"], "event_types": ["FAIL"]}, False),
]


@pytest.mark.parametrize(("only", "expected"), CHOSEN)
def test_all_that_is_asked_for_must_hold(only: dict[str, Any], expected: bool) -> None:
    event, tags = run_event("START", 0), {"public", "owner", "owner:sales"}
    assert is_chosen(Only.model_validate(only), stored(), event, tags) is expected


def test_an_event_of_a_dataset_is_chosen_by_its_own_namespace() -> None:
    one = stored(job=None, job_namespace=None, dataset_namespace="s3://lake", job_id=None)
    assert is_chosen(Only(namespaces=["s3://*"]), one, {})
    assert not is_chosen(Only(namespaces=["pg://*"]), one, {})


def test_the_same_event_has_the_same_bytes_however_it_is_written() -> None:
    event = run_event("START", 0)
    mixed = {name: event[name] for name in reversed(event)} | {"note": None}
    assert onward(event).body == onward(mixed).body
    assert onward(json.loads(onward(event).body)).key == onward(event).key


def test_messages_of_what_one_root_runs_have_one_key() -> None:
    root = {"run": {"runId": "x"}, "job": {"namespace": "prod", "name": "dag"}}
    task = run_event("START", 0, job="dag.load", run_facets=part_of(9, "dag", root=root))
    assert key_of(task) == key_of(run_event("START", 0, job="dag")) == "run:prod/dag"


def answered(status: int, **headers: str) -> requests.HTTPError:
    answer = requests.Response()
    answer.status_code, answer._content = status, b"said so"
    answer.headers.update(headers)
    return requests.HTTPError("wrong", response=answer)


@pytest.mark.parametrize("status", [400, 403, 409, 413, 422])
def test_what_is_wrong_with_an_event_is_refused(status: int) -> None:
    assert answer_of(answered(status)) == Refused(f"answered {status} said so")


@pytest.mark.parametrize("status", [401, 404, 408, 429, 500, 503])
def test_what_is_wrong_with_the_receiver_is_tried_again(status: int) -> None:
    assert answer_of(answered(status)) == Away(f"answered {status} said so")


def test_a_receiver_may_say_when_to_come_back() -> None:
    assert answer_of(answered(429, **{"Retry-After": "7"})) == Away("answered 429 said so", 7.0)


def receiver(**transport: Any) -> Receiver:
    return Receiver.model_validate({"name": "other", "transport": transport})


def test_an_event_goes_into_a_file(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    sender = sender_of(receiver(type="file", log_file_path=str(file), append=True), ())
    event = run_event("START", 0)
    assert list(sender.send([onward(event), onward(event)])) == [None, None]
    assert [json.loads(line) for line in file.read_text().splitlines()] == [event, event]


def test_a_private_address_is_out_of_reach_unless_it_is_allowed() -> None:
    sender = sender_of(receiver(type="http", url="http://127.0.0.1:9"), ())
    with pytest.raises(Unavailable, match="allowed_networks"):
        list(sender.send([onward(run_event("START", 0))]))
    allowed = sender_of(receiver(type="http", url="http://127.0.0.1:9"), ["127.0.0.0/8"])
    (answer,) = allowed.send([onward(run_event("START", 0))])
    assert isinstance(answer, Away)


def test_a_transport_that_can_not_be_made_tells_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    for told in ({"type": "s3cret.Nothing"}, {"type": "http", "url": 5, "apiKey": "env:TOKEN"}):
        with pytest.raises(ConfigError) as raised:
            sender_of(receiver(**told), ())
        assert "other: transport" in str(raised.value)


def test_events_of_several_writers_go_as_they_came_in_and_none_overtakes_what_was_not_read() -> (
    None
):
    full = [stored(1, 0, 10), stored(2, 0, 30)]
    rest = [stored(5001, 1, 20), stored(5002, 1, 40)]
    assert [one.id for one in merged([full, rest], 3)] == [1, 5001, 2, 5002]
    assert [one.id for one in merged([full, rest[:1]], 2)] == [1, 5001, 2]
    assert [one.id for one in merged([full, rest], 2)] == [1, 5001, 2]
