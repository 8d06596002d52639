"""Conditions and updates as hypothesis draws them, and facts that a test says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from hypothesis import strategies as st
from msgspec import Struct

from hub.model import EntityName
from hub.triggers.conditions import Arrival, Condition, Quality
from hub.triggers.conditions.tree import (
    All,
    AnyOf,
    Bound,
    ByTime,
    CronClock,
    MetricOf,
    Node,
    Operator,
    Some,
    Updated,
)

START = datetime(2026, 11, 30, tzinfo=UTC)

#: What a name may hold that a text must quote, and what it must not be taken for.
_ODD: Final = " \"\\/:(),<>=*'\n\t\0aé\u2028\U0001f600"
_NAMESPACES: Final = ("postgres://shop:5432", "s3://lake", "airflow", "file", "all", "2")
_TABLES: Final = ("orders", "raw/items", "/tmp/x", "db.schema.t", "any", "of")
_METRICS: Final = ("rows", "bytes", "score", "tag", "team", "of", "and")
_NUMBERS: Final = (0.0, 1.0, -3.5, 1e16, 1e-9, 123456789.0, 5e-324, 1.7976931348623157e308)
_CRONS: Final = ("0 7 * * *", "*/5 * * * 1-5", "@daily", "@quarterly")
_ZONES: Final = ("UTC", "Europe/Berlin", "+02:00", "America/New_York")
_OPERATORS: Final[tuple[Operator, ...]] = (">=", ">", "<=", "<", "=")


class Dice:
    """Any condition, by a seed: hypothesis itself takes a hundred times as long for trees."""

    def __init__(self, seed: int, size: int) -> None:
        self._random = Random(seed)
        self._size = size

    def condition(self) -> Condition:
        when = self._node(self._size)
        if self._maybe():
            clock = CronClock(self._random.choice(_CRONS), self._random.choice(_ZONES))
            return Condition(when, cron=clock)
        by = None
        if self._maybe():
            at = f"{self._random.randrange(24):02}:{self._random.randrange(60):02}"
            by = ByTime(at, self._random.choice(_ZONES))
        return Condition(when, self._length(), by, self._length())

    def _maybe(self) -> bool:
        return self._random.random() < 0.4

    def _length(self) -> int | None:
        most = self._random.choice((100, 100_000, 366 * 86_400))
        return self._random.randint(1, most) if self._maybe() else None

    def _odd(self) -> str:
        return "".join(self._random.choices(_ODD, k=self._random.randint(1, 5)))

    def _name(self) -> EntityName:
        if self._maybe():
            return EntityName(self._odd(), self._odd())
        return EntityName(self._random.choice(_NAMESPACES), self._random.choice(_TABLES))

    def _node(self, size: int) -> Node:
        if size <= 1 or self._maybe():
            return self._leaf()
        of = tuple(self._node(size - 1) for _ in range(self._random.randint(1, 3)))
        told = self._length(), self._length(), self._gate()
        count = self._random.randint(1, len(of))
        made = All(of, *told), AnyOf(of, *told), Some(of, *told, count=count)
        return self._random.choice(made)

    def _gate(self) -> Quality | None:
        gate = Quality(self._maybe(), self._maybe(), self._length())
        return None if gate == Quality() else gate

    def _leaf(self) -> Updated:
        partition, tag, job, team = (self._odd() if self._maybe() else None for _ in range(4))
        dataset = self._name()
        bounds = tuple(self._bound(dataset) for _ in range(self._random.randint(0, 2)))
        return Updated(dataset, partition, tag, job, team, bounds, self._length(), self._gate())

    def _metric(self) -> str:
        return self._odd() if self._maybe() else self._random.choice(_METRICS)

    def _bound(self, dataset: EntityName) -> Bound:
        number, other = self._random.choice(_NUMBERS), self._name()
        than: float | MetricOf = self._random.uniform(-1e6, 1e6)
        if self._maybe() and other != dataset:
            than = MetricOf(self._metric(), other, number if self._maybe() else None)
        elif self._maybe():
            than = number
        return Bound(self._metric(), self._random.choice(_OPERATORS), than)


CONDITIONS: Final = st.builds(
    lambda seed, size: Dice(seed, size).condition(), st.integers(0, 2**60), st.integers(1, 4)
)


class Answer(Struct, frozen=True):
    passed: bool | None
    reasons: tuple[str, ...] = ()
    again_at: datetime | None = None


class Said:
    """Facts as they were told; every question that was asked is counted."""

    def __init__(
        self,
        gates: Mapping[str, Answer] | None = None,
        metrics: Mapping[tuple[str, str], float] | None = None,
        parts: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self._gates, self._metrics, self._parts = gates or {}, metrics or {}, parts or {}
        self.asked: list[tuple[object, ...]] = []

    def gate(self, dataset: EntityName, partition: str, wanted: Quality, /) -> Answer:
        """By the dataset's name, or by name and partition as in orders[2026-11-30]."""
        self.asked.append((dataset.name, partition, wanted))
        exact = self._gates.get(f"{dataset.name}[{partition}]")
        return exact or self._gates.get(dataset.name, Answer(True))

    def lacking(self, dataset: EntityName, partition: str, there: frozenset[str], /) -> str | None:
        self.asked.append((dataset.name, partition, there))
        parts = self._parts.get(dataset.name, frozenset())
        away = sorted(parts - there)
        if not away:
            return None
        return f"{len(away)} of {len(parts)} are not there: {', '.join(away)}"

    def last_metric(self, dataset: EntityName, metric: str, /) -> float | None:
        self.asked.append((dataset.name, metric))
        return self._metrics.get((dataset.name, metric))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def update(number: int, name: str, minute: float, **told: Any) -> Arrival:
    """Of the dataset `db/<name>`, so many minutes after the start."""
    return Arrival(number, EntityName("db", name), "", START + minutes(minute), **told)
