"""The text of a condition, as `parse` reads it."""

from __future__ import annotations

from collections.abc import Iterator

from hub.triggers.conditions.tree import (
    Bound,
    Condition,
    MetricOf,
    Node,
    Quality,
    Some,
    Updated,
)
from hub.triggers.conditions.wording import dataset_text, length_text, number_text, quoted, word

#: Words that filter; a metric of such a name stands in quotes.
FILTERS = ("partition", "tag", "job", "team")


def to_text(condition: Condition) -> str:
    """On one line. `parse(to_text(condition)) == condition`."""
    return " ".join((node_text(condition.when), *_timing(condition)))


def node_text(node: Node) -> str:
    if isinstance(node, Updated):
        return " ".join((dataset_text(node.dataset), *_of_leaf(node)))
    head = f"{node.count} of " if isinstance(node, Some) else node.word
    inner = ", ".join(node_text(one) for one in node.of)
    within = () if node.within_s is None else (f"within {length_text(node.within_s)}",)
    return " ".join((f"{head}({inner})", *within, *_of_both(node)))


def _of_leaf(leaf: Updated) -> Iterator[str]:
    told = [(name, getattr(leaf, name)) for name in FILTERS]
    wheres = [f"{name} is {word(value)}" for name, value in told if value is not None]
    wheres += [bound_text(bound) for bound in leaf.bounds]
    if wheres:
        yield f"where {' and '.join(wheres)}"
    yield from _of_both(leaf)


def _of_both(node: Node) -> Iterator[str]:
    if node.in_last_s is not None:
        yield f"in the last {length_text(node.in_last_s)}"
    if node.gate is not None:
        yield f"gate({', '.join(gate_words(node.gate))})"


def bound_text(bound: Bound) -> str:
    return f"{metric_text(bound.metric)} {bound.op} {_than(bound.than)}"


def metric_text(metric: str) -> str:
    return quoted(metric) if metric in FILTERS else word(metric)


def _than(than: float | MetricOf) -> str:
    if not isinstance(than, MetricOf):
        return number_text(than)
    text = f"{metric_text(than.metric)} of {dataset_text(than.dataset)}"
    return text if than.otherwise is None else f"{text} or {number_text(than.otherwise)}"


def gate_words(gate: Quality) -> Iterator[str]:
    if gate.checks_passed:
        yield "checks passed"
    if gate.no_open_incident:
        yield "no open incident"
    if gate.fresh_within_s is not None:
        yield f"fresh within {length_text(gate.fresh_within_s)}"


def _timing(condition: Condition) -> Iterator[str]:
    if condition.debounce_s is not None:
        yield f"debounce {length_text(condition.debounce_s)}"
    if condition.by is not None:
        yield f"by {condition.by.at} {word(condition.by.timezone)}"
    if condition.at_most_s is not None:
        yield f"at most {length_text(condition.at_most_s)} after the first"
    if condition.cron is not None:
        yield f"cron {quoted(condition.cron.expression)} {word(condition.cron.timezone)}"
