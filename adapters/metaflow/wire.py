"""Rows as the metadata service answers them. Times are milliseconds since 1970, but of heartbeats."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from hub.errors import Unavailable

T = TypeVar("T")

_ATTEMPT: Final = "attempt_id:"
#: No heartbeat in seconds is as large, none in milliseconds as small.
_MILLIS: Final = 10**11


class Flow(Struct, frozen=True):
    flow_id: str


class Run(Struct, frozen=True):
    """run_number: as it is shown, for a scheduler names its runs itself."""

    run_number: int | str
    user_name: str | None = None
    ts_epoch: int = 0
    last_heartbeat_ts: int | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None

    @property
    def id(self) -> str:
        return str(self.run_number)

    @property
    def all_tags(self) -> frozenset[str]:
        return frozenset([*(self.tags or ()), *(self.system_tags or ())])

    def told(self, key: str) -> str | None:
        """What a system tag says, as `prod` of `project_branch:prod`."""
        found = (tag.partition(":") for tag in self.system_tags or ())
        return next((value for name, _, value in found if name == key), None)


class Step(Struct, frozen=True):
    step_name: str


class Task(Struct, frozen=True):
    task_id: int | str
    last_heartbeat_ts: int | None = None


class Datum(Struct, frozen=True):
    """What was noted of a task. `value` is text, but for those that are lists."""

    step_name: str
    task_id: int | str
    field_name: str
    value: Any = None
    ts_epoch: int = 0
    tags: list[str] | None = None

    @property
    def attempt(self) -> int | None:
        """Counted from 0, as Metaflow does."""
        found = (tag.removeprefix(_ATTEMPT) for tag in self.tags or () if tag.startswith(_ATTEMPT))
        text = next(found, "")
        return int(text) if text.isdecimal() and len(text) < 5 else None


class Artifact(Struct, frozen=True):
    name: str
    sha: str = ""
    content_type: str = ""
    ds_type: str = ""
    attempt_id: int = 0
    ts_epoch: int = 0


def moment(millis: int) -> datetime | None:
    """None for what is no time."""
    try:
        return datetime.fromtimestamp(millis / 1000, UTC) if millis > 0 else None
    except (OverflowError, OSError, ValueError):
        return None


def beat_ms(at: int | None) -> int:
    """A heartbeat in milliseconds; 0: there was none."""
    if at is None or at <= 0:
        return 0
    return at if at > _MILLIS else at * 1000


def read(data: object, kind: type[T], at: str) -> T:
    """The answer as `kind`; Unavailable naming the address and the field if it is something else."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"{at} answered in another shape than Metaflow's: {error}") from None
