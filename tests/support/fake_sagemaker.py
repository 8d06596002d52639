"""A SageMaker that answers from memory, not tested live.

Its answers are written after botocore's model of the service (sagemaker, 2017-07-24): protocol
json 1.1, times in seconds since 1970, errors named in the body.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid5

import httpx

from adapters.sagemaker import SageMaker
from adapters.sagemaker.config import Config
from hub.ports import Asked

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPACE = UUID(int=17)
Row = dict[str, Any]


def seconds(at: float) -> float:
    return NOW.timestamp() + at


def arn_of(number: int, pipeline: str = "churn") -> str:
    key = uuid5(SPACE, f"execution {number}").hex[:12]
    return f"arn:aws:sagemaker:eu-central-1:123456789012:pipeline/{pipeline}/execution/{key}"


def execution(number: int, status: str = "Succeeded", **fields: Any) -> Row:
    """One that began an hour ago."""
    return {
        "PipelineExecutionArn": arn_of(number),
        "PipelineExecutionDisplayName": f"run-{number}",
        "PipelineExecutionStatus": status,
        "CreationTime": seconds(-3600 + number),
        "LastModifiedTime": seconds(-3500 + number),
        "StartTime": seconds(-3600 + number),
        **fields,
    }


def step(name: str = "Train", status: str = "Succeeded", **fields: Any) -> Row:
    arn = "arn:aws:sagemaker:eu-central-1:123456789012:training-job/churn-1"
    return {
        "StepName": name,
        "StepStatus": status,
        "StartTime": seconds(-3590),
        "EndTime": seconds(-3510),
        "AttemptCount": 1,
        "Metadata": {"TrainingJob": {"Arn": arn}},
        **fields,
    }


class FakeSageMaker:
    """cap: rows per page that it gives at most."""

    def __init__(self, runs: int = 3, *, cap: int = 100) -> None:
        self.executions = [execution(n) for n in range(runs)]
        self.steps = {row["PipelineExecutionArn"]: [step()] for row in self.executions}
        self.pipelines = ["churn"]
        self.tokens: dict[str, str] = {}
        self.asked: list[httpx.Request] = []
        self.cap = cap

    def operations(self) -> list[str]:
        return [operation(request) for request in self.asked]

    def adapter(self, **config: Any) -> SageMaker:
        settings = {"region": "eu-central-1", "endpoint_url": "http://sagemaker"} | config
        asked, transport = Asked("orch", "space"), httpx.MockTransport(self)
        made = Config.model_validate(settings)
        return SageMaker(made, asked, transport=transport, sleep=lambda _: None)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        body = json.loads(request.content)
        match operation(request):
            case "ListPipelines":
                return self._page("PipelineSummaries", self._pipelines(), body)
            case "ListPipelineExecutions" if body["PipelineName"] not in self.pipelines:
                return self._missing()
            case "ListPipelineExecutions":
                return self._page("PipelineExecutionSummaries", self._listed(body), body)
            case "StartPipelineExecution":
                return self._start(body)
            case what:
                return self._of(what, body)

    def _of(self, what: str, body: Row) -> httpx.Response:
        arn = body["PipelineExecutionArn"]
        found = [row for row in self.executions if row["PipelineExecutionArn"] == arn]
        if not found:
            return self._missing()
        if what == "ListPipelineExecutionSteps":
            return self._page("PipelineExecutionSteps", self.steps.get(arn, []), body)
        return self._json(found[0])

    def _json(self, data: Any, status: int = 200) -> httpx.Response:
        headers = {"Date": format_datetime(NOW)}
        return httpx.Response(status, content=json.dumps(data), headers=headers)

    def _missing(self) -> httpx.Response:
        return self._json({"__type": "ResourceNotFound", "Message": "does not exist"}, 400)

    def _page(self, name: str, rows: Sequence[Row], body: Row) -> httpx.Response:
        first = int(body.get("NextToken", 0))
        end = first + min(body["MaxResults"], self.cap)
        more = {"NextToken": str(end)} if end < len(rows) else {}
        return self._json({name: list(rows[first:end])} | more)

    def _pipelines(self) -> list[Row]:
        last = max((row["StartTime"] for row in self.executions), default=None)
        times = {"CreationTime": seconds(-9e5)} | ({"LastExecutionTime": last} if last else {})
        return [{"PipelineName": name, **times} for name in self.pipelines]

    def _listed(self, body: Row) -> list[Row]:
        rows = [row for row in self.executions if row["StartTime"] > body["CreatedAfter"]]
        down = body["SortOrder"] == "Descending"
        keys = {"PipelineExecutionArn", "PipelineExecutionDisplayName", "StartTime"}
        found = [{key: row[key] for key in keys} for row in rows]
        return sorted(found, key=lambda row: float(row["StartTime"]), reverse=down)

    def _start(self, body: Row) -> httpx.Response:
        if body["PipelineName"] not in self.pipelines:
            return self._missing()
        token = body["ClientRequestToken"]
        if token not in self.tokens:
            name = body["PipelineExecutionDisplayName"]
            row = execution(len(self.executions), "Executing", PipelineExecutionDisplayName=name)
            self.executions.append(row | {"Parameters": body["PipelineParameters"]})
            self.tokens[token] = row["PipelineExecutionArn"]
        return self._json({"PipelineExecutionArn": self.tokens[token]})


def operation(request: httpx.Request) -> str:
    return request.headers["X-Amz-Target"].removeprefix("SageMaker.")
