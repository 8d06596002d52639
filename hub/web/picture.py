"""The lineage around a thing, with the state of its jobs and where something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup
from msgspec.structs import replace

from hub.model import EntityName, Viewer
from hub.store import names
from hub.store.db import Connection
from hub.store.graph_nodes import NodeView, dataset_nodes, in_trouble, job_nodes
from hub.store.incident_views import IncidentView
from hub.store.lineage import Graph, Way, walk
from hub.web import links
from hub.web.graph import Key, Node, drawn, merged
from hub.web.paths import between
from hub.web.words import plain

#: Steps from the thing, and nodes in all.
_DEPTH: Final = 1
_MOST: Final = 120
#: Steps and nodes within which the way to a root cause is looked for.
_FAR: Final = 20
_MANY: Final = 1000


def lineage_of(
    connection: Connection,
    eyes: Viewer,
    *,
    job: EntityName | None = None,
    dataset: EntityName | None = None,
) -> Markup | None:
    """None where there is nothing before or behind it."""
    start = _key(connection, eyes, job, dataset)
    if start is None:
        return None
    graph = _around(connection, eyes, start)
    if not graph.edges:
        return None
    return drawn(graph, start, _nodes(connection, eyes, graph))


def lineage_of_incident(
    connection: Connection, eyes: Viewer, one: IncidentView, cause: IncidentView | None
) -> Markup | None:
    """What is around it, all the way from its root cause, and what will be too late."""
    start = _key(connection, eyes, one.job, one.dataset)
    if start is None:
        return None
    graph, way = _around(connection, eyes, start), list[Key]()
    root = None if cause is None else _key(connection, eyes, cause.job, cause.dataset)
    if root is not None and root != start:
        far = _walk(connection, eyes, start, Way.UPSTREAM, _FAR, _MANY)
        way, path = between([far], start, root)
        graph = merged([graph, path])
    if not graph.edges:
        return None
    nodes = _nodes(connection, eyes, graph)
    if root in nodes:
        nodes[root] = replace(nodes[root], cause=True)
    return drawn(graph, start, _with_breaches(nodes, one), way)


def _key(
    connection: Connection, eyes: Viewer, job: EntityName | None, dataset: EntityName | None
) -> Key | None:
    if job is not None:
        return "job", names.find_job(connection, eyes, job)
    if dataset is not None:
        return "dataset", names.find_dataset(connection, eyes, dataset)
    return None


def _around(connection: Connection, eyes: Viewer, start: Key) -> Graph:
    """Before and behind it, but not the siblings that only share an input."""
    ways = (Way.UPSTREAM, Way.DOWNSTREAM)
    return merged([_walk(connection, eyes, start, way, _DEPTH, _MOST) for way in ways])


def _walk(
    connection: Connection, eyes: Viewer, start: Key, way: Way, depth: int, limit: int
) -> Graph:
    kind, key = start
    if kind == "job":
        return walk(connection, eyes, job_id=key, way=way, depth=depth, limit=limit)
    return walk(connection, eyes, dataset_id=key, way=way, depth=depth, limit=limit)


def _nodes(connection: Connection, eyes: Viewer, graph: Graph) -> dict[Key, Node]:
    bad_jobs, bad_data = in_trouble(connection, graph.jobs, graph.datasets)
    found: dict[Key, Node] = {}
    for key, view in job_nodes(connection, eyes, graph.jobs).items():
        found["job", key] = Node(view.name, links.job(_name(view)), view.state, key in bad_jobs)
    for key, view in dataset_nodes(connection, eyes, graph.datasets).items():
        found["dataset", key] = Node(view.name, links.dataset(_name(view)), None, key in bad_data)
    return found


def _name(view: NodeView) -> EntityName:
    return EntityName(view.namespace, view.name)


def _with_breaches(nodes: Mapping[Key, Node], one: IncidentView) -> dict[Key, Node]:
    late = {}
    for each in () if one.impact is None else one.impact.breaches:
        told = f"{plain(each.kind)} from {each.breach_at:%Y-%m-%d %H:%M} UTC on"
        if each.job is not None:
            late[links.job(each.job)] = told
        elif each.dataset is not None:
            late[links.dataset(each.dataset)] = told
    return {key: replace(node, late=late.get(node.href)) for key, node in nodes.items()}
