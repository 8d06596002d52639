"""The ways from one thing to another along the lineage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hub.store.lineage import Edge, Graph
from hub.web.graph import Key, linked, reached

_NOTHING = Graph(set(), set(), [], truncated=False)


def between(graphs: Iterable[Graph], start: Key, target: Key) -> tuple[list[Key], Graph]:
    """What lies on a shortest way, in either direction, and those edges; nothing if there is none."""
    for graph in graphs:
        after, before = linked(graph)
        for ahead, back in ((after, before), (before, after)):
            on_it = _on_the_way(ahead, back, start, target)
            if on_it:
                return on_it, _only(graph, set(on_it))
    return [], _NOTHING


def _on_the_way(
    ahead: Mapping[Key, list[Key]], back: Mapping[Key, list[Key]], start: Key, target: Key
) -> list[Key]:
    there, home = reached(ahead, start), reached(back, target)
    if target not in there:
        return []
    far = there[target]
    on_it = [node for node in there if there[node] + home.get(node, far + 1) == far]
    return sorted(on_it, key=lambda node: (there[node], node))


def _only(graph: Graph, kept: set[Key]) -> Graph:
    edges = [
        Edge(*edge)
        for edge in graph.edges
        if ("job", edge.job_id) in kept and ("dataset", edge.dataset_id) in kept
    ]
    return Graph(
        {key for kind, key in kept if kind == "job"},
        {key for kind, key in kept if kind == "dataset"},
        edges,
        truncated=False,
    )
