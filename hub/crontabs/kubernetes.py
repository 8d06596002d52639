"""CronJobs, as `kubectl get cronjobs -A -o json` tells them."""

from __future__ import annotations

from collections.abc import Iterator
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


class Container(Struct, frozen=True):
    """What a CronJob runs first. command: none where it is the image's own."""

    command: list[str]
    args: list[str]


def containers_of(raw: bytes) -> Iterator[Container | None]:
    """Of each CronJob its first, in the order of `entries_of`."""
    for one in json.decode(raw, type=_List).items:
        yield _container(one.spec.job_template)


def is_wrapped(one: Container | None) -> bool:
    words = [] if one is None else [*one.command, *one.args][:2]
    return len(words) == 2 and words[0].rpartition("/")[2] == "trackside" and words[1] == "exec"


def _entry(one: _CronJob, where: str) -> Entry:
    spec, name = one.spec, f"{one.metadata.namespace}/{one.metadata.name}"
    schedule, trouble = schedule_of(spec.schedule.strip(), spec.time_zone or "UTC")
    if schedule is not None:
        schedule = replace(
            schedule,
            timing="shown",
            paused=spec.suspend,
            max_active_runs=1 if spec.concurrency_policy == "Forbid" else None,
            grace_s=spec.starting_deadline_seconds,
        )
    first = _container(spec.job_template)
    command = "" if first is None else " ".join([*first.command, *first.args])
    return Entry(
        name=name,
        namespace=NAMESPACE,
        command=command,
        where=f"{where}: {name}",
        schedule=schedule,
        trouble=trouble,
        wrapped=is_wrapped(first),
    )


def _container(template: dict[str, Any]) -> Container | None:
    """None of whatever is not as it should be."""
    try:
        told = template["spec"]["template"]["spec"]["containers"][0]
        return Container(
            list(map(str, told.get("command") or ())), list(map(str, told.get("args") or ()))
        )
    except (KeyError, IndexError, TypeError, AttributeError):
        return None
