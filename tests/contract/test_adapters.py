"""What every adapter keeps to, whatever its orchestrator answers.

To add an adapter, add a Case: how it is made over a transport, and a server that behaves. The suite
lets the server misbehave in every way a network, a proxy or a bug can.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from msgspec import Struct

from adapters.airflow import Airflow
from adapters.airflow.config import Config
from adapters.argo import Argo
from adapters.argo.config import Config as ArgoConfig
from adapters.dagster import Dagster
from adapters.dagster.config import DagsterConfig
from adapters.flink import Flink
from adapters.flink.config import Config as FlinkConfig
from adapters.flyte import Flyte
from adapters.flyte.config import Config as FlyteConfig
from adapters.kubeflow import Kubeflow
from adapters.kubeflow.config import Config as KubeflowConfig
from adapters.metaflow import Metaflow
from adapters.metaflow.config import Config as MetaflowConfig
from adapters.mlflow import MLflow
from adapters.mlflow.config import Config as MLflowConfig
from adapters.prefect import Prefect
from adapters.prefect.config import Config as PrefectConfig
from adapters.sagemaker import SageMaker
from adapters.sagemaker.config import Config as SageMakerConfig
from hub.errors import Unavailable
from hub.model import EntityName
from hub.openlineage.decode import decode_event
from hub.ports import Adapter, Asked, Capability, Grade, LaunchRequest
from tests.support.fake_airflow import FakeAirflow
from tests.support.fake_argo import FakeArgo
from tests.support.fake_dagster import WholeDagster, operation
from tests.support.fake_flink import FakeFlink
from tests.support.fake_flyte import FakeFlyte
from tests.support.fake_kubeflow import FakeKubeflow
from tests.support.fake_metaflow import FakeMetaflow
from tests.support.fake_mlflow import FakeMLflow
from tests.support.fake_prefect import FakePrefect
from tests.support.fake_sagemaker import FakeSageMaker
from tests.support.fake_sagemaker import operation as sagemaker_operation
from tests.support.known import Memory
from tests.support.shapes import some, wrong

AS_OF = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)
SECRET = "hunter2-in-plain-text"
Handler = Callable[[httpx.Request], httpx.Response]


class Case(Struct, frozen=True):
    """One kind of orchestrator.

    make: the adapter over a handler, and what it slept is written down. serve: a good server.
    asks: what a request asks for; `runs` of these is the list of runs, `open` need no credentials.
    jobs: those that each of the server's runs has a run of. credential: the setting that holds it.
    shapes: how many wrong ones each answer is tried in, for a poll of all parts may take a while.
    questions: so many it asks at least.
    """

    name: str
    make: Callable[[Handler, list[float]], Adapter]
    serve: Callable[..., Handler]
    asks: Callable[[httpx.Request], str]
    runs: str
    jobs: tuple[str, ...]
    credential: str
    open: tuple[str, ...] = ()
    shapes: int = 12
    questions: int = 9


def airflow(handler: Handler, slept: list[float]) -> Adapter:
    settings = {"url": "http://airflow", "username": "hub", "password": "env:CONTRACT_SECRET"}
    config = Config.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return Airflow(config, Asked("orch", "space"), transport=transport, sleep=slept.append)


def dagster(handler: Handler, slept: list[float]) -> Adapter:
    settings = {"url": "http://dagster", "token": "env:CONTRACT_SECRET"}
    config = DagsterConfig.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return Dagster(config, Asked("orch", "space"), transport=transport, sleep=slept.append)


def prefect(handler: Handler, slept: list[float]) -> Adapter:
    settings = {"url": "http://prefect", "api_key": "env:CONTRACT_SECRET"}
    config = PrefectConfig.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return Prefect(config, Asked("orch", "space"), transport=transport, sleep=slept.append)


def mlflow(handler: Handler, slept: list[float]) -> Adapter:
    settings = {"url": "http://mlflow", "username": "hub", "password": "env:CONTRACT_SECRET"}
    config = MLflowConfig.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return MLflow(config, Asked("orch", "space"), transport=transport, sleep=slept.append)


def metaflow(handler: Handler, slept: list[float]) -> Adapter:
    settings = {"url": "http://metaflow", "auth_key": "env:CONTRACT_SECRET"}
    config = MetaflowConfig.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return Metaflow(config, Asked("orch", "space"), transport=transport, sleep=slept.append)


def argo(handler: Handler, slept: list[float]) -> Adapter:
    settings = {"url": "http://argo", "token": "env:CONTRACT_SECRET"}
    config = ArgoConfig.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return Argo(config, Asked("orch", "space"), transport=transport, sleep=slept.append)


def kubeflow(handler: Handler, slept: list[float]) -> Adapter:
    settings = {"url": "http://kubeflow", "token": "env:CONTRACT_SECRET"}
    config = KubeflowConfig.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return Kubeflow(config, Asked("orch", "space"), transport=transport, sleep=slept.append)


def flyte(handler: Handler, slept: list[float]) -> Adapter:
    settings = {
        "url": "http://flyte",
        "projects": ["shop/production"],
        "client_id": "hub",
        "client_secret": "env:CONTRACT_SECRET",
    }
    config = FlyteConfig.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return Flyte(config, Asked("orch", "space"), transport=transport, sleep=slept.append)


def flink(handler: Handler, slept: list[float]) -> Adapter:
    settings = {"url": "http://flink", "token": "env:CONTRACT_SECRET"}
    config = FlinkConfig.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return Flink(config, Asked("orch", "space"), transport=transport, sleep=slept.append)


def sagemaker(handler: Handler, slept: list[float]) -> Adapter:
    settings = {
        "region": "eu-central-1",
        "endpoint_url": "http://sagemaker",
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": "env:CONTRACT_SECRET",
    }
    config = SageMakerConfig.model_validate(settings)
    transport = httpx.MockTransport(handler)
    return SageMaker(config, Asked("orch", "space"), transport=transport, sleep=slept.append)


def airflow_case(name: str, **how: Any) -> Case:
    old = how.get("old", False)
    return Case(
        name,
        airflow,
        partial(FakeAirflow, **how),
        asks=lambda request: request.url.path,
        runs=f"/api/{'v1' if old else 'v2'}/dags/~/dagRuns",
        jobs=("etl", "etl.load"),
        credential="password",
        open=("/api/v1/version", "/api/v2/version", "/auth/token"),
    )


CASES = [
    airflow_case("airflow 3.2"),
    airflow_case("airflow 3.0", cursors=False),
    airflow_case("airflow 2", old=True),
    Case(
        "dagster",
        dagster,
        WholeDagster,
        asks=operation,
        runs="Runs",
        jobs=("orders", "orders.flaky", "orders.fan"),
        credential="token",
        shapes=60,
    ),
    Case(
        "prefect",
        prefect,
        FakePrefect,
        asks=lambda request: request.url.path,
        runs="/api/flow_runs/filter",
        jobs=("etl/nightly", "etl/nightly.flaky"),
        credential="api_key",
        shapes=60,
    ),
    Case(
        "mlflow",
        mlflow,
        FakeMLflow,
        asks=lambda request: request.url.path,
        runs="/api/2.0/mlflow/runs/search",
        jobs=("churn",),
        credential="password",
        shapes=60,
        questions=4,
    ),
    Case(
        "metaflow",
        metaflow,
        FakeMetaflow,
        asks=lambda request: request.url.path,
        runs="/flows/Train/runs",
        jobs=("Train", "Train.fit"),
        credential="auth_key",
        shapes=60,
        questions=3,
    ),
    Case(
        "argo",
        argo,
        FakeArgo,
        asks=lambda request: "/".join(request.url.path.split("/")[:5]),
        runs="/api/v1/workflows/",
        jobs=("argo/nightly", "argo/nightly.load"),
        credential="token",
        shapes=60,
        questions=4,
    ),
    Case(
        "kubeflow",
        kubeflow,
        FakeKubeflow,
        asks=lambda request: request.url.path,
        runs="/apis/v2beta1/runs",
        jobs=("churn/nightly", "churn/nightly.prepare"),
        credential="token",
        shapes=60,
        questions=5,
    ),
    Case(
        "flyte",
        flyte,
        FakeFlyte,
        asks=lambda request: "/".join(request.url.path.split("/")[:6]),
        runs="/api/v1/executions/shop/production",
        jobs=("shop/production/etl.nightly", "shop/production/etl.nightly.load"),
        credential="client_secret",
        open=("/.well-known/oauth-authorization-server", "/oauth2/token"),
        shapes=60,
        questions=6,
    ),
    Case(
        "flink",
        flink,
        FakeFlink,
        asks=lambda request: request.url.path,
        runs="/jobs/overview",
        jobs=("orders",),
        credential="token",
        shapes=60,
        questions=4,
    ),
    Case(
        "sagemaker",
        sagemaker,
        FakeSageMaker,
        asks=sagemaker_operation,
        runs="ListPipelineExecutions",
        jobs=("churn", "churn.Train"),
        credential="secret_access_key",
        shapes=60,
        questions=4,
    ),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("CONTRACT_SECRET", SECRET)
    found: Case = request.param
    return found


def watch(adapter: Adapter, polls: int = 8) -> Memory:
    """Polls until all is quiet; the cursor goes through JSON, as it does in the hub."""
    memory, cursor = Memory(), "{}"
    for step in range(polls):
        as_of = datetime.fromtimestamp(AS_OF.timestamp() + 20 * step, UTC)
        seen = adapter.observe(json.loads(cursor), as_of, memory)
        memory.take(seen)
        cursor = json.dumps(seen.cursor)
    return memory


def broken(case: Case, misbehave: Callable[[httpx.Request, Handler], httpx.Response]) -> Adapter:
    good = case.serve()
    return case.make(lambda request: misbehave(request, good), [])


# -- a server that behaves ---------------------------------------------------------------------------


def test_every_event_is_understood_by_the_hub(case: Case) -> None:
    adapter, memory, cursor = case.make(case.serve(), []), Memory(), dict[str, Any]()
    for _ in range(6):
        seen = adapter.observe(cursor, AS_OF, memory)
        memory.take(seen)
        cursor = seen.cursor
        for event in seen.events:
            assert decode_event(json.dumps(event).encode()).warnings == ()
    assert memory.attempts


def test_a_quiet_poll_asks_at_most_six_times_and_brings_nothing_new(case: Case) -> None:
    adapter, memory, cursor = case.make(case.serve(), []), Memory(), dict[str, Any]()
    for step in range(40):
        as_of = datetime.fromtimestamp(AS_OF.timestamp() + 20 * step, UTC)
        seen = adapter.observe(cursor, as_of, memory)
        memory.take(seen)
        cursor = seen.cursor
        if step >= 20:
            assert seen.requests <= 6
            assert memory.new == 0


def test_no_row_is_lost_to_a_cap_on_pages(case: Case) -> None:
    memory = watch(case.make(case.serve(runs=137, cap=30), []), polls=20)
    runs = Counter(name.job.name for name in memory.attempts)
    assert {job: runs[job] for job in case.jobs} == dict.fromkeys(case.jobs, 137)


def test_the_check_tells_nothing_bad(case: Case) -> None:
    found = case.make(case.serve(), []).check_connection()
    assert not [finding for finding in found if finding.grade is Grade.BAD]


# -- and one that does not ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_read_that_fails_once_is_tried_again(case: Case, status: int) -> None:
    failed: set[tuple[str, bytes]] = set()

    def misbehave(request: httpx.Request, good: Handler) -> httpx.Response:
        key = (str(request.url), request.content)
        if key in failed:
            return good(request)
        failed.add(key)
        return httpx.Response(status, text="<h1>it hurts</h1>")

    assert watch(broken(case, misbehave)).attempts


def test_a_server_that_only_fails_is_unavailable_for_now(case: Case) -> None:
    adapter = broken(case, lambda *_: httpx.Response(503, text="overloaded"))
    with pytest.raises(Unavailable) as caught:
        adapter.observe({}, AS_OF, Memory())
    assert not caught.value.permanent


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("no"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut")]
)
def test_a_broken_connection_is_unavailable_for_now(case: Case, error: Exception) -> None:
    def misbehave(_request: httpx.Request, _good: Handler) -> httpx.Response:
        raise error

    with pytest.raises(Unavailable, match="http://") as caught:
        broken(case, misbehave).observe({}, AS_OF, Memory())
    assert not caught.value.permanent


def test_a_refusal_is_for_good_and_names_no_secret(case: Case) -> None:
    def misbehave(request: httpx.Request, good: Handler) -> httpx.Response:
        answer = good(request)
        refused = case.asks(request) not in case.open
        return httpx.Response(401, json={"detail": SECRET[:3]}) if refused else answer

    with pytest.raises(Unavailable) as caught:
        broken(case, misbehave).observe({}, AS_OF, Memory())
    assert caught.value.permanent
    assert SECRET not in str(caught.value)
    assert case.credential in str(caught.value)


def test_a_login_that_is_refused_once_is_made_again(case: Case) -> None:
    refused: list[str] = []

    def misbehave(request: httpx.Request, good: Handler) -> httpx.Response:
        if not refused and case.asks(request) == case.runs:
            refused.append(case.runs)
            return httpx.Response(401, json={"detail": "Token Expired"})
        return good(request)

    assert watch(broken(case, misbehave)).attempts


def test_a_polite_wait_is_kept_and_a_long_one_left_to_the_next_poll(case: Case) -> None:
    slept: list[float] = []
    good = case.serve()
    told: list[str] = []

    def once(request: httpx.Request) -> httpx.Response:
        if not told and case.asks(request) == case.runs:
            told.append("")
            return httpx.Response(429, headers={"Retry-After": "3"})
        return good(request)

    case.make(once, slept).observe({}, AS_OF, Memory())
    assert 3.0 in slept

    def long(request: httpx.Request) -> httpx.Response:
        if case.asks(request) == case.runs:
            return httpx.Response(429, headers={"Retry-After": "3600"})
        return good(request)

    slept.clear()
    with pytest.raises(Unavailable) as caught:
        case.make(long, slept).observe({}, AS_OF, Memory())
    assert not caught.value.permanent
    assert sum(slept) < 60


@pytest.mark.parametrize(
    "body",
    [b"", b'{"data": {"dag_', b"<html>Log in</html>", b"\xff\xfe", b"null", b'"x"', b"[" * 9999],
)
def test_garbage_is_unavailable_and_the_address_is_named(case: Case, body: bytes) -> None:
    adapter = broken(case, lambda *_: httpx.Response(200, content=body))
    with pytest.raises(Unavailable, match="http://"):
        adapter.observe({}, AS_OF, Memory())


def test_a_redirect_to_a_login_page_is_for_a_person_to_mend(case: Case) -> None:
    adapter = broken(case, lambda *_: httpx.Response(302, headers={"Location": "/login"}))
    with pytest.raises(Unavailable) as caught:
        adapter.observe({}, AS_OF, Memory())
    assert caught.value.permanent


def test_an_answer_of_another_shape_is_never_more_than_unavailable(case: Case) -> None:
    """A part of each answer in turn; whatever comes is survived or named."""
    bodies = _bodies(case)
    assert len(bodies) >= case.questions
    for asked, body in bodies.items():
        for other in some(list(wrong(body)), case.shapes):
            adapter = case.make(_answering(case, asked, other), [])
            with suppress(Unavailable):  # any other error fails the test
                watch(adapter, polls=6)


def _bodies(case: Case) -> dict[str, Any]:
    """What the good server answers to each question."""
    good, seen = case.serve(), dict[str, Any]()

    def note(request: httpx.Request) -> httpx.Response:
        answer = good(request)
        if answer.is_success:
            seen.setdefault(case.asks(request), answer.json())
        return answer

    watch(case.make(note, []))
    return seen


def _answering(case: Case, asked: str, body: Any) -> Handler:
    good, content = case.serve(), json.dumps(body).encode()

    def answer(request: httpx.Request) -> httpx.Response:
        wanted = case.asks(request) == asked
        return httpx.Response(200, content=content) if wanted else good(request)

    return answer


def test_an_adapter_says_whether_its_orchestrator_keeps_keys_apart(case: Case) -> None:
    assert case.make(case.serve(), []).keyed is (case.name not in {"dagster", "kubeflow"})


def test_a_launch_that_nobody_answers_can_be_asked_for_again(case: Case) -> None:
    request = LaunchRequest("key-1", EntityName("space", case.jobs[0]))
    adapter = broken(case, lambda *_: httpx.Response(502))
    if Capability.LAUNCH not in adapter.capabilities:
        pytest.skip("it starts nothing")
    with pytest.raises(Unavailable) as caught:
        adapter.launch(request)
    assert not caught.value.permanent
