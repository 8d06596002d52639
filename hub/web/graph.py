"""A small picture of lineage: what is before and behind a job or a dataset, column by column."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from markupsafe import Markup, escape
from msgspec import Struct

from hub.model import Direction
from hub.store.lineage import Graph
from hub.web.marks import drawing

Key = tuple[str, int]
"""("job" or "dataset", its number)."""

_WIDE, _TALL, _GAP, _ROW = 184, 34, 46, 46
#: Of a name that fit into a box: a job has a light beside it.
_LETTERS: Final = {"job": 20, "dataset": 23}
_MOST_IN_A_COLUMN: Final = 12
#: Columns on each side of the start.
_COLUMNS: Final = 2


class Node(Struct, frozen=True):
    """What is drawn of a node.

    state: of a job's latest run. mark: it has an open incident. cause: that of what it is all about
    is here. late: what will be too late there.
    """

    name: str
    href: str
    state: str | None = None
    mark: bool = False
    cause: bool = False
    late: str | None = None


def columns_of(graph: Graph, start: Key, always: Collection[Key] = ()) -> dict[int, list[Key]]:
    """The near nodes by how far they are from the start; before it is negative.

    always: what is shown however far it is.
    """
    after, before = linked(graph)
    found = {start: 0}
    for links, step in ((after, 1), (before, -1)):
        for node, far in reached(links, start).items():
            found.setdefault(node, far * step)
    columns: dict[int, list[Key]] = defaultdict(list)
    for node, column in found.items():
        if abs(column) <= _COLUMNS or node in always:
            columns[column].append(node)
    return {column: sorted(columns[column]) for column in sorted(columns)}


def merged(graphs: Sequence[Graph]) -> Graph:
    """All of them as one."""
    return Graph(
        set().union(*(one.jobs for one in graphs)),
        set().union(*(one.datasets for one in graphs)),
        list(dict.fromkeys(edge for one in graphs for edge in one.edges)),
        any(one.truncated for one in graphs),
    )


def linked(graph: Graph) -> tuple[dict[Key, list[Key]], dict[Key, list[Key]]]:
    after: dict[Key, list[Key]] = defaultdict(list)
    before: dict[Key, list[Key]] = defaultdict(list)
    for job, direction, dataset in graph.edges:
        one, other = ("job", job), ("dataset", dataset)
        source, target = (one, other) if direction == Direction.OUTPUT else (other, one)
        after[source].append(target)
        before[target].append(source)
    return after, before


def reached(links: Mapping[Key, list[Key]], start: Key) -> dict[Key, int]:
    """Each node that the links lead to, and how far it is."""
    found, queue = {start: 0}, deque([start])
    while queue:
        node = queue.popleft()
        for other in links.get(node, ()):
            if other not in found:
                found[other] = found[node] + 1
                queue.append(other)
    return found


def drawn(
    graph: Graph, start: Key, nodes: Mapping[Key, Node], always: Collection[Key] = ()
) -> Markup:
    """The picture, from the left to the right; of a tall column its first nodes are drawn."""
    columns = columns_of(graph, start, always)
    places: dict[Key, tuple[float, float]] = {}
    rows = max(min(len(column), _MOST_IN_A_COLUMN + 1) for column in columns.values())
    left_out = []
    for x, column in enumerate(columns.values()):
        first = sorted(column, key=lambda node: node not in always)
        shown = [start] if start in column else first[:_MOST_IN_A_COLUMN]
        top = (rows - len(shown)) / 2
        for y, node in enumerate(shown):
            places[node] = (x * (_WIDE + _GAP), (top + y) * _ROW + 4)
        if len(column) > len(shown):
            left_out.append((x * (_WIDE + _GAP), rows * _ROW - 14.0, len(column) - len(shown)))
    parts = [
        *_lines(graph, places),
        *(_box(n, at, nodes[n], n == start) for n, at in places.items()),
    ]
    parts += [
        f'<text class="axis" x="{x}" y="{y}">and {more} more</text>' for x, y, more in left_out
    ]
    wide, tall = len(columns) * (_WIDE + _GAP) - _GAP, rows * _ROW
    return drawing("graph", wide + 8, tall, parts, "lineage", left=-4)


def _lines(graph: Graph, places: Mapping[Key, tuple[float, float]]) -> Iterable[str]:
    for source, targets in linked(graph)[0].items():
        for target in targets:
            if source in places and target in places:
                yield _line(places[source], places[target])


def _line(source: tuple[float, float], target: tuple[float, float]) -> str:
    x1, y1 = source[0] + _WIDE, source[1] + _TALL / 2
    x2, y2 = target[0], target[1] + _TALL / 2
    bend = max(24.0, (x2 - x1) / 2)
    return f'<path class="line" d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"/>'


def _box(key: Key, at: tuple[float, float], node: Node, here: bool) -> str:  # noqa: FBT001
    x, y = at
    kind = key[0]
    room = _LETTERS[kind] - (2 if node.mark or node.late else 0)
    name = node.name if len(node.name) <= room else "…" + node.name[1 - room :]
    state = f" s-{node.state.lower()}" if node.state else ""
    stands = " here" if here else " cause" if node.cause else ""
    parts = [
        f'<a href="{escape(node.href)}"><title>{escape(_told(kind, node))}</title>',
        (
            f'<rect class="node {kind}{stands}" x="{x}" y="{y}" width="{_WIDE}" '
            f'height="{_TALL}" rx="{4 if kind == "job" else _TALL / 2}"/>'
        ),
        f'<rect class="light{state}" x="{x + 10}" y="{y + 12}" width="10" height="10" rx="5"/>'
        if kind == "job"
        else "",
        f'<text class="name" x="{x + (28 if kind == "job" else 16)}" y="{y + 22}">{escape(name)}</text>',
    ]
    if node.late and not node.mark:
        parts.append(f'<circle class="soon" cx="{x + _WIDE - 12}" cy="{y + _TALL / 2}" r="5"/>')
    if node.mark:
        parts.append(f'<circle class="mark" cx="{x + _WIDE - 12}" cy="{y + _TALL / 2}" r="5"/>')
    return "".join(parts) + "</a>"


def _told(kind: str, node: Node) -> str:
    """What is said of a node where it is pointed at."""
    more = [
        node.state.lower() if node.state else "",
        "the root cause" if node.cause else "has an open incident" if node.mark else "",
        node.late or "",
    ]
    return ", ".join([f"{kind} {node.name}", *filter(None, more)])
