"""How far a condition has come: which updates count for which of its datasets.

A tree of the condition's own shape, made for one decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.model import EntityName
from hub.triggers.conditions.matching import why_not
from hub.triggers.conditions.seen import Arrival, Facts, GateAnswer
from hub.triggers.conditions.tree import Group, Node, Quality, Updated


class Asked:
    """Facts, each asked for once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._gates: dict[tuple[EntityName, str, Quality], GateAnswer] = {}
        self._lacking: dict[tuple[EntityName, str, frozenset[str]], str | None] = {}
        self._metrics: dict[tuple[EntityName, str], float | None] = {}

    def gate(self, dataset: EntityName, partition: str, wanted: Quality) -> GateAnswer:
        key = (dataset, partition, wanted)
        if key not in self._gates:
            self._gates[key] = self._facts.gate(dataset, partition, wanted)
        return self._gates[key]

    def lacking(self, dataset: EntityName, partition: str, there: frozenset[str]) -> str | None:
        key = (dataset, partition, there)
        if key not in self._lacking:
            self._lacking[key] = self._facts.lacking(dataset, partition, there)
        return self._lacking[key]

    def last_metric(self, dataset: EntityName, metric: str) -> float | None:
        key = (dataset, metric)
        if key not in self._metrics:
            self._metrics[key] = self._facts.last_metric(dataset, metric)
        return self._metrics[key]

    def again(self) -> Iterator[datetime]:
        """When time alone may change an answer that was given."""
        answers = self._gates.values()
        return (answer.again_at for answer in answers if answer.again_at is not None)


@dataclass(slots=True)
class Twig:
    """One dataset. counted: updates that count as of the time.

    blocked: why a gate is closed to them. lacking: what is not there yet of those that together
    make up the target's partition.
    """

    leaf: Updated
    counted: Sequence[Arrival]
    blocked: Sequence[str]
    lacking: str | None
    in_last: timedelta | None

    @property
    def present(self) -> Sequence[Arrival]:
        """What a launch may use that goes out with what is there."""
        return () if self.blocked else self.counted

    @property
    def usable(self) -> Sequence[Arrival]:
        return () if self.lacking is not None else self.present


@dataclass(slots=True)
class Branch:
    group: Group
    of: Sequence[Stem]
    within: timedelta | None


Stem = Twig | Branch


class Span:
    """A length of time in which updates must lie, both ends in it."""

    __slots__ = ("begin", "end")

    def __init__(self, begin: datetime, end: datetime) -> None:
        self.begin, self.end = begin, end

    def first(self, length: timedelta, begin: datetime) -> Span:
        return Span(begin, min(self.end, begin + length))

    def holds(self, arrival: Arrival) -> bool:
        return self.begin <= arrival.at <= self.end


def grown(
    node: Node,
    arrivals: Sequence[Arrival],
    asked: Asked,
    as_of: datetime,
    gate: Quality | None = None,
    in_last_s: int | None = None,
) -> Stem:
    """The tree as of a time; gates and windows of a group hold for what is in it."""
    if node.gate is not None:
        gate = node.gate if gate is None else gate | node.gate
    if node.in_last_s is not None:
        in_last_s = node.in_last_s if in_last_s is None else min(in_last_s, node.in_last_s)
    if isinstance(node, Updated):
        return _twig(node, arrivals, asked, as_of, gate, in_last_s)
    within = None if node.within_s is None else timedelta(seconds=node.within_s)
    of = [grown(inner, arrivals, asked, as_of, gate, in_last_s) for inner in node.of]
    return Branch(node, of, within)


def _twig(
    leaf: Updated,
    arrivals: Sequence[Arrival],
    asked: Asked,
    as_of: datetime,
    gate: Quality | None,
    in_last_s: int | None,
) -> Twig:
    in_last = None if in_last_s is None else timedelta(seconds=in_last_s)
    counted = [
        arrival
        for arrival in arrivals
        if arrival.dataset == leaf.dataset
        and (in_last is None or arrival.at + in_last > as_of)
        and why_not(leaf, arrival, asked) is None
    ]
    blocked = _blocked(leaf, counted, gate, asked)
    return Twig(leaf, counted, blocked, _lacking(leaf, counted, asked), in_last)


def _lacking(leaf: Updated, counted: Sequence[Arrival], asked: Asked) -> str | None:
    if not counted:
        return None
    parts = frozenset(arrival.part for arrival in counted)
    return asked.lacking(leaf.dataset, counted[0].partition, parts)


def _blocked(
    leaf: Updated, counted: Sequence[Arrival], gate: Quality | None, asked: Asked
) -> list[str]:
    """Every partition that a launch would use must pass: one that is bad holds back the others."""
    if gate is None:
        return []
    told = []
    for part in sorted({arrival.part for arrival in counted}):
        answer = asked.gate(leaf.dataset, part, gate)
        if answer.passed is not True:
            why = "; ".join(answer.reasons) or "its gate is closed"
            told.append(f"{part}: {why}" if part else why)
    return told


def twigs(stem: Stem) -> Iterator[Twig]:
    if isinstance(stem, Twig):
        yield stem
        return
    for inner in stem.of:
        yield from twigs(inner)


def usable(stems: Iterable[Twig]) -> list[Arrival]:
    """Updates that a launch may use, each once, in the order of time."""
    return _merged(twig.usable for twig in stems)


def present(stems: Iterable[Twig]) -> list[Arrival]:
    """Those that one may use that goes out with what is there."""
    return _merged(twig.present for twig in stems)


def _merged(arrivals: Iterable[Sequence[Arrival]]) -> list[Arrival]:
    found = {one.update_id: one for some in arrivals for one in some}
    return sorted(found.values(), key=lambda arrival: (arrival.at, arrival.update_id))


def there(stem: Stem, span: Span | None = None) -> bool:
    """Whether it holds, with updates within a span alone if one is given."""
    if isinstance(stem, Twig):
        return any(span is None or span.holds(arrival) for arrival in stem.usable)
    if stem.within is None:
        return _enough(stem, span)
    return any(_enough(stem, narrower) for narrower in _narrower(stem, stem.within, span))


def _enough(branch: Branch, span: Span | None) -> bool:
    return sum(there(inner, span) for inner in branch.of) >= branch.group.need


def _narrower(branch: Branch, length: timedelta, span: Span | None) -> Iterator[Span]:
    """Those that begin with one of its updates: no other could hold more."""
    arrivals = [one for one in usable(twigs(branch)) if span is None or span.holds(one)]
    if not arrivals:
        return
    whole = span or Span(arrivals[0].at, arrivals[-1].at)
    for begin in sorted({arrival.at for arrival in arrivals}, reverse=True):
        yield whole.first(length, begin)
