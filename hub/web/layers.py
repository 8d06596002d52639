"""Where the nodes of a graph stand: in layers from the left to the right, with few crossings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

Link = tuple[str, str]
Links = Mapping[str, Sequence[str]]

#: Distance between layers, and between nodes of one layer.
WIDE: Final = 250
TALL: Final = 46
_SWEEPS: Final = 4


def placed(nodes: Sequence[str], links: Collection[Link]) -> dict[str, tuple[float, float]]:
    """The centre of each node. What closes a circle is left out of account."""
    forward = _without_circles(nodes, links)
    after, before = _both_ways(forward)
    layer = _layers(nodes, after, before)
    columns: dict[int, list[str]] = defaultdict(list)
    for node in nodes:
        columns[layer[node]].append(node)
    ordered = [columns[key] for key in sorted(columns)]
    _uncross(ordered, after, before)
    heights = _heights(ordered, after, before)
    return {node: (float(layer[node] * WIDE), heights[node]) for node in nodes}


def _both_ways(links: Iterable[Link]) -> tuple[Links, Links]:
    after: dict[str, list[str]] = defaultdict(list)
    before: dict[str, list[str]] = defaultdict(list)
    for source, target in links:
        after[source].append(target)
        before[target].append(source)
    return after, before


def _without_circles(nodes: Sequence[str], links: Collection[Link]) -> list[Link]:
    """Depth first, on a stack of our own: a chain may be longer than Python's."""
    after, _ = _both_ways(links)
    under_way, done = set[str](), set[str]()
    kept: list[Link] = []
    for start in nodes:
        stack = [] if start in done else [(start, iter(after.get(start, ())))]
        under_way.update(node for node, _ in stack)
        while stack:
            node, following = stack[-1]
            target = next(following, None)
            if target is None:
                stack.pop()
                under_way.discard(node)
                done.add(node)
            elif target not in under_way:
                kept.append((node, target))
                if target not in done:
                    under_way.add(target)
                    stack.append((target, iter(after.get(target, ()))))
    return kept


def _layers(nodes: Sequence[str], after: Links, before: Links) -> dict[str, int]:
    """As far left as what is before allows; what has nothing before it, next to what reads it."""
    waits = {node: len(before.get(node, ())) for node in nodes}
    ready = [node for node in nodes if not waits[node]]
    layer = dict.fromkeys(nodes, 0)
    for node in ready:
        for target in after.get(node, ()):
            layer[target] = max(layer[target], layer[node] + 1)
            waits[target] -= 1
            if not waits[target]:
                ready.append(target)
    for node in nodes:
        if not before.get(node) and after.get(node):
            layer[node] = min(layer[target] for target in after[node]) - 1
    return layer


def _uncross(columns: list[list[str]], after: Links, before: Links) -> None:
    """Each node near the middle of those it is linked with, to and fro."""
    for sweep in range(_SWEEPS):
        near, walked = (before, columns) if sweep % 2 == 0 else (after, columns[::-1])
        rank: dict[str, float] = {}
        for column in walked:
            middle = {
                node: _mean(
                    [rank[one] for one in near.get(node, ()) if one in rank], n / len(column)
                )
                for n, node in enumerate(column)
            }
            column.sort(key=middle.__getitem__)
            rank |= {node: n / len(column) for n, node in enumerate(column)}


def _heights(columns: Sequence[Sequence[str]], after: Links, before: Links) -> dict[str, float]:
    """Beside what they are linked with, as far as the order in their layer allows."""
    found = {
        node: (n - (len(column) - 1) / 2) * TALL
        for column in columns
        for n, node in enumerate(column)
    }
    for near, walked in ((before, columns), (after, columns[::-1])):
        for column in walked:
            wanted = [
                _mean([found[one] for one in near.get(node, ())], found[node]) for node in column
            ]
            found |= zip(column, _apart(wanted), strict=True)
    return found


def _apart(wanted: Sequence[float]) -> list[float]:
    """The heights, moved apart until none covers another; their middle stays where it was."""
    found: list[float] = []
    for height in wanted:
        found.append(max(height, found[-1] + TALL) if found else height)
    shift = _mean(wanted, 0) - _mean(found, 0)
    return [height + shift for height in found]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
