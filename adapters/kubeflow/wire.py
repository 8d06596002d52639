"""Objects as the API v2beta1 of Kubeflow Pipelines answers them.

Fields are those we use; what is empty is left out. A time that has not come is told as 1970 or the
year 1, a 64-bit number as text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from hub.errors import Unavailable

T = TypeVar("T")

RUNNING: Final = "RUNNING"
ENDED: Final = frozenset({"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"})
OPEN: Final = ("PENDING", RUNNING, "CANCELING", "PAUSED", "RUNTIME_STATE_UNSPECIFIED")
UNKNOWN: Final = "RUNTIME_STATE_UNSPECIFIED"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Trouble(Struct, frozen=True):
    """google.rpc.Status."""

    code: int = 0
    message: str = ""


class Status(Struct, frozen=True):
    """One state that a run or task came into."""

    state: str = UNKNOWN
    update_time: datetime | None = None
    error: Trouble | None = None


class Artifacts(Struct, frozen=True):
    """Ids in the metadata store, which this API does not open."""

    artifact_ids: list[str] = []


class Task(Struct, frozen=True):
    task_id: str
    display_name: str = ""
    create_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    state: str = UNKNOWN
    error: Trouble | None = None
    state_history: list[Status] = []
    inputs: dict[str, Artifacts] = {}
    outputs: dict[str, Artifacts] = {}


class Details(Struct, frozen=True):
    task_details: list[Task] = []


class Reference(Struct, frozen=True):
    pipeline_id: str = ""
    pipeline_version_id: str = ""


class RuntimeConfig(Struct, frozen=True):
    parameters: dict[str, Any] = {}


class Run(Struct, frozen=True):
    run_id: str
    display_name: str = ""
    storage_state: str = ""
    description: str = ""
    experiment_id: str = ""
    recurring_run_id: str = ""
    pipeline_version_reference: Reference | None = None
    pipeline_spec: dict[str, Any] | None = None
    runtime_config: RuntimeConfig = RuntimeConfig()
    created_at: datetime | None = None
    scheduled_at: datetime | None = None
    finished_at: datetime | None = None
    state: str = UNKNOWN
    error: Trouble | None = None
    run_details: Details = Details()
    state_history: list[Status] = []


class Runs(Struct, frozen=True):
    runs: list[Run] = []
    next_page_token: str = ""
    total_size: int = 0


class CronSchedule(Struct, frozen=True):
    cron: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None


class PeriodicSchedule(Struct, frozen=True):
    interval_second: str | int = 0
    start_time: datetime | None = None
    end_time: datetime | None = None


class Trigger(Struct, frozen=True):
    cron_schedule: CronSchedule | None = None
    periodic_schedule: PeriodicSchedule | None = None


class RecurringRun(Struct, frozen=True):
    recurring_run_id: str
    display_name: str = ""
    description: str = ""
    pipeline_version_reference: Reference | None = None
    pipeline_spec: dict[str, Any] | None = None
    max_concurrency: str | int = 0
    trigger: Trigger = Trigger()
    status: str = ""
    created_at: datetime | None = None
    no_catchup: bool = False


class RecurringRuns(Struct, frozen=True):
    recurringRuns: list[RecurringRun] = []  # noqa: N815  as the API has it
    next_page_token: str = ""
    total_size: int = 0


class Pipeline(Struct, frozen=True):
    """name: since 2.5; before, the name to show is the only one."""

    pipeline_id: str
    display_name: str = ""
    name: str = ""
    description: str = ""
    created_at: datetime | None = None

    @property
    def called(self) -> str:
        return self.name or self.display_name or self.pipeline_id


class Pipelines(Struct, frozen=True):
    pipelines: list[Pipeline] = []
    next_page_token: str = ""
    total_size: int = 0


class Version(Struct, frozen=True):
    """Of a pipeline."""

    pipeline_version_id: str
    pipeline_spec: dict[str, Any] = {}


class Health(Struct, frozen=True):
    multi_user: bool = False


def moment(at: datetime | None) -> datetime | None:
    """None for what is no time."""
    return at if at is not None and at.tzinfo is not None and at > _EPOCH else None


def read(data: object, kind: type[T], at: str) -> T:
    """The answer as `kind`; Unavailable naming the address and the field if it is something else."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{at} answered in another shape than Kubeflow's: {error}") from None
