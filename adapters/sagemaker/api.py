"""Asking SageMaker: signed requests, pages, and what to change on a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Final, TypeVar

import httpx
import msgspec

from adapters.base import Answer, Http
from adapters.sagemaker.config import Config
from adapters.sagemaker.signing import Signer
from adapters.sagemaker.wire import (
    Execution,
    Pipeline,
    Pipelines,
    Started,
    Step,
    Steps,
    Summaries,
    Summary,
    read,
)
from hub.errors import Unavailable
from hub.ports import Json

T = TypeVar("T")

ROWS: Final = 100
#: Pages of a list that is read whole.
PAGES: Final = 40
_NOT_THERE: Final = "ResourceNotFound"


class Api:
    """SageMaker in one account and region. date: its clock at its latest answer."""

    def __init__(
        self,
        config: Config,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self._signer = Signer(config)
        self.date: datetime | None = None
        self.http = Http(config.url, verify=config.verify, transport=transport, sleep=sleep)

    def pipelines(self) -> list[Pipeline]:
        prefix = self._config.name_prefix
        body: Json = {"PipelineNamePrefix": prefix} if prefix else {}
        found: list[Pipeline] = []
        token: str | None = None
        for _ in range(PAGES):
            page = self._ask("ListPipelines", Pipelines, body | _page(token))
            found += page.pipeline_summaries
            token = page.next_token
            if not token:
                break
        return found

    def executions(self, pipeline: str, since: float, order: str) -> Iterator[Summary]:
        """Those that were created since, in seconds; asked for page by page. order: Ascending, ...

        None of a pipeline that was deleted.
        """
        body: Json = {"PipelineName": pipeline, "SortBy": "CreationTime", "SortOrder": order}
        token: str | None = None
        for _ in range(PAGES):
            asked = body | {"CreatedAfter": int(since)} | _page(token)
            answer = self.ask("ListPipelineExecutions", asked)
            if _is(answer, _NOT_THERE):
                return
            page = self.read(answer, Summaries)
            yield from page.pipeline_execution_summaries
            token = page.next_token
            if not token:
                return

    def execution(self, arn: str) -> Execution | None:
        """None: its pipeline was deleted."""
        body = {"PipelineExecutionArn": arn}
        answer = self.ask("DescribePipelineExecution", body)
        return None if _is(answer, _NOT_THERE) else self.read(answer, Execution)

    def steps(self, arn: str) -> list[Step]:
        found: list[Step] = []
        token: str | None = None
        for _ in range(PAGES):
            body = {"PipelineExecutionArn": arn} | _page(token)
            answer = self.ask("ListPipelineExecutionSteps", body)
            if _is(answer, _NOT_THERE):
                return []
            page = self.read(answer, Steps)
            found += page.pipeline_execution_steps
            token = page.next_token
            if not token:
                break
        return found

    def start(self, body: Json) -> str | None:
        """The ARN of the execution; None: there is no such pipeline."""
        answer = self.ask("StartPipelineExecution", body)
        if _is(answer, _NOT_THERE):
            return None
        return self.read(answer, Started).pipeline_execution_arn

    # -- one request -----------------------------------------------------------------------------

    def _ask(self, operation: str, kind: type[T], body: Json) -> T:
        return self.read(self.ask(operation, body), kind)

    def ask(self, operation: str, body: Json) -> Answer:
        """Each may be repeated: one that starts something has a token of its own."""
        content = msgspec.json.encode(body)
        told = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"SageMaker.{operation}",
        }
        headers = self._signer.headers(f"{self.http.url}/", told, content)
        answer = self.http.ask("POST", "/", content=content, headers=headers, repeat=True)
        self.date = answer.date
        return answer

    def read(self, answer: Answer, kind: type[T]) -> T:
        if not answer.ok:
            raise self.failure(answer)
        return read(answer.data, kind, self.http.url)

    def failure(self, answer: Answer) -> Unavailable:
        if _is(answer, "Throttling"):  # with the status of a mistake of ours
            return Unavailable(f"{self.http.url} asks for patience: {answer.text[:200]}")
        return self.http.failure(answer, "/", _mend(answer))


def _page(token: str | None) -> Json:
    return {"MaxResults": ROWS} | ({"NextToken": token} if token else {})


def _is(answer: Answer, what: str) -> bool:
    """Whether it is that error; AWS names it in the body."""
    kind = answer.data.get("__type") if isinstance(answer.data, dict) else None
    return not answer.ok and isinstance(kind, str) and what in kind


def _mend(answer: Answer) -> str:
    if _is(answer, "AccessDenied"):
        return (
            "allow sagemaker:ListPipelines, ListPipelineExecutions, DescribePipelineExecution, "
            "ListPipelineExecutionSteps, and to launch StartPipelineExecution"
        )
    if answer.status == HTTPStatus.BAD_REQUEST and _is(answer, "Validation"):
        return "the conf of a launch are the pipeline's parameters: mend them"
    return "check `access_key_id` and `secret_access_key`, or the role of the hub; and `region`"
