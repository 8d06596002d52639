"""An own engine is launched once for a key, by a webhook it can verify or by HTTP as it wants it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from adapters.engine import Engine
from adapters.engine.config import EngineConfig
from hub.errors import Unavailable
from hub.model import EntityName
from hub.ports import Asked, CauseRun, Grade, LaunchRequest, launch_run_id
from tests.support.channels.server import Fault
from tests.support.engine import FakeEngine

JOB = EntityName("house", "mart/sales")
REQUEST = LaunchRequest("key-1", JOB, "2026-11-30", {"day": 3, "note": 'a "b"'}, "for the mart")
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    with FakeEngine() as server:
        for name, value in server.secrets().items():
            monkeypatch.setenv(name, value)
        yield server


def made(server: FakeEngine, *allowed: str, **more: Any) -> Engine:
    config = EngineConfig.model_validate(server.settings() | more)
    return Engine(config, Asked("house", "house", allowed), sleep=lambda _: None)


def over(handler: Handler, **settings: Any) -> Engine:
    config = EngineConfig.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return Engine(config, Asked("house", "house"), transport=transport, sleep=lambda _: None)


def test_a_launch_is_signed_and_starts_one_run_however_often_it_is_asked_for(
    engine: FakeEngine,
) -> None:
    adapter = made(engine, "127.0.0.1")
    first = adapter.launch(REQUEST)
    assert (first.natural_id, first.again) == (launch_run_id("key-1").replace("-", ""), False)
    assert adapter.find_launched(REQUEST) is None
    assert adapter.launch(REQUEST).again
    assert engine.runs == {"key-1": 1}
    data = engine.bodies[0]["data"]
    assert data["job"] == {"namespace": "house", "name": "mart/sales"}
    assert (data["partition"], data["conf"]) == ("2026-11-30", {"day": 3, "note": 'a "b"'})
    assert (data["runId"], data["cause"]) == (launch_run_id("key-1"), None)


def test_a_run_is_told_its_cause(engine: FakeEngine) -> None:
    cause = CauseRun("0190a7c0-5d1e-7000-8000-000000000001", EntityName("airflow", "orders"))
    made(engine, "127.0.0.1").launch(LaunchRequest("key-1", JOB, cause=cause))
    assert engine.bodies[0]["data"]["cause"] == {
        "runId": cause.run_id,
        "job": {"namespace": "airflow", "name": "orders"},
    }


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.LOST, Fault.BUSY])
def test_what_passes_is_told_as_passing_and_asked_for_once(
    engine: FakeEngine, fault: Fault
) -> None:
    engine.fail(fault)
    with pytest.raises(Unavailable) as caught:
        made(engine, "127.0.0.1", timeout_s=1).launch(REQUEST)
    assert not caught.value.permanent
    assert engine.runs["key-1"] <= 1


def test_a_private_address_needs_the_operators_leave(engine: FakeEngine) -> None:
    with pytest.raises(Unavailable, match="allowed_networks") as caught:
        made(engine).launch(REQUEST)
    assert caught.value.permanent
    assert engine.runs == {}


def test_a_refusal_is_for_good_and_tells_no_secret(engine: FakeEngine) -> None:
    engine.fail(Fault.ECHO)
    with pytest.raises(Unavailable) as caught:
        made(engine, "127.0.0.1").launch(REQUEST)
    assert caught.value.permanent
    assert engine.secrets()["FAKE_ENGINE"] not in str(caught.value)


def test_the_check_launches_nothing(engine: FakeEngine) -> None:
    findings = made(engine, "127.0.0.1").check_connection()
    assert [one.grade for one in findings] == [Grade.GOOD]
    assert engine.runs == {}


def test_an_engine_may_answer_with_a_run_id_of_its_own() -> None:
    own = "0190a7c0-5d1e-7000-8000-000000000009"
    adapter = over(
        lambda _: httpx.Response(202, json={"runId": own}),
        launch="http",
        url="https://engine.example.org/launch",
    )
    assert adapter.launch(REQUEST).natural_id == own.replace("-", "")


def test_plain_http_says_what_its_templates_say() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    adapter = over(
        handler,
        launch="http",
        method="PUT",
        url="https://engine.example.org/jobs/{{job}}/start?day={{partition}}",
        body={"id": "{{key}}", "text": "for {{note}}: {{conf.note}}", "all": "{{conf}}", "n": 1},
    )
    adapter.launch(REQUEST)
    (request,) = seen
    assert request.method == "PUT"
    assert request.url.raw_path == b"/jobs/mart%2Fsales/start?day=2026-11-30"
    assert json.loads(request.content) == {
        "id": "key-1",
        "text": 'for for the mart: a "b"',
        "all": {"day": 3, "note": 'a "b"'},
        "n": 1,
    }
    assert request.headers["idempotency-key"] == "key-1"


def test_a_value_can_not_change_where_a_launch_goes() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    adapter = over(handler, launch="http", url="https://engine.example.org/{{job}}/start")
    adapter.launch(LaunchRequest("key-1", EntityName("house", "../admin?x=1#")))
    assert seen[0].url.host == "engine.example.org"
    assert seen[0].url.raw_path == b"/..%2Fadmin%3Fx%3D1%23/start"


def test_a_conf_that_a_template_needs_is_missed_for_good() -> None:
    adapter = over(
        lambda _: httpx.Response(200), launch="http", url="https://e.example.org/{{conf.where}}"
    )
    with pytest.raises(Unavailable, match="where") as caught:
        adapter.launch(REQUEST)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "url is needed"),
        ({"url": "https://e.example.org"}, "secrets are needed"),
        ({"url": "ftp://e.example.org", "secrets": ["env:A"]}, "expected an address"),
        ({"url": "https://{{job}}.example.org", "launch": "http"}, "may not choose the host"),
        ({"url": "https://e.example.org/{{jobb}}", "launch": "http"}, "no {{jobb}}"),
        ({"url": "https://e/", "launch": "http", "body": {"a": ["{{os.environ}}"]}}, "body.a"),
        ({"url": "https://me:secret@e.example.org", "launch": "http"}, "credentials"),
    ],
)
def test_settings_that_make_no_sense_are_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EngineConfig.model_validate(settings)
    assert told in str(caught.value)


def test_an_engine_that_pulls_is_not_called() -> None:
    config = EngineConfig.model_validate({"launch": "pull"})
    assert (config.pulls, EngineConfig.polled) == (True, False)
    adapter = Engine(config, Asked("house", "house"))
    assert adapter.observe({"a": 1}, datetime.now(UTC), None).cursor == {"a": 1}  # type: ignore[arg-type]
    assert [one.grade for one in adapter.check_connection()] == [Grade.GOOD]
