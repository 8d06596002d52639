"""What Dagster's answers look like, and the units they are told in.

Fields of our structs are those we use. Unknown ones are ignored, missing ones have defaults, and
enums are plain words, for they grow. Units: times of runs, steps, ticks and heartbeats are float
seconds since 1970; `timestamp` of an event is a *string* of milliseconds.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct, field

from hub.errors import Unavailable

T = TypeVar("T")

PARTITION_TAG: Final = "dagster/partition"
OF_BACKFILL: Final = "dagster/backfill"
SCHEDULE_TAG: Final = "dagster/schedule_name"
TICK_TAG: Final = "dagster/tick"
INPUT_TAG: Final = "dagster/input_event_pointer/"
VERSION_TAG: Final = "dagster/data_version"

#: States of a run that has ended, and of one that runs; all others wait, or are new to us.
ENDED: Final = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
RUNNING: Final = frozenset({"STARTED", "CANCELING", "SUSPENDED"})


def convert(data: Any, kind: type[T], where: str) -> T:
    """The answer as a struct; Unavailable that names path and field if it looks otherwise."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{where} answered in a shape we don't know: {error}") from None


def moment(seconds: float | None) -> datetime | None:
    """Of seconds since 1970; None for what is no time."""
    if seconds is None or not math.isfinite(seconds) or seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def from_millis(millis: str | None) -> datetime | None:
    """Of the text of a number of milliseconds since 1970."""
    try:
        return moment(int(millis) / 1000) if millis else None
    except ValueError:
        return None


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Pair(Struct, frozen=True):
    """A tag."""

    key: str
    value: str = ""


class Key(Struct, frozen=True):
    """An asset's key; its name as a dataset is its path with slashes."""

    path: tuple[str, ...]

    @property
    def name(self) -> str:
        return "/".join(self.path)


class Fault(Struct, frozen=True, rename="camel"):
    """PythonError and what else has a message."""

    message: str = ""
    class_name: str | None = None
    causes: list[Fault] = []
    stack: list[str] = []

    @property
    def first_line(self) -> str:
        """What to tell people: the cause if one is known, else the message, in one line."""
        told = self.causes[-1].message if self.causes else self.message
        return next((line.strip() for line in told.splitlines() if line.strip()), "")[:300]


class Typed(Struct, frozen=True, rename="camel"):
    """Any member of a union whose other members are errors."""

    typename: str = field(name="__typename", default="")
    message: str | None = None


class Origin(Struct, frozen=True, rename="camel"):
    repository_name: str = "__repository__"
    repository_location_name: str = ""


class Run(Struct, frozen=True, rename="camel"):
    """A row of runsOrError."""

    run_id: str
    status: str
    job_name: str
    creation_time: float | None = None
    start_time: float | None = None
    end_time: float | None = None
    update_time: float | None = None
    root_run_id: str | None = None
    parent_run_id: str | None = None
    tags: list[Pair] = []
    repository_origin: Origin | None = None

    def tag(self, key: str) -> str | None:
        return next((tag.value for tag in self.tags if tag.key == key), None)


class Runs(Typed, frozen=True):
    count: int | None = None
    results: list[Run] = []


class RunsAnswer(Struct, frozen=True, rename="camel"):
    runs: Runs = field(name="runsOrError")


class Stats(Typed, frozen=True):
    enqueued_time: float | None = None
    launch_time: float | None = None
    start_time: float | None = None
    end_time: float | None = None


class Marker(Struct, frozen=True, rename="camel"):
    start_time: float | None = None
    end_time: float | None = None


class StepStats(Struct, frozen=True, rename="camel"):
    step_key: str
    status: str | None = None
    start_time: float | None = None
    end_time: float | None = None
    attempts: list[Marker] = []


class Column(Struct, frozen=True):
    name: str
    type: str | None = None
    description: str | None = None


class TableSchema(Struct, frozen=True):
    columns: list[Column] = []


class ColumnDependency(Struct, frozen=True, rename="camel"):
    asset_key: Key
    column_name: str


class ColumnSources(Struct, frozen=True, rename="camel"):
    column_name: str
    column_deps: list[ColumnDependency] = []


class Metadata(Struct, frozen=True, rename="camel"):
    """An entry of any of its kinds; a kind we don't know has only a label."""

    label: str
    text: str | None = None
    url: str | None = None
    path: str | None = None
    int_value: int | None = None
    int_repr: str | None = None
    float_value: float | None = None
    bool_value: bool | None = None
    schema: TableSchema | None = None
    lineage: list[ColumnSources] | None = None

    @property
    def number(self) -> int | None:
        """An integer; those beyond 32 bits come only as text."""
        if self.int_value is not None:
            return self.int_value
        text = self.int_repr or ""
        return int(text) if text.removeprefix("-").isdecimal() and len(text) < 20 else None


class AssetEvent(Struct, frozen=True, rename="camel"):
    """A materialization or an observation."""

    asset_key: Key | None = None
    run_id: str = ""
    step_key: str | None = None
    timestamp: str | None = None
    partition: str | None = None
    tags: list[Pair] = []
    metadata_entries: list[Metadata] = []


class Detail(Struct, frozen=True, rename="camel"):
    """What is asked of one run beyond its row."""

    run_id: str
    stats: Stats = Stats()
    step_stats: list[StepStats] = []
    asset_materializations: list[AssetEvent] = []
    asset_checks: list[Any] | None = None
    asset_selection: list[Key] | None = None


class Details(Typed, frozen=True):
    results: list[Detail] = []


class DetailsAnswer(Struct, frozen=True):
    runs: Details = field(name="runsOrError")


class Evaluation(Struct, frozen=True, rename="camel"):
    """A check's result; `timestamp` in seconds, where it is asked for."""

    check_name: str
    asset_key: Key
    success: bool
    severity: str | None = None
    description: str | None = None
    partition: str | None = None
    timestamp: float | None = None


class LogEvent(Struct, frozen=True, rename="camel"):
    """One entry of a run's event log."""

    typename: str = field(name="__typename", default="")
    event_type: str | None = None
    timestamp: str | None = None
    level: str | None = None
    step_key: str | None = None
    message: str | None = None
    error: Fault | None = None
    evaluation: Evaluation | None = None
    asset_key: Key | None = None
    partition: str | None = None
    tags: list[Pair] = []
    metadata_entries: list[Metadata] = []
    file_key: str | None = None
    step_keys: list[str] | None = None
    external_url: str | None = None


class Log(Typed, frozen=True):
    cursor: str | None = None
    has_more: bool = False
    events: list[LogEvent] = []


class LogAnswer(Struct, frozen=True):
    log: Log = field(name="logsForRun")
