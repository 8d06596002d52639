"""Worlds of updates, gates and clocks, and what a condition does in them, found step by step.

The evaluator knows no instants that matter: it looks at every minute, at every update and at every
window there could be, and says nothing about when to look again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from hub.model import EntityName
from hub.triggers.conditions import Arrival, Condition, Past, Quality, decide
from hub.triggers.conditions.tree import (
    All,
    AnyOf,
    Bound,
    ByTime,
    CronClock,
    Group,
    MetricOf,
    Node,
    Operator,
    Some,
    Updated,
)
from tests.support.conditions import START, Answer

#: Minutes that a world lasts.
LASTS: Final = 90
_NAMES: Final = "abcd"
#: Dataset d is whole when these partitions of it are there.
_PARTS: Final = frozenset({"x", "y"})
_TAGS: Final = ("pii", "tier:gold", "tier:silver")
_JOBS: Final = (None, EntityName("air", "load_a"), EntityName("air", "load_b"))
_TEAMS: Final = (None, "shop", "sales")
#: Of the filters of a condition.
_PATTERNS: Final = {
    "partition": ("day", "x", "d*", "*"),
    "tag": ("pii", "tier:*", "*"),
    "job": ("air/load_b", "*/load_*", "air/load"),
    "team": ("shop", "s*", "*les", "*"),
}
_METRICS: Final = ("rows", "score")
_OPERATORS: Final[tuple[Operator, ...]] = (">=", ">", "<=", "<", "=")
#: The minutes of each hour at which crons tick.
_CRONS: Final = {"*/20 * * * *": {0, 20, 40}, "*/45 * * * *": {0, 45}, "0 * * * *": {0}}

#: When, and the updates that it used up.
Launch = tuple[int, frozenset[int]]


class World(Struct, frozen=True):
    """opens: when the gate of a dataset changes, in minutes; it is shut at first."""

    condition: Condition
    updates: Sequence[Arrival]
    opens: dict[str, tuple[int, ...]]


def minute_of(at: datetime) -> int:
    return (at - START) // timedelta(minutes=1)


def instant(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


# -- worlds --------------------------------------------------------------------------------------


class Maker:
    """A world by a seed; `size` bounds the depth of its condition and the number of its updates."""

    def __init__(self, seed: int, size: int) -> None:
        self._random, self._size = Random(seed), size

    def world(self) -> World:
        count = self._random.randint(1, 4 + 4 * self._size)
        updates = [self._update(number) for number in range(count)]
        opens = {name: self._moments() for name in _NAMES}
        return World(self._condition(), updates, opens)

    def _moments(self) -> tuple[int, ...]:
        count = self._random.randint(0, 4)
        return tuple(sorted(self._random.sample(range(LASTS), count)))

    def _maybe(self, chance: float = 0.3) -> bool:
        return self._random.random() < chance

    def _length(self, chance: float = 0.3) -> int | None:
        return 60 * self._random.randint(1, 40) if self._maybe(chance) else None

    def _update(self, number: int) -> Arrival:
        name = self._random.choice(_NAMES)
        return Arrival(
            number,
            EntityName("db", name),
            "day",
            instant(self._random.randrange(LASTS - 30)),
            rows=self._random.choice((None, 0, 1, 2, 3)),
            metrics={"score": self._random.randint(0, 3)} if self._maybe(0.7) else {},
            tags=frozenset(tag for tag in _TAGS if self._maybe(0.4)),
            job=self._random.choice(_JOBS),
            team=self._random.choice(_TEAMS),
            source_partition=self._random.choice("xy") if name == "d" else "",
        )

    def _condition(self) -> Condition:
        when = self._node(self._size)
        if self._maybe():
            return Condition(when, cron=CronClock(self._random.choice(list(_CRONS))))
        zone = self._random.choice(("UTC", "Asia/Kathmandu", "Europe/Berlin"))
        clock = instant(self._random.randrange(LASTS)).astimezone(ZoneInfo(zone))
        by = ByTime(f"{clock:%H:%M}", zone) if self._maybe() else None
        return Condition(when, self._length(0.4), by, self._length())

    def _node(self, size: int) -> Node:
        if size <= 1 or self._maybe(0.2):
            return self._leaf()
        of = tuple(self._node(size - 1) for _ in range(self._random.randint(1, 3)))
        told = self._length(), self._length(0.15), self._gate()
        count = self._random.randint(1, len(of))
        made = All(of, *told), AnyOf(of, *told), Some(of, *told, count=count)
        return self._random.choice(made)

    def _leaf(self) -> Updated:
        name = self._random.choice(_NAMES)
        some = self._random.sample(sorted(_PATTERNS), self._random.choice((0, 0, 1, 1, 2)))
        filters = {what: self._random.choice(_PATTERNS[what]) for what in some}
        return Updated(
            EntityName("db", name),
            **filters,
            bounds=(self._bound(name),) if self._maybe() else (),
            in_last_s=self._length(0.2),
            gate=self._gate(),
        )

    def _bound(self, name: str) -> Bound:
        than: float | MetricOf = float(self._random.randint(0, 3))
        if self._maybe(0.5):
            other = self._random.choice([one for one in _NAMES if one != name])
            otherwise = float(self._random.randint(0, 3)) if self._maybe(0.5) else None
            than = MetricOf(self._random.choice(_METRICS), EntityName("db", other), otherwise)
        return Bound(self._random.choice(_METRICS), self._random.choice(_OPERATORS), than)

    def _gate(self) -> Quality | None:
        return Quality(checks_passed=True) if self._maybe(0.15) else None


class Scripted:
    """The facts of a world at a minute."""

    def __init__(self, world: World, now: int) -> None:
        self._world, self._now = world, now

    def gate(self, dataset: EntityName, partition: str, wanted: Quality, /) -> Answer:
        changes = self._world.opens[dataset.name]
        later = [instant(minute) for minute in changes if minute > self._now]
        passed = gate_open(self._world, dataset.name, self._now)
        return Answer(passed, () if passed else ("shut",), min(later, default=None))

    def lacking(self, dataset: EntityName, partition: str, there: frozenset[str], /) -> str | None:
        return "a part is not there" if dataset.name == "d" and there != _PARTS else None

    def last_metric(self, dataset: EntityName, metric: str, /) -> float | None:
        return last_metric(self._world, dataset, metric, self._now)


def last_metric(world: World, dataset: EntityName, metric: str, minute: int) -> float | None:
    """Of the latest update that there is at a minute."""
    there = [u for u in world.updates if u.dataset == dataset and minute_of(u.at) <= minute]
    return _metric(max(there, key=lambda one: (one.at, one.update_id)), metric) if there else None


def _metric(one: Arrival, metric: str) -> float | None:
    value = one.rows if metric == "rows" else one.metrics.get(metric)
    return None if value is None else float(value)


def gate_open(world: World, name: str, minute: int) -> bool:
    return sum(change <= minute for change in world.opens[name]) % 2 == 1


# -- the naive evaluator -------------------------------------------------------------------------


class Naive:
    """What is launched if somebody looks at these minutes."""

    def __init__(self, world: World) -> None:
        self._world, self._condition = world, world.condition
        self._pool: list[Arrival] = []
        self._last: int | None = None
        self._now = 0

    def launches(self, looks: Iterable[int]) -> list[Launch]:
        found = []
        seen = -1
        for minute in looks:
            self._now = minute
            self._pool += [u for u in self._world.updates if seen < minute_of(u.at) <= minute]
            self._pool = [one for one in self._pool if self._fits_any(one)]
            seen = minute
            used = self._used()
            if used:
                found.append((minute, frozenset(one.update_id for one in used)))
                self._pool = [one for one in self._pool if one not in used]
                self._last = minute
        return found

    def _used(self) -> list[Arrival]:
        """What a launch at this minute uses up; nothing: there is none."""
        if self._condition.cron is not None:
            return self._used_at_tick(self._condition.cron)
        whole = self._taken(self._pool, self._now, parts_too=False)
        some = self._taken(self._pool, self._now, parts_too=True)
        if self._holds(self._condition.when, self._pool, self._now) and self._quiet(whole):
            return whole
        return some if some and self._overdue(some) else []

    def _used_at_tick(self, cron: CronClock) -> list[Arrival]:
        ticks = [minute for minute in range(-60, self._now + 1) if _ticks(cron, minute)]
        if not ticks or (self._last is not None and self._last >= ticks[-1]):
            return []
        pool = [one for one in self._pool if minute_of(one.at) <= ticks[-1]]
        if not self._holds(self._condition.when, pool, ticks[-1]):
            return []
        return self._taken(pool, ticks[-1], parts_too=False)

    def _quiet(self, used: Sequence[Arrival]) -> bool:
        length = self._condition.debounce_s
        return length is None or all(self._age(one, self._now) >= length for one in used)

    def _overdue(self, some: Sequence[Arrival]) -> bool:
        first = min(minute_of(one.at) for one in some)
        since = first if self._last is None else max(first, self._last)
        by, at_most = self._condition.by, self._condition.at_most_s
        if at_most is not None and self._now >= since + at_most // 60:
            return True
        return by is not None and any(_shows(by, m) for m in range(since + 1, self._now + 1))

    def _age(self, one: Arrival, as_of: int) -> int:
        return 60 * (as_of - minute_of(one.at))

    def _taken(self, pool: Sequence[Arrival], as_of: int, *, parts_too: bool) -> list[Arrival]:
        leaves = list(_leaves(self._condition.when, (), None))
        return [
            one
            for one in pool
            if any(
                one in self._usable(leaf, gates, last, pool, as_of, parts_too=parts_too)
                for leaf, gates, last in leaves
            )
        ]

    def _usable(
        self,
        leaf: Updated,
        gates: tuple[Quality, ...],
        last: int | None,
        pool: Sequence[Arrival],
        as_of: int,
        *,
        parts_too: bool,
    ) -> list[Arrival]:
        counted = [one for one in pool if self._counts(leaf, last, one, as_of)]
        if gates and not gate_open(self._world, leaf.dataset.name, self._now):
            return []
        parts = {one.source_partition for one in counted}
        if leaf.dataset.name == "d" and parts != _PARTS and not parts_too:
            return []
        return counted

    def _counts(self, leaf: Updated, last: int | None, one: Arrival, as_of: int) -> bool:
        if one.dataset != leaf.dataset or (last is not None and self._age(one, as_of) >= last):
            return False
        return self._fits(leaf, one)

    def _fits_any(self, one: Arrival) -> bool:
        """What fits nowhere is gone, whatever it may be compared with later."""
        leaves = _leaves(self._condition.when, (), None)
        return any(leaf.dataset == one.dataset and self._fits(leaf, one) for leaf, _, _ in leaves)

    def _fits(self, leaf: Updated, one: Arrival) -> bool:
        found = {
            "partition": [one.source_partition or one.partition],
            "tag": list(one.tags),
            "job": [] if one.job is None else [f"{one.job.namespace}/{one.job.name}"],
            "team": [] if one.team is None else [one.team],
        }
        for what, texts in found.items():
            pattern = getattr(leaf, what)
            if pattern is not None and not any(_like(text, pattern) for text in texts):
                return False
        return all(self._in_bound(bound, one) for bound in leaf.bounds)

    def _in_bound(self, bound: Bound, one: Arrival) -> bool:
        value, than = _metric(one, bound.metric), self._than(bound.than)
        if value is None or than is None:
            return False
        sign = (value > than) - (value < than)
        return sign in {">=": (0, 1), ">": (1,), "<=": (-1, 0), "<": (-1,), "=": (0,)}[bound.op]

    def _than(self, than: float | MetricOf) -> float | None:
        if not isinstance(than, MetricOf):
            return than
        last = last_metric(self._world, than.dataset, than.metric, self._now)
        return than.otherwise if last is None else last

    def _holds(self, node: Node, pool: Sequence[Arrival], as_of: int) -> bool:
        return self._within(self._minutes(node, (), None, pool, as_of), 0, as_of)

    def _minutes(
        self,
        node: Node,
        gates: tuple[Quality, ...],
        last: int | None,
        pool: Sequence[Arrival],
        as_of: int,
    ) -> _Minutes:
        gates, last = _inherited(node, gates, last)
        if isinstance(node, Updated):
            usable = self._usable(node, gates, last, pool, as_of, parts_too=False)
            return _Minutes(node, at=[minute_of(one.at) for one in usable])
        return _Minutes(node, of=[self._minutes(one, gates, last, pool, as_of) for one in node.of])

    def _within(self, seen: _Minutes, begin: int, end: int) -> bool:
        """Whether it holds by updates from one minute to another."""
        if isinstance(seen.node, Updated):
            return any(begin <= minute <= end for minute in seen.at)
        if sum(self._within(one, begin, end) for one in seen.of) < _need(seen.node):
            return False
        if seen.node.within_s is None:
            return True
        length = seen.node.within_s // 60
        return any(
            sum(self._within(one, start, min(end, start + length)) for one in seen.of)
            >= _need(seen.node)
            for start in range(begin, end + 1)
        )


class _Minutes(Struct):
    """The minutes of the updates that each dataset of a condition has."""

    node: Node
    of: list[_Minutes] = []
    at: list[int] = []


def _need(group: Group) -> int:
    if isinstance(group, All):
        return len(group.of)
    return group.count if isinstance(group, Some) else 1


def _inherited(
    node: Node, gates: tuple[Quality, ...], last: int | None
) -> tuple[tuple[Quality, ...], int | None]:
    if node.gate is not None:
        gates = (*gates, node.gate)
    lasts = [one for one in (last, node.in_last_s) if one is not None]
    return gates, min(lasts, default=None)


def _leaves(
    node: Node, gates: tuple[Quality, ...], last: int | None
) -> Iterator[tuple[Updated, tuple[Quality, ...], int | None]]:
    gates, last = _inherited(node, gates, last)
    if isinstance(node, Updated):
        yield node, gates, last
        return
    for inner in node.of:
        yield from _leaves(inner, gates, last)


def _like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_like(text[begin:], pattern[1:]) for begin in range(len(text) + 1))
    return text[:1] == pattern[0] and _like(text[1:], pattern[1:])


def _ticks(cron: CronClock, minute: int) -> bool:
    return instant(minute).minute in _CRONS[cron.expression]


def _shows(by: ByTime, minute: int) -> bool:
    return f"{instant(minute).astimezone(ZoneInfo(by.timezone)):%H:%M}" == by.at


# -- the same with `decide` ----------------------------------------------------------------------


class Driven:
    """What is launched by decisions: with every update, when a decision said to, and at `others`.

    Updates come in another order than they were made, and twice.
    """

    def __init__(self, world: World, seed: int = 0) -> None:
        self._world, self._random = world, Random(seed)
        self._pool: list[Arrival] = []
        self._past = Past()
        self.found: list[Launch] = []
        self.gone: dict[int, str] = {}
        self.looks = 0

    def launches(self, others: Iterable[int] = (), *, only: bool = False) -> list[Launch]:
        """only: at the others and at no other minutes."""
        planned = set(others)
        if not only:
            planned |= {minute_of(one.at) for one in self._world.updates}
        seen = -1
        while planned:
            minute = min(planned)
            planned.discard(minute)
            self._hear(seen, minute)
            seen = minute
            again = self._look(minute)
            if again is not None and not only and again <= LASTS:
                planned.add(again)
        return self.found

    def _hear(self, seen: int, minute: int) -> None:
        new = [one for one in self._world.updates if seen < minute_of(one.at) <= minute]
        self._pool += new + self._random.sample(new, len(new) // 2)
        self._random.shuffle(self._pool)

    def _look(self, minute: int) -> int | None:
        self.looks += 1
        facts = Scripted(self._world, minute)
        made = decide(self._world.condition, self._pool, self._past, facts, instant(minute))
        self._drop({one.update_id: one.reason for one in made.ignored})
        if made.satisfied:
            self.found.append((minute, frozenset(made.consumed)))
            self._drop(dict.fromkeys(made.consumed, "launched"))
            self._past = Past(instant(minute))
        if made.again_at is None:
            return None
        assert made.again_at > instant(minute)
        return minute_of(made.again_at)

    def _drop(self, gone: dict[int, str]) -> None:
        assert not gone.keys() & self.gone.keys()
        assert gone.keys() <= {one.update_id for one in self._pool}
        self.gone |= gone
        self._pool = [one for one in self._pool if one.update_id not in gone]

    def left(self) -> list[Any]:
        return self._pool


def without_time(world: World) -> World:
    """No gates, no updates that grow too old, and nothing compared with what comes later: time
    comes in by the timing alone.
    """
    return replace(world, condition=replace(world.condition, when=_timeless(world.condition.when)))


def _timeless(node: Node) -> Node:
    bare = replace(node, in_last_s=None, gate=None)
    if isinstance(bare, Updated):
        lasting = tuple(one for one in bare.bounds if not isinstance(one.than, MetricOf))
        return replace(bare, bounds=lasting)
    return replace(bare, of=tuple(_timeless(inner) for inner in bare.of))
