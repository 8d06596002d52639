"""How far a condition has come: which updates count for which of its datasets.

A tree of the condition's own shape, made for one decision.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from hub.model import EntityName
from hub.triggers.conditions.matching import why_not
from hub.triggers.conditions.seen import Arrival, Facts, GateAnswer
from hub.triggers.conditions.tree import Group, Node, Quality, Updated

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


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
    """One dataset. counted: updates that count as of the time, in its order.

    blocked: why a gate is closed to them. lacking: what is not there yet of those that together
    make up the target's partition. holds: whether it is there.
    """

    leaf: Updated
    counted: Sequence[Arrival]
    blocked: Sequence[str]
    lacking: str | None
    in_last: timedelta | None
    holds: bool = False

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
    holds: bool = False


Stem = Twig | Branch


class Soil(Struct, frozen=True):
    """What a tree grows from. until: what came after that is left out."""

    arrivals: Mapping[EntityName, Sequence[Arrival]]
    asked: Asked
    as_of: datetime
    until: datetime | None = None

    def of(self, dataset: EntityName) -> Iterable[Arrival]:
        found = self.arrivals.get(dataset, ())
        return (one for one in found if self.until is None or one.at <= self.until)


def grown(node: Node, soil: Soil) -> Stem:
    """The tree as of a time; gates and windows of a group hold for what is in it."""
    stem = _stem(node, soil, None, None)
    _ends(stem, _starts(stem))
    return stem


def _stem(node: Node, soil: Soil, gate: Quality | None, in_last_s: int | None) -> Stem:
    if node.gate is not None:
        gate = node.gate if gate is None else gate | node.gate
    if node.in_last_s is not None:
        in_last_s = node.in_last_s if in_last_s is None else min(in_last_s, node.in_last_s)
    if isinstance(node, Updated):
        return _twig(node, soil, gate, in_last_s)
    return Branch(node, [_stem(inner, soil, gate, in_last_s) for inner in node.of])


def _twig(leaf: Updated, soil: Soil, gate: Quality | None, in_last_s: int | None) -> Twig:
    in_last = None if in_last_s is None else timedelta(seconds=in_last_s)
    counted = [
        arrival
        for arrival in soil.of(leaf.dataset)
        if (in_last is None or arrival.at + in_last > soil.as_of)
        and why_not(leaf, arrival, soil.asked) is None
    ]
    if not counted:
        return Twig(leaf, (), (), None, in_last)
    blocked = _blocked(leaf, counted, gate, soil.asked)
    parts = frozenset(arrival.part for arrival in counted)
    lacking = soil.asked.lacking(leaf.dataset, counted[0].partition, parts)
    return Twig(leaf, counted, blocked, lacking, in_last)


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


# -- whether it holds ----------------------------------------------------------------------------


def _starts(stem: Stem) -> Sequence[datetime]:
    """Where a window may begin: with an update, for no other beginning would hold more."""
    times = sorted({arrival.at for twig in twigs(stem) for arrival in twig.usable})
    if not times:
        return [_NEVER]
    return times if _has_window(stem) else times[:1]


def _has_window(stem: Stem) -> bool:
    if isinstance(stem, Twig):
        return False
    return stem.group.within_s is not None or any(map(_has_window, stem.of))


def _ends(stem: Stem, starts: Sequence[datetime]) -> list[datetime]:
    """For each start: up to when updates are needed so that it holds. It holds if from the first."""
    if isinstance(stem, Twig):
        ends = _ends_of_twig(stem, starts)
    else:
        of = [_ends(inner, starts) for inner in stem.of]
        ends = [sorted(column)[stem.group.need - 1] for column in zip(*of, strict=True)]
        if stem.group.within_s is not None:
            _narrow(ends, starts, timedelta(seconds=stem.group.within_s))
    stem.holds = ends[0] < _NEVER
    return ends


def _ends_of_twig(twig: Twig, starts: Sequence[datetime]) -> list[datetime]:
    times = [arrival.at for arrival in twig.usable]
    times.append(_NEVER)
    return [times[bisect_left(times, start)] for start in starts]


def _narrow(ends: list[datetime], starts: Sequence[datetime], within: timedelta) -> None:
    """Where it takes too long from one start it must be from a later one."""
    later = _NEVER
    for place in range(len(starts) - 1, -1, -1):
        if ends[place] - starts[place] > within:
            ends[place] = later
        later = ends[place]
