"""The lineage around a thing, with the state of its jobs and where something is wrong."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from hub.model import EntityName, Viewer
from hub.store import incidents, jobs, names
from hub.store.db import Connection
from hub.store.lineage import Graph, Way, walk
from hub.store.reading import Page
from hub.web import links
from hub.web.graph import Key, Node, drawn

#: Steps from the thing, and nodes in all.
_DEPTH: Final = 1
_MOST: Final = 120


def lineage_of(
    connection: Connection,
    eyes: Viewer,
    *,
    job: EntityName | None = None,
    dataset: EntityName | None = None,
) -> Markup | None:
    """None where there is nothing before or behind it."""
    if job is not None:
        start = ("job", names.find_job(connection, eyes, job))
    elif dataset is not None:
        start = ("dataset", names.find_dataset(connection, eyes, dataset))
    else:
        return None
    graph = _around(connection, eyes, start)
    if not graph.edges:
        return None
    return drawn(graph, start, _nodes(connection, eyes, graph))


def _around(connection: Connection, eyes: Viewer, start: Key) -> Graph:
    """Before and behind it, but not the siblings that only share an input."""
    kind, key = start
    begin = {"job_id": key} if kind == "job" else {"dataset_id": key}
    found = [
        walk(connection, eyes, way=way, depth=_DEPTH, limit=_MOST, **begin)  # type: ignore[arg-type]
        for way in (Way.UPSTREAM, Way.DOWNSTREAM)
    ]
    return Graph(
        set().union(*(one.jobs for one in found)),
        set().union(*(one.datasets for one in found)),
        sorted({edge for one in found for edge in one.edges}),
        any(one.truncated for one in found),
    )


def _nodes(connection: Connection, eyes: Viewer, graph: Graph) -> dict[Key, Node]:
    found: dict[Key, Node] = {}
    wrong = _wrong(connection, eyes)
    for key, view in jobs.job_views_by_id(connection, eyes, graph.jobs).items():
        state = None if view.latest_run is None else view.latest_run.state
        found["job", key] = Node(view.name, links.job(view.id), state, view.id in wrong)
    for key, name in names.names_of_datasets(connection, graph.datasets).items():
        found["dataset", key] = Node(name.name, links.dataset(name), None, name in wrong)
    return found


def _wrong(connection: Connection, eyes: Viewer) -> set[EntityName]:
    """What has an open incident, as far as the latest go."""
    found = incidents.list_incidents(connection, eyes, incidents.Filter(open=True), Page(500)).items
    return {name for one in found if (name := one.job or one.dataset) is not None}
