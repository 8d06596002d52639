"""What a picture of lineage is drawn from: nodes with their places, alone or drawn together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from hub.api.node_ids import dataset_id, job_id
from hub.model import Direction, EntityName, Viewer
from hub.store.column_impact import columns_below
from hub.store.db import Connection
from hub.store.graph_nodes import NodeView, dataset_nodes, in_trouble, job_nodes
from hub.store.lineage import Graph, edges_at
from hub.web import links
from hub.web.graph import Key
from hub.web.layers import placed

#: Of larger pictures it is not told which nodes have more to show.
_TELLS_MORE: Final = 2000
#: Of what is drawn as one, the state that most deserves to be seen.
_WORST: Final = ("FAILED", "ABORTED", "RUNNING", "NEW", "COMPLETED")


class By(StrEnum):
    """What is drawn as one."""

    EACH = "each"
    TEAM = "team"
    NAMESPACE = "namespace"
    GROUP = "group"


class Chosen(Struct, frozen=True):
    """How it is to be drawn: around which node, what as one, and what stands out."""

    start: Key
    by: By = By.EACH
    apart: frozenset[str] = frozenset()
    way: list[Key] = []
    column: str | None = None


class Drawn(Struct, rename="camel", frozen=True, omit_defaults=True):
    """A node. many: how many things it stands for; more: it has neighbours that are not shown."""

    id: str
    kind: str
    name: str
    x: float
    y: float
    space: str = ""
    team: str | None = None
    state: str | None = None
    href: str | None = None
    many: int = 1
    wrong: bool = False
    more: bool = False
    here: bool = False
    way: bool = False
    columns: list[str] = []


class Hit(Struct, rename="camel", frozen=True):
    """A dataset with columns that are made of the chosen one, and the jobs that read it."""

    name: str
    href: str
    team: str | None
    columns: list[str]
    jobs: list[str]


class Picture(Struct, rename="camel", frozen=True):
    """lines: from which node to which, as places in `nodes`."""

    nodes: list[Drawn]
    lines: list[tuple[int, int]]
    truncated: bool
    found: bool
    hit: list[Hit]


def canvas(
    connection: Connection, viewer: Viewer, graph: Graph, chosen: Chosen, at: datetime | None
) -> Picture:
    """Of a time in the past no states are told: those that are known are of now."""
    views: dict[Key, NodeView] = {
        ("job", key): view for key, view in job_nodes(connection, viewer, graph.jobs).items()
    }
    shown = dataset_nodes(connection, viewer, graph.datasets)
    views |= {("dataset", key): view for key, view in shown.items()}
    wrong = _wrong(connection, graph) if at is None else set()
    columns = _columns(connection, views, chosen)
    more = _more(connection, viewer, graph, at)
    names = {key: _name(key, view, chosen) for key, view in views.items()}
    ends = _lines(graph, names)
    places = placed(list(dict.fromkeys(names.values())), ends)
    members: dict[str, list[Key]] = defaultdict(list)
    for key, name in names.items():
        members[name].append(key)
    nodes = [
        _drawn(name, keys, views, places[name], wrong, more, columns, chosen, now=at is None)
        for name, keys in members.items()
    ]
    number = {node.id: n for n, node in enumerate(nodes)}
    lines = [(number[a], number[b]) for a, b in ends]
    hits = _hits(graph, views, columns, chosen.start)
    return Picture(nodes, lines, graph.truncated, bool(chosen.way), hits)


def _wrong(connection: Connection, graph: Graph) -> set[Key]:
    jobs, datasets = in_trouble(connection, graph.jobs, graph.datasets)
    return {("job", key) for key in jobs} | {("dataset", key) for key in datasets}


def _more(
    connection: Connection, viewer: Viewer, graph: Graph, at: datetime | None
) -> Collection[Key]:
    if len(graph.jobs) + len(graph.datasets) > _TELLS_MORE:
        return ()
    found: set[Key] = set()
    for edge in edges_at(connection, viewer, graph.datasets, at):
        if edge.job_id not in graph.jobs and edge.dataset_id in graph.datasets:
            found.add(("dataset", edge.dataset_id))
        elif edge.dataset_id not in graph.datasets and edge.job_id in graph.jobs:
            found.add(("job", edge.job_id))
    return found


def _columns(
    connection: Connection, views: Mapping[Key, NodeView], chosen: Chosen
) -> dict[Key, list[str]]:
    """The columns that are made of the chosen one, by dataset that is shown; of its own, itself."""
    kind, key = chosen.start
    if chosen.column is None or kind != "dataset":
        return {}
    found: dict[Key, list[str]] = defaultdict(list)
    found[chosen.start].append(chosen.column)
    for dataset, field in columns_below(connection, key, [chosen.column]).columns:
        if ("dataset", dataset) in views:
            found["dataset", dataset].append(field or "all of it")
    return found


def _hits(
    graph: Graph, views: Mapping[Key, NodeView], columns: Mapping[Key, list[str]], start: Key
) -> list[Hit]:
    readers: dict[int, set[str]] = defaultdict(set)
    for job, direction, dataset in graph.edges:
        if direction == Direction.INPUT and ("job", job) in views:
            readers[dataset].add(views["job", job].name)
    found = []
    for key, fields in columns.items():
        if key != start or readers[key[1]]:
            view = views[key]
            page = links.dataset(EntityName(view.namespace, view.name))
            found.append(Hit(view.name, page, view.team, fields, sorted(readers[key[1]])))
    return found


def _name(key: Key, view: NodeView, chosen: Chosen) -> str:
    """Its own id, or that of what it is drawn together with."""
    own = job_id if key[0] == "job" else dataset_id
    together = {
        By.EACH: None,
        By.TEAM: view.team,
        By.NAMESPACE: view.namespace,
        By.GROUP: None if view.group is None else f"{view.namespace}:{view.group}",
    }[chosen.by]
    if together is None or key == chosen.start or key in chosen.way:
        return own(EntityName(view.namespace, view.name))
    found = f"{chosen.by}:{together}"
    return own(EntityName(view.namespace, view.name)) if found in chosen.apart else found


def _lines(graph: Graph, names: Mapping[Key, str]) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for job, direction, dataset in graph.edges:
        one, other = names.get(("job", job)), names.get(("dataset", dataset))
        if one and other and one != other:
            found[(one, other) if direction == Direction.OUTPUT else (other, one)] = None
    return list(found)


def _drawn(
    name: str,
    keys: list[Key],
    views: Mapping[Key, NodeView],
    place: tuple[float, float],
    wrong: Collection[Key],
    more: Collection[Key],
    columns: Mapping[Key, list[str]],
    chosen: Chosen,
    *,
    now: bool,
) -> Drawn:
    first, view = keys[0], views[keys[0]]
    kind = name.partition(":")[0]
    alone = kind in ("job", "dataset")
    entity = EntityName(view.namespace, view.name)
    page = links.job(entity) if first[0] == "job" else links.dataset(entity)
    states = Counter(views[key].state for key in keys)
    return Drawn(
        name,
        kind,
        view.name if alone else name.partition(":")[2],
        round(place[0], 1),
        round(place[1], 1),
        space=view.namespace if alone else "",
        team=view.team,
        state=next((one for one in _WORST if states[one]), None) if now else None,
        href=page if alone else None,
        many=len(keys),
        wrong=any(key in wrong for key in keys),
        more=alone and first in more,
        here=chosen.start in keys,
        way=any(key in chosen.way for key in keys),
        columns=columns.get(first, []) if alone else [],
    )
