"""CronJobs, as `kubectl get cronjobs -A -o json` tells them."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, json
from msgspec.structs import replace

from hub.crontabs.crontab import schedule_of
from hub.crontabs.entry import Entry

NAMESPACE: Final = "kubernetes"


class _Meta(Struct):
    name: str
    namespace: str = "default"


class _Spec(Struct, rename="camel"):
    schedule: str
    time_zone: str | None = None
    suspend: bool = False
    concurrency_policy: str = "Allow"
    starting_deadline_seconds: float | None = None
    job_template: dict[str, Any] = {}


class _CronJob(Struct):
    metadata: _Meta
    spec: _Spec


class _List(Struct):
    items: list[_CronJob]


def entries_of(raw: bytes, where: str) -> list[Entry]:
    """Named as <namespace>/<name>. The controller's zone is UTC in most clusters. Raises
    msgspec.MsgspecError for what is no list of CronJobs.
    """
    return [_entry(one, where) for one in json.decode(raw, type=_List).items]


def _entry(one: _CronJob, where: str) -> Entry:
    spec, name = one.spec, f"{one.metadata.namespace}/{one.metadata.name}"
    schedule, trouble = schedule_of(spec.schedule.strip(), spec.time_zone or "UTC")
    if schedule is not None:
        schedule = replace(
            schedule,
            paused=spec.suspend,
            max_active_runs=1 if spec.concurrency_policy == "Forbid" else None,
            grace_s=spec.starting_deadline_seconds,
        )
    command = " ".join(_command(spec.job_template))
    return Entry(
        name=name,
        namespace=NAMESPACE,
        command=command,
        where=f"{where}: {name}",
        schedule=schedule,
        trouble=trouble,
        wrapped="trackside exec" in command,
    )


def _command(template: dict[str, Any]) -> list[str]:
    """Of its first container; whatever is not as it should be has none."""
    try:
        container = template["spec"]["template"]["spec"]["containers"][0]
        return [*map(str, container.get("command") or ()), *map(str, container.get("args") or ())]
    except (KeyError, IndexError, TypeError, AttributeError):
        return []
