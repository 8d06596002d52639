"""Conditions and updates as hypothesis draws them, and facts that a test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

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
    Some,
    Updated,
)

START = datetime(2026, 11, 30, tzinfo=UTC)

#: What a name may hold that a text must quote, and what it must not be taken for.
ODD = st.text(" \"\\/:(),<>=*'\n\t\0aé\u2028\U0001f600", min_size=1, max_size=5)
NAMES = st.one_of(
    st.builds(
        EntityName,
        st.sampled_from(["postgres://shop:5432", "s3://lake", "airflow", "file", "all", "2"]),
        st.sampled_from(["orders", "raw/items", "/tmp/x", "db.schema.t", "any", "of"]),
    ),
    st.builds(EntityName, ODD, ODD),
)
LENGTHS = st.integers(1, 366 * 86_400)
NUMBERS = st.one_of(
    st.integers(-(10**16), 10**16).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)
METRICS = st.one_of(st.sampled_from(["rows", "bytes", "score", "tag", "team"]), ODD)
QUALITIES = st.builds(Quality, st.booleans(), st.booleans(), st.one_of(st.none(), LENGTHS)).filter(
    lambda gate: gate != Quality()
)


def perhaps(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), of)


@st.composite
def leaves(draw: st.DrawFn) -> Updated:
    dataset = draw(NAMES)
    others = NAMES.filter(lambda name: name != dataset)
    than = st.one_of(NUMBERS, st.builds(MetricOf, METRICS, others, perhaps(NUMBERS)))
    bounds = st.builds(Bound, METRICS, st.sampled_from([">=", ">", "<=", "<", "="]), than)
    partition, tag, job, team = (draw(perhaps(ODD)) for _ in range(4))
    return Updated(
        dataset,
        partition,
        tag,
        job,
        team,
        tuple(draw(st.lists(bounds, max_size=2))),
        draw(perhaps(LENGTHS)),
        draw(perhaps(QUALITIES)),
    )


def groups(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    @st.composite
    def group(draw: st.DrawFn) -> Node:
        of = tuple(draw(st.lists(inner, min_size=1, max_size=3)))
        told = draw(perhaps(LENGTHS)), draw(perhaps(LENGTHS)), draw(perhaps(QUALITIES))
        count = draw(st.integers(1, len(of)))
        made: list[Node] = [All(of, *told), AnyOf(of, *told), Some(of, *told, count=count)]
        return draw(st.sampled_from(made))

    return group()


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "+02:00", "America/New_York"])
NODES: st.SearchStrategy[Node] = st.recursive(leaves(), groups, max_leaves=4)
CRONS = st.builds(CronClock, st.sampled_from(["0 7 * * *", "*/5 * * * 1-5", "@daily"]), ZONES)
BY_TIMES = st.builds(ByTime, st.times().map(lambda at: f"{at:%H:%M}"), ZONES)
CONDITIONS = st.one_of(
    st.builds(Condition, NODES, perhaps(LENGTHS), perhaps(BY_TIMES), perhaps(LENGTHS)),
    st.builds(Condition, NODES, cron=CRONS),
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
    ) -> None:
        self._gates, self._metrics = gates or {}, metrics or {}
        self.asked: list[tuple[object, ...]] = []

    def gate(self, dataset: EntityName, partition: str, wanted: Quality, /) -> Answer:
        """By the dataset's name, or by name and partition as in orders[2026-11-30]."""
        self.asked.append((dataset.name, partition, wanted))
        exact = self._gates.get(f"{dataset.name}[{partition}]")
        return exact or self._gates.get(dataset.name, Answer(True))

    def last_metric(self, dataset: EntityName, metric: str, /) -> float | None:
        self.asked.append((dataset.name, metric))
        return self._metrics.get((dataset.name, metric))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def update(number: int, name: str, minute: float, **told: Any) -> Arrival:
    """Of the dataset `db/<name>`, so many minutes after the start."""
    return Arrival(number, EntityName("db", name), "", START + minutes(minute), **told)


def ids(arrivals: Sequence[Arrival]) -> set[int]:
    return {arrival.update_id for arrival in arrivals}
