"""Metrics of one orchestrator, gathered into few observations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from hub.model import HealthObserved, HealthStatus, Observation
from hub.signals.airflow import Beat, Slots, backlog_of, health_of, meaning_of
from hub.signals.points import Point

#: Pools that are followed at most: names come from outside.
MOST: Final = 1000


class Sampling:
    """StatsD's: what came since the last sample. Not safe for threads.

    A part is down when others speak and it does not; when nobody speaks, that is not known.
    """

    def __init__(self, prefix: str, silent_after_s: float) -> None:
        self._prefix = prefix
        self._silent_after = timedelta(seconds=silent_after_s)
        self._slots: dict[str, dict[tuple[str, str], float]] = {}
        self._fresh: set[str] = set()
        self._beats: dict[str, datetime] = {}
        self._heard: datetime | None = None
        self._broken = 0
        self.results: Counter[str] = Counter()

    def take(self, points: Iterable[Point | None], now: datetime) -> None:
        for point in points:
            self.results[self._take(point, now)] += 1

    def _take(self, point: Point | None, now: datetime) -> str:
        if point is None:
            return "malformed"
        self._heard = now
        meaning = meaning_of(point, self._prefix)
        if meaning is None:
            return "ignored"
        if isinstance(meaning, Beat):
            self._beats[meaning.part] = now
        elif isinstance(meaning, Slots):
            return self._put(meaning, point)
        else:
            self._broken = int(point.value)
        return "used"

    def _put(self, meaning: Slots, point: Point) -> str:
        if meaning.pool not in self._slots and len(self._slots) >= MOST:
            return "ignored"
        slots = self._slots.setdefault(meaning.pool, {})
        key = meaning.what, meaning.part
        slots[key] = point.value + (slots.get(key, 0.0) if point.relative else 0.0)
        self._fresh.add(meaning.pool)
        return "used"

    def sample(self, now: datetime) -> list[Observation]:
        """What is to be told of the time since the last sample."""
        fresh, self._fresh = sorted(self._fresh), set()
        found: list[Observation] = [backlog_of(pool, self._slots[pool], now) for pool in fresh]
        if self._heard is None or not self._beats:
            return found
        if now - self._heard > self._silent_after:
            why = f"no metric was heard since {self._heard:%H:%M:%S} UTC"
            return [*found, HealthObserved(HealthStatus.UNKNOWN, now, "", why)]
        down = {
            part: f"no heartbeat since {at:%H:%M:%S} UTC"
            for part, at in self._beats.items()
            if now - at > self._silent_after
        }
        return [*found, *health_of(down, set(self._beats), self._broken, now)]


class Moved(Struct, frozen=True):
    """A counter as it was when it moved last."""

    value: float
    since_ns: int
    at_ns: int


class Counters:
    """OTLP's: which counters of heartbeats stand still, by the times that the points tell."""

    def __init__(self, silent_after_s: float = 60.0) -> None:
        self._silent_ns = int(silent_after_s * 1e9)
        self._moved: dict[tuple[str, str, str], Moved] = {}

    def stands_still(self, orchestrator: str, part: str, point: Point) -> bool:
        """Whether it did not move for long enough; a first sight says nothing."""
        if point.kind != "total":
            return False
        who = point.tags.get("service.instance.id") or point.tags.get("host.name", "")
        key = orchestrator, part, who
        before = self._moved.get(key)
        if before is None or (before.value, before.since_ns) != (point.value, point.since_ns):
            if len(self._moved) >= MOST:
                self._moved.clear()
            self._moved[key] = Moved(point.value, point.since_ns, point.at_ns)
            return False
        return point.at_ns - before.at_ns >= self._silent_ns


def observations_of(
    points: Iterable[Point], orchestrator: str, prefix: str, counters: Counters, now: datetime
) -> tuple[list[Observation], Counter[str]]:
    """What one request of OTLP says, and how many of its points were used or ignored."""
    slots: dict[str, dict[tuple[str, str], float]] = {}
    known, down, results = set[str](), dict[str, str](), Counter[str]()
    broken, speaks = 0, False
    for point in points:
        meaning = meaning_of(point, prefix)
        results["ignored" if meaning is None else "used"] += 1
        if isinstance(meaning, Slots):
            slots.setdefault(meaning.pool, {})[meaning.what, meaning.part] = point.value
        elif isinstance(meaning, Beat):
            known.add(meaning.part)
            if counters.stands_still(orchestrator, meaning.part, point):
                down[meaning.part] = "its heartbeat counter stands still"
        elif meaning is not None:
            broken, speaks = int(point.value), True
    found: list[Observation] = [backlog_of(pool, one, now) for pool, one in sorted(slots.items())]
    if known or speaks:
        told = health_of(down, known, broken, now)
        # One process tells of itself only: the whole is as the one that schedules says.
        found += [one for one in told if one.part or "scheduler" in known]
    return found, results
