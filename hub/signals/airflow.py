"""What Airflow's metrics mean: pools, executors, triggerers and the heartbeats of its parts. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from hub.model import BacklogObserved, HealthObserved, HealthStatus
from hub.signals.points import Point

#: The parts as Airflow's own health names them.
HEARTBEATS: Final = {
    "scheduler_heartbeat": "scheduler",
    "triggerer_heartbeat": "triggerer",
    "dag_processor_heartbeat": "dag_processor",
}
_SLOTS: Final = {
    "open_slots": "open",
    "queued_slots": "queued",
    "scheduled_slots": "scheduled",
    "running_slots": "running",
    "queued_tasks": "queued",
    "running_tasks": "running",
}
IMPORT_ERRORS: Final = "dag_processing.import_errors"
QUEUE: Final = "dag_processing.file_path_queue_size"


class Slots(Struct, frozen=True):
    """A number of a pool: which pool, what it counts, and of whom (of several that add up)."""

    pool: str
    what: str  # open, queued, scheduled, running
    part: str = ""


class Beat(Struct, frozen=True):
    """A sign of life of a part."""

    part: str


class Broken(Struct, frozen=True):
    """How many files of Dags can't be read."""


Meaning = Slots | Beat | Broken


def meaning_of(point: Point, prefix: str) -> Meaning | None:
    """None for what says nothing of backlog or health, which are most."""
    name = point.name.removeprefix(f"{prefix}.") if prefix else point.name
    if name in HEARTBEATS:
        return Beat(HEARTBEATS[name])
    if name == IMPORT_ERRORS:
        return Broken()
    if name == QUEUE:
        return Slots("dag_processing", "queued")
    return _slots(name, point.tags)


def _slots(name: str, tags: Mapping[str, str]) -> Slots | None:
    area, _, rest = name.partition(".")
    what, _, of = rest.partition(".")  # without tags the pool stands in the name
    if area == "pool" and what in _SLOTS:
        pool = of or tags.get("pool_name") or tags.get("pool", "")
        return Slots(pool, _SLOTS[what]) if pool else None
    if area == "executor" and what in _SLOTS:
        return Slots("executor", _SLOTS[what], of or tags.get("executor_class_name", ""))
    if area == "triggers" and what == "running":
        return Slots("triggerer", "running", of or tags.get("hostname", ""))
    if area == "triggerer" and what == "capacity_left":
        return Slots("triggerer", "open", of or tags.get("hostname", ""))
    return None


def backlog_of(pool: str, slots: Mapping[tuple[str, str], float], at: datetime) -> BacklogObserved:
    """slots: by what they count and of whom. As an adapter tells it: queued is all that waits."""
    found = dict[str, float]()
    named = {what for what, part in slots if part}
    for (what, part), value in slots.items():
        if part or what not in named:  # Airflow tells it under both names, and the tag may be lost
            found[what] = found.get(what, 0.0) + value
    running, open_ = found.get("running"), found.get("open")
    queued = found.get("queued", 0.0)
    capacity = None if open_ is None else open_ + queued + (running or 0.0)
    return BacklogObserved(
        pool,
        _whole(queued + found.get("scheduled", 0.0)) or 0,
        at,
        running=_whole(running),
        capacity=_whole(capacity),
    )


def _whole(value: float | None) -> int | None:
    """None for what has no limit, or is not known."""
    return None if value is None or not math.isfinite(value) else max(0, round(value))


def health_of(
    down: Mapping[str, str], known: set[str], broken: int, at: datetime
) -> Iterator[HealthObserved]:
    """Each part of which a heartbeat was heard, and the whole. down: why, of those that are."""
    for part in sorted(known):
        why = down.get(part)
        status = HealthStatus.HEALTHY if why is None else HealthStatus.DOWN
        yield HealthObserved(status, at, part, why)
    told = [f"{part}: {why}" for part, why in sorted(down.items())]
    if broken:
        told.append(f"{broken} files of Dags can't be read")
    status = HealthStatus.DEGRADED if told else HealthStatus.HEALTHY
    yield HealthObserved(status, at, "", "; ".join(told) or None)
