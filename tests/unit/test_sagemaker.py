"""Executions, steps and launches of SageMaker Pipelines. Not tested live: see fake_sagemaker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from adapters.sagemaker import SageMaker
from adapters.sagemaker.config import Config
from adapters.sagemaker.launch import name_of, token_of
from hub.errors import Declined, NotReady, Unavailable
from hub.model import EntityName, RunState
from hub.ports import Asked, LaunchKind, LaunchRequest
from tests.support.fake_sagemaker import NOW, FakeSageMaker, arn_of, execution, seconds, step
from tests.support.known import Memory
from tests.support.watching import Watch

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every AWS client finds them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")


def watching(row: Json, *steps: Json) -> tuple[FakeSageMaker, Watch]:
    server = FakeSageMaker(0)
    server.executions, server.steps = [row], {row["PipelineExecutionArn"]: list(steps)}
    return server, Watch(server.adapter(), NOW)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Executing", RunState.RUNNING),
        ("Stopping", RunState.RUNNING),
        ("Stopped", RunState.ABORTED),
        ("Failed", RunState.FAILED),
        ("CompletedWithFailures", RunState.FAILED),
        ("Succeeded", RunState.COMPLETED),
    ],
)
def test_every_status_of_an_execution_is_told_with_amazons_own_word(
    status: str, expected: RunState
) -> None:
    _, watch = watching(execution(1, status))
    watch.look()
    told = watch.only("churn")
    assert (told.state, told.own_state) == (expected, status)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Starting", RunState.NEW),
        ("Executing", RunState.RUNNING),
        ("Stopping", RunState.RUNNING),
        ("Stopped", RunState.ABORTED),
        ("Failed", RunState.FAILED),
        ("Succeeded", RunState.COMPLETED),
    ],
)
def test_every_status_of_a_step_is_told_with_amazons_own_word(
    status: str, expected: RunState
) -> None:
    _, watch = watching(execution(1, "Executing"), step("Train", status))
    watch.look()
    told = watch.only("churn.Train")
    assert (told.state, told.own_state) == (expected, status)


def test_a_step_that_its_execution_has_left_behind_ends_with_it() -> None:
    _, watch = watching(execution(1, "Stopped"), step("Train", "Executing", EndTime=None))
    watch.look()
    told = watch.only("churn.Train")
    assert (told.state, told.own_state) == (RunState.ABORTED, "Executing")
    assert told.at == datetime.fromtimestamp(seconds(-3499), UTC)


def test_a_failure_says_why_and_a_step_what_it_started() -> None:
    row = execution(1, "Failed", FailureReason="Step failure: Train")
    _, watch = watching(row, step("Train", "Failed", FailureReason="ClientError: no data"))
    watch.look()
    assert watch.facets("churn")["errorMessage"]["message"] == "Step failure: Train"
    facets = watch.facets("churn.Train")
    assert facets["errorMessage"]["message"] == "ClientError: no data"
    assert facets["sagemaker_step"]["started"]["TrainingJob"].endswith("training-job/churn-1")


def test_each_turn_of_a_loop_is_a_run_of_its_own() -> None:
    turns = [step("Fit", IterationContext={"ParentStepName": "All", "Index": n}) for n in (0, 1)]
    _, watch = watching(execution(1), *turns)
    watch.look()
    ids = {it.natural_id for it in watch.memory.attempts if it.job.name == "churn.Fit"}
    key = arn_of(1).rpartition("/")[2]
    assert ids == {f"{key}/Fit/0", f"{key}/Fit/1"}


def test_what_was_open_is_asked_for_until_it_ends_and_a_quiet_look_asks_once() -> None:
    server, watch = watching(execution(1, "Executing"))
    watch.look(2)
    server.executions = [execution(1)]
    watch.look()
    assert watch.only("churn").state is RunState.COMPLETED
    server.asked.clear()
    watch.look()
    assert server.operations() == ["ListPipelines"]


def test_many_executions_are_told_in_several_looks_each_once() -> None:
    server = FakeSageMaker(130, cap=30)
    watch = Watch(server.adapter(), NOW)
    watch.look()
    assert watch.more
    watch.look(3)
    assert not watch.more
    described = [it for it in server.operations() if it == "DescribePipelineExecution"]
    assert (len(watch.memory.attempts), len(described)) == (260, 130)


def test_an_execution_whose_pipeline_was_deleted_ends_with_its_steps() -> None:
    server, watch = watching(execution(1, "Executing"), step("Train", "Executing"))
    watch.look()
    server.executions, server.pipelines = [], []
    watch.look()
    for job in ("churn", "churn.Train"):
        told = watch.only(job)
        assert (told.state, told.own_state) == (RunState.ABORTED, "deleted"), job


# -- requests ----------------------------------------------------------------------------------------


def test_each_request_is_signed_for_the_region_and_holds_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SM_SECRET", "s3cret-of-aws")
    server = FakeSageMaker()
    adapter = server.adapter(access_key_id="AKIDOURS", secret_access_key="env:SM_SECRET")
    adapter.observe({}, NOW, Memory())
    told = server.asked[0].headers
    assert told["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDOURS/")
    assert "/eu-central-1/sagemaker/aws4_request" in told["Authorization"]
    assert told["Content-Type"] == "application/x-amz-json-1.1"
    assert "s3cret-of-aws" not in str(told)


@pytest.mark.parametrize(
    ("kind", "permanent", "mend"),
    [
        ("ThrottlingException", False, "patience"),
        ("AccessDeniedException", True, "sagemaker:ListPipelines"),
        ("UnrecognizedClientException", True, "secret_access_key"),
    ],
)
def test_what_amazon_refuses_says_what_to_do(kind: str, permanent: bool, mend: str) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"__type": kind, "message": "no"})

    config = Config.model_validate({"region": "eu-central-1", "endpoint_url": "http://sagemaker"})
    adapter = SageMaker(config, Asked("orch", "space"), transport=httpx.MockTransport(refuse))
    with pytest.raises(Unavailable, match=mend) as caught:
        adapter.observe({}, NOW, Memory())
    assert caught.value.permanent is permanent


def test_the_address_is_that_of_the_region() -> None:
    assert Config(region="eu-central-1").url == "https://api.sagemaker.eu-central-1.amazonaws.com"
    assert Config(region="cn-north-1").url == "https://api.sagemaker.cn-north-1.amazonaws.com.cn"
    with pytest.raises(ValidationError):
        Config(region="Frankfurt")
    with pytest.raises(ValidationError):
        Config(region="eu-central-1", access_key_id="AKID")


# -- launches ----------------------------------------------------------------------------------------


def request_for(job: str, **more: Any) -> LaunchRequest:
    return LaunchRequest("key-1", EntityName("space", job), **more)


def test_a_launch_starts_one_execution_for_its_key() -> None:
    server = FakeSageMaker(0)
    adapter = server.adapter()
    asked = request_for("churn", conf={"depth": 4, "day": "2026-11-22"})
    assert adapter.find_launched(asked) is None
    first, second = adapter.launch(asked), adapter.launch(asked)
    assert first.natural_id == second.natural_id
    (row,) = server.executions
    assert row["Parameters"] == [
        {"Name": "day", "Value": "2026-11-22"},
        {"Name": "depth", "Value": "4"},
    ]
    assert row["PipelineExecutionDisplayName"] == name_of(asked)
    assert 32 <= len(token_of(asked)) <= 128
    assert len(name_of(asked)) <= 82
    watch = Watch(adapter, NOW)
    watch.look()
    (name,) = watch.memory.attempts
    assert (name.job.name, name.natural_id) == ("churn", first.natural_id)


def test_what_sagemaker_can_not_start_is_declined_or_waits() -> None:
    adapter = FakeSageMaker(0).adapter()
    with pytest.raises(Declined):
        adapter.launch(request_for("churn", kind=LaunchKind.ASSET_EVENT))
    with pytest.raises(NotReady, match="no pipeline"):
        adapter.launch(request_for("other"))
    assert adapter.find_launched(request_for("other")) is None
