"""Answers of Flink's REST API, version 1. Times are milliseconds since 1970, -1 for none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from hub.errors import Unavailable

T = TypeVar("T")

#: States that no job leaves.
ENDED: Final = frozenset({"FINISHED", "FAILED", "CANCELED"})
#: States of a job that has failed and has not given up.
AILING: Final = frozenset({"FAILING", "RESTARTING"})


class Job(Struct, frozen=True, rename="kebab"):
    """tasks: how many are in each state."""

    jid: str
    name: str
    state: str
    start_time: int = -1
    end_time: int = -1
    last_modification: int = -1
    tasks: dict[str, int] = {}


class Jobs(Struct, frozen=True):
    jobs: list[Job]


class Failure(Struct, frozen=True, rename="camel"):
    exception_name: str = ""
    stacktrace: str = ""
    timestamp: int = -1
    task_name: str | None = None


class History(Struct, frozen=True):
    """The latest failure first."""

    entries: list[Failure] = []


class Exceptions(Struct, frozen=True):
    """root: as before 1.13, which has no history."""

    exceptionHistory: History = History()  # noqa: N815  as Flink writes it
    root: str | None = msgspec.field(default=None, name="root-exception")

    @property
    def latest(self) -> str:
        """The stack trace of what the job failed with; "" if it never did."""
        entries = self.exceptionHistory.entries
        if entries:
            return entries[0].stacktrace or entries[0].exception_name
        return self.root or ""


class Checkpoint(Struct, frozen=True):
    id: int
    trigger_timestamp: int = -1
    failure_timestamp: int = -1
    failure_message: str | None = None


class Latest(Struct, frozen=True):
    completed: Checkpoint | None = None
    failed: Checkpoint | None = None


class Checkpoints(Struct, frozen=True):
    latest: Latest = Latest()


class Overview(Struct, frozen=True, rename="kebab"):
    """Of the cluster."""

    slots_total: int = 0
    slots_available: int = 0


class Configuration(Struct, frozen=True, rename="kebab"):
    flink_version: str


def moment(millis: int) -> datetime | None:
    """None for what is no time."""
    if millis <= 0:
        return None
    try:
        return datetime.fromtimestamp(millis / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def read(data: object, kind: type[T], at: str) -> T:
    """The answer as `kind`; Unavailable naming the address and the field if it is something else."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{at} answered in another shape than Flink's: {error}") from None
