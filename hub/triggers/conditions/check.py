"""What a condition must be beyond its form."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from hub.model import EntityName
from hub.schedules.cron import crons_of, is_cron
from hub.schedules.zones import zone_of
from hub.triggers.conditions.tree import (
    Bound,
    Condition,
    Group,
    MetricOf,
    Node,
    Quality,
    Some,
    Updated,
    leaves,
)

#: So deep conditions are nested, and so many datasets they have, at most.
DEEPEST: Final = 20
MOST: Final = 500
#: A longer time than this is no time to wait for data.
LONGEST_S: Final = 366 * 86_400
LENGTH: Final = f"a length of time above zero and at most {LONGEST_S // 86_400} days"
TIME: Final = "a time of day, such as 07:00"
ZONE: Final = "a time zone, such as Europe/Berlin"
CRON: Final = "one cron expression, such as 0 7 * * 1-5"
OTHER: Final = "another dataset than the one that is compared"
ALONE: Final = "no debounce, by or at most beside cron, which says by itself when to launch"
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Fault(Struct, frozen=True):
    """path: in the JSON of the condition."""

    path: str
    found: object
    expected: str


def faults(condition: Condition) -> Iterator[Fault]:
    """What is wrong, the first things first."""
    if _deeper(condition.when):
        yield Fault("when", "deeper nesting", f"at most {DEEPEST} levels")
        return
    if (count := sum(1 for _ in leaves(condition.when))) > MOST:
        yield Fault("when", f"{count} datasets", f"at most {MOST}")
        return
    yield from _node(condition.when, "when")
    yield from _timing(condition)


def _deeper(node: Node) -> bool:
    """Layer by layer, for it may be too deep for a function that calls itself."""
    layer = [node]
    for _ in range(DEEPEST):
        layer = [one for inner in layer if isinstance(inner, Group) for one in inner.of]
    return bool(layer)


def _node(node: Node, path: str) -> Iterator[Fault]:
    yield from _length(node.in_last_s, f"{path}.inLastS")
    if node.gate is not None:
        yield from _gate(node.gate, f"{path}.gate")
    yield from _leaf(node, path) if isinstance(node, Updated) else _group(node, path)


def _group(group: Group, path: str) -> Iterator[Fault]:
    yield from _length(group.within_s, f"{path}.withinS")
    if not group.of:
        yield Fault(f"{path}.of", (), "one dataset or group at least")
    elif isinstance(group, Some) and not 0 < group.count <= len(group.of):
        yield Fault(f"{path}.count", group.count, f"a number from 1 to {len(group.of)}")
    for index, inner in enumerate(group.of):
        assert isinstance(inner, Updated | Group)
        yield from _node(inner, f"{path}.of[{index}]")


def _leaf(leaf: Updated, path: str) -> Iterator[Fault]:
    yield from _name(leaf.dataset, f"{path}.dataset")
    for field in ("partition", "tag", "job", "team"):
        if getattr(leaf, field) == "":
            yield Fault(f"{path}.{field}", "", "a pattern, in which * is any text")
    for index, bound in enumerate(leaf.bounds):
        yield from _bound(bound, leaf, f"{path}.bounds[{index}]")


def _name(dataset: EntityName, path: str) -> Iterator[Fault]:
    if not dataset.namespace or not dataset.name:
        yield Fault(path, f"{dataset.namespace}/{dataset.name}", "a namespace and a name")


def _bound(bound: Bound, leaf: Updated, path: str) -> Iterator[Fault]:
    yield from _metric(bound.metric, f"{path}.metric")
    if not isinstance(bound.than, MetricOf):
        yield from _number(bound.than, f"{path}.than")
        return
    yield from _name(bound.than.dataset, f"{path}.than.dataset")
    yield from _metric(bound.than.metric, f"{path}.than.metric")
    if bound.than.dataset == leaf.dataset:
        yield Fault(f"{path}.than.dataset", leaf.dataset.name, OTHER)
    if bound.than.otherwise is not None:
        yield from _number(bound.than.otherwise, f"{path}.than.otherwise")


def _metric(metric: str, path: str) -> Iterator[Fault]:
    if not metric:
        yield Fault(path, metric, "a metric, such as rows")


def _number(value: float, path: str) -> Iterator[Fault]:
    if not math.isfinite(value):
        yield Fault(path, value, "a finite number")


def _gate(gate: Quality, path: str) -> Iterator[Fault]:
    if gate == Quality():
        yield Fault(path, {}, "checksPassed, noOpenIncident or freshWithinS")
    yield from _length(gate.fresh_within_s, f"{path}.freshWithinS")


def _length(seconds: int | None, path: str) -> Iterator[Fault]:
    if seconds is not None and not is_length(seconds):
        yield Fault(path, f"{seconds} seconds", LENGTH)


def _timing(condition: Condition) -> Iterator[Fault]:
    yield from _length(condition.debounce_s, "debounceS")
    yield from _length(condition.at_most_s, "atMostS")
    if condition.by is not None:
        if not is_time(condition.by.at):
            yield Fault("by.at", condition.by.at, TIME)
        yield from _zone(condition.by.timezone, "by.timezone")
    if condition.cron is not None:
        if not is_one_cron(condition.cron.expression):
            yield Fault("cron.expression", condition.cron.expression, CRON)
        yield from _zone(condition.cron.timezone, "cron.timezone")
        if not cron_is_alone(condition):
            yield Fault("cron", condition.cron.expression, ALONE)


def _zone(timezone: str, path: str) -> Iterator[Fault]:
    if not is_zone(timezone):
        yield Fault(path, timezone, ZONE)


def is_length(seconds: int) -> bool:
    return 0 < seconds <= LONGEST_S


def is_time(text: str) -> bool:
    return _TIME.fullmatch(text) is not None


def is_one_cron(text: str) -> bool:
    crons = crons_of(text)
    return len(crons) == 1 and is_cron(crons[0])


def is_zone(text: str) -> bool:
    try:
        zone_of(text)
    except ValueError:
        return False
    return True


def cron_is_alone(condition: Condition) -> bool:
    others = (condition.debounce_s, condition.by, condition.at_most_s)
    return condition.cron is None or all(one is None for one in others)
