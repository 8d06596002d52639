"""Rows as MLflow's REST API answers them. Times are milliseconds since 1970."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Struct

from hub.errors import Unavailable

T = TypeVar("T")


class Pair(Struct, frozen=True):
    """A tag or a parameter."""

    key: str
    value: str = ""


class Metric(Struct, frozen=True):
    """Its latest value. One that is no number comes as text."""

    key: str
    value: float | str | None = None
    step: int | str | None = None

    @property
    def number(self) -> float | None:
        value = self.value
        return value if isinstance(value, float) and math.isfinite(value) else None


class Experiment(Struct, frozen=True):
    experiment_id: str
    name: str
    lifecycle_stage: str = "active"
    last_update_time: int | None = None
    tags: list[Pair] = []


class Experiments(Struct, frozen=True):
    experiments: list[Experiment] = []
    next_page_token: str | None = None


class Info(Struct, frozen=True):
    run_id: str
    experiment_id: str
    status: str
    run_name: str = ""
    user_id: str = ""
    start_time: int | None = None
    end_time: int | None = None
    lifecycle_stage: str = "active"


class Data(Struct, frozen=True):
    metrics: list[Metric] = []
    params: list[Pair] = []
    tags: list[Pair] = []


class Dataset(Struct, frozen=True):
    name: str
    digest: str = ""
    source_type: str = ""
    source: str = ""


class DatasetInput(Struct, frozen=True):
    dataset: Dataset
    tags: list[Pair] = []


class Inputs(Struct, frozen=True):
    dataset_inputs: list[DatasetInput] = []


class Run(Struct, frozen=True):
    info: Info
    data: Data = Data()
    inputs: Inputs = Inputs()

    def tag(self, key: str) -> str | None:
        return next((tag.value for tag in self.data.tags if tag.key == key), None)


class Runs(Struct, frozen=True):
    runs: list[Run] = []
    next_page_token: str | None = None


class Version(Struct, frozen=True):
    """Of a registered model."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int | None = None
    current_stage: str | None = None
    description: str | None = None
    run_id: str | None = None
    status: str = "READY"
    user_id: str | None = None


class Versions(Struct, frozen=True):
    model_versions: list[Version] = []
    next_page_token: str | None = None


class VersionAnswer(Struct, frozen=True):
    model_version: Version


class Alias(Struct, frozen=True):
    alias: str
    version: str


class Model(Struct, frozen=True):
    name: str
    last_updated_timestamp: int | None = None
    description: str | None = None
    latest_versions: list[Version] = []
    tags: list[Pair] = []
    aliases: list[Alias] = []


class Models(Struct, frozen=True):
    registered_models: list[Model] = []
    next_page_token: str | None = None


def moment(millis: int | None) -> datetime | None:
    """None for what is no time."""
    if millis is None or millis <= 0:
        return None
    try:
        return datetime.fromtimestamp(millis / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def read(data: object, kind: type[T], at: str) -> T:
    """The answer as `kind`; Unavailable naming the address and the field if it is something else."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{at} answered in another shape than MLflow's: {error}") from None
