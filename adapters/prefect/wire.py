"""Rows as Prefect's REST API answers them.

Fields are those we use; what we don't know is ignored, what an older server lacks has a default.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from hub.errors import Unavailable

T = TypeVar("T")

SCHEDULED: Final = "SCHEDULED"
PENDING: Final = "PENDING"
RUNNING: Final = "RUNNING"
PAUSED: Final = "PAUSED"
CANCELLING: Final = "CANCELLING"
WAITING: Final = frozenset({SCHEDULED, PENDING})
ENDED: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
OPEN: Final = (SCHEDULED, PENDING, RUNNING, PAUSED, CANCELLING)
#: What a task that waits for one that failed is left in, for ever.
NOT_READY: Final = "NotReady"


class State(Struct, frozen=True):
    type: str
    timestamp: datetime
    id: UUID | None = None
    name: str | None = None
    message: str | None = None

    @property
    def word(self) -> str:
        return self.name or self.type.capitalize()


class Run(Struct, frozen=True, kw_only=True):
    """What flow runs and task runs have in common."""

    id: UUID
    name: str = ""
    tags: list[str] = []
    run_count: int = 0
    expected_start_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    state: State | None = None


class FlowRun(Run, frozen=True, kw_only=True):
    flow_id: UUID
    deployment_id: UUID | None = None
    flow_version: str | None = None
    parameters: dict[str, Any] = {}
    idempotency_key: str | None = None
    parent_task_run_id: UUID | None = None
    auto_scheduled: bool = False
    work_pool_name: str | None = None
    work_queue_name: str | None = None


class TaskRun(Run, frozen=True, kw_only=True):
    task_key: str
    flow_run_id: UUID | None = None
    flow_run_run_count: int = 0


class Flow(Struct, frozen=True):
    id: UUID
    name: str
    updated: datetime | None = None
    tags: list[str] = []


class Scheduled(Struct, frozen=True):
    schedule: dict[str, Any] = {}
    active: bool = True


class Limit(Struct, frozen=True):
    limit: int
    active: bool = True


class Deployment(Struct, frozen=True):
    id: UUID
    name: str
    flow_id: UUID
    updated: datetime | None = None
    description: str | None = None
    version: str | None = None
    entrypoint: str | None = None
    paused: bool = False
    schedules: list[Scheduled] = []
    global_concurrency_limit: Limit | None = None
    parameters: dict[str, Any] = {}
    tags: list[str] = []
    work_pool_name: str | None = None
    work_queue_name: str | None = None


class Pool(Struct, frozen=True):
    name: str
    type: str = ""
    is_paused: bool = False
    concurrency_limit: int | None = None
    status: str | None = None


class Queue(Struct, frozen=True):
    name: str
    work_pool_name: str | None = None
    is_paused: bool = False
    concurrency_limit: int | None = None


class Event(Struct, frozen=True):
    """One of the event feed. `related`: labels of what it concerns, each with its role."""

    event: str
    occurred: datetime
    resource: dict[str, Any] = {}
    related: list[dict[str, Any]] = []
    payload: Any = None


class Events(Struct, frozen=True):
    events: list[Event]
    next_page: str | None = None


class Artifact(Struct, frozen=True):
    id: UUID
    created: datetime
    key: str | None = None
    type: str | None = None
    description: str | None = None
    data: Any = None
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None


class Line(Struct, frozen=True):
    """Of a log. level: as Python's logging has it."""

    timestamp: datetime
    message: str
    level: int = 0


def read(data: Any, kind: type[T], at: str) -> T:
    """The answer as `kind`; Unavailable naming the address and the field if it is something else."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{at} answered in another shape than Prefect's: {error}") from None
