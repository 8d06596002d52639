"""Answers of the API of Amazon SageMaker, version 2017-07-24. Times are seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from hub.errors import Unavailable

T = TypeVar("T")

ENDED: Final = frozenset({"Stopped", "Failed", "Succeeded", "CompletedWithFailures"})


class Pipeline(Struct, frozen=True, rename="pascal"):
    pipeline_name: str
    pipeline_description: str = ""
    creation_time: float | None = None
    last_execution_time: float | None = None


class Pipelines(Struct, frozen=True, rename="pascal"):
    pipeline_summaries: list[Pipeline] = []
    next_token: str | None = None


class Summary(Struct, frozen=True, rename="pascal"):
    """Of an execution, as it is listed."""

    pipeline_execution_arn: str
    start_time: float = 0
    pipeline_execution_status: str = ""
    pipeline_execution_display_name: str = ""


class Summaries(Struct, frozen=True, rename="pascal"):
    pipeline_execution_summaries: list[Summary] = []
    next_token: str | None = None


class Execution(Struct, frozen=True, rename="pascal"):
    pipeline_execution_arn: str
    pipeline_execution_status: str
    pipeline_execution_display_name: str = ""
    pipeline_execution_description: str = ""
    failure_reason: str = ""
    creation_time: float | None = None
    last_modified_time: float | None = None

    @property
    def over(self) -> bool:
        return self.pipeline_execution_status in ENDED


class Iteration(Struct, frozen=True, rename="pascal"):
    index: int = 0
    item: str = ""


class Step(Struct, frozen=True, rename="pascal"):
    """metadata: by kind of what the step has started, an object that has its Arn."""

    step_name: str
    step_status: str
    start_time: float | None = None
    end_time: float | None = None
    failure_reason: str = ""
    attempt_count: int = 0
    metadata: dict[str, Any] = {}
    iteration_context: Iteration | None = None

    @property
    def key(self) -> str:
        turn = self.iteration_context
        return self.step_name if turn is None else f"{self.step_name}/{turn.index}"


class Steps(Struct, frozen=True, rename="pascal"):
    pipeline_execution_steps: list[Step] = []
    next_token: str | None = None


class Started(Struct, frozen=True, rename="pascal"):
    pipeline_execution_arn: str


def moment(seconds: float | None) -> datetime | None:
    """None for what is no time."""
    if seconds is None or not 0 < seconds < 1e11:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def execution_id(arn: str) -> str:
    """What an ARN such as `...:pipeline/churn/execution/ab12` ends with."""
    return arn.rpartition("/")[2]


def pipeline_of(arn: str) -> str:
    return arn.partition(":pipeline/")[2].partition("/")[0]


def read(data: object, kind: type[T], at: str) -> T:
    """The answer as `kind`; Unavailable naming the address and the field if it is something else."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{at} answered in another shape than SageMaker's: {error}") from None
