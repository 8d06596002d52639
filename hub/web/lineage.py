"""Lineage: the graph around a thing, as far as somebody opens it, and what is on the way to another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from starlette.responses import Response

from hub.api.answers import answer
from hub.api.node_ids import NodeType, parse
from hub.api.params import Eyes, Hub, Instant, Text
from hub.errors import BadInput, NotFound
from hub.model import EntityName, Viewer
from hub.store import datasets, names
from hub.store.db import Connection
from hub.store.lineage import Graph, Way, walk
from hub.web import links
from hub.web.canvas import By, Chosen, Picture, canvas
from hub.web.graph import Key, merged
from hub.web.paths import between
from hub.web.site import LEFT_EMPTY, page, pages

router: Final = pages()

#: Nodes of one picture, and nodes that are opened one by one.
MOST: Final = 5_000
_MOST_OPEN: Final = 100
#: Steps within which a way to another node is looked for.
_FAR: Final = 1_000
_WAYS: Final = (Way.UPSTREAM, Way.DOWNSTREAM)
Id = Annotated[Text, Query(max_length=8192)]
Steps = Annotated[int, Query(ge=0, le=20)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a picture says.

    open: nodes whose neighbours are shown, too; apart: of what is drawn as one, what is not.
    """

    node: Annotated[Text | None, Query(max_length=8192)] = None
    up: Steps = 2
    down: Steps = 2
    by: By = By.EACH
    to: Annotated[Text | None, Query(max_length=8192), LEFT_EMPTY] = None
    column: Annotated[Text | None, Query(max_length=1024), LEFT_EMPTY] = None
    as_of: Annotated[Instant | None, Query(alias="asOf"), LEFT_EMPTY] = None
    open: Annotated[tuple[Id, ...], Query(max_length=_MOST_OPEN)] = ()
    apart: Annotated[tuple[Id, ...], Query(max_length=_MOST_OPEN)] = ()


Wanted = Annotated[Asked, Depends()]


@router.get("/lineage")
def show_lineage(request: Request, hub: Hub, eyes: Eyes, asked: Wanted) -> Response:
    with hub.db.reading() as connection:
        start = None if asked.node is None else _named(connection, eyes, asked.node)
        fields = [] if start is None or start[0] == "job" else _fields(connection, eyes, start[1])
    name = None if start is None else start[1]
    return page(
        request,
        "lineage.html",
        asked=asked,
        kind=None if start is None else start[0],
        name=name,
        fields=fields,
        shown=list(By),
        thing=None if start is None or name is None else _page_of(start[0], name),
    )


@router.get("/lineage-graph")
def graph_of(hub: Hub, eyes: Eyes, asked: Wanted) -> Response:
    """What the picture is drawn from."""
    if asked.node is None:
        raise BadInput("node", "", "job:<namespace>:<name> or dataset:<namespace>:<name>")
    with hub.db.reading() as connection:
        return answer(_picture(connection, eyes, asked, asked.node))


def _picture(connection: Connection, eyes: Viewer, asked: Asked, node: str) -> Picture:
    start = _key(connection, eyes, node)
    found = [
        _walk(connection, eyes, start, Way.UPSTREAM, asked.up, asked.as_of),
        _walk(connection, eyes, start, Way.DOWNSTREAM, asked.down, asked.as_of),
    ]
    for each in asked.open:
        one = _key(connection, eyes, each)
        found += [_walk(connection, eyes, one, way, 1, asked.as_of) for way in _WAYS]
    way_there: list[Key] = []
    if asked.to is not None:
        target = _key(connection, eyes, asked.to)
        far = [_walk(connection, eyes, start, way, _FAR, asked.as_of) for way in _WAYS]
        way_there, path = between(far, start, target)
        found.append(path)
    chosen = Chosen(start, asked.by, frozenset(asked.apart), way_there, asked.column)
    return canvas(connection, eyes, merged(found), chosen, asked.as_of)


def _walk(
    connection: Connection, eyes: Viewer, start: Key, way: Way, steps: int, at: datetime | None
) -> Graph:
    """So many jobs away from the start."""
    kind, key = start
    if not steps:
        alone = ({key}, set[int]()) if kind == "job" else (set[int](), {key})
        return Graph(*alone, [], truncated=False)
    if kind == "job":
        return walk(connection, eyes, job_id=key, way=way, depth=steps, limit=MOST, as_of=at)
    return walk(connection, eyes, dataset_id=key, way=way, depth=steps - 1, limit=MOST, as_of=at)


def _key(connection: Connection, eyes: Viewer, text: str) -> Key:
    node = parse(text)
    if node.type is NodeType.JOB:
        kind, found = "job", names.match_job(connection, eyes, node.entities)
    elif node.type is NodeType.DATASET:
        kind, found = "dataset", names.match_dataset(connection, eyes, node.entities)
    else:
        raise BadInput("node", text, "job:<namespace>:<name> or dataset:<namespace>:<name>")
    if found is None:
        raise NotFound(f"{kind} {text.partition(':')[2]!r} is not known here")
    return kind, found


def _named(connection: Connection, eyes: Viewer, text: str) -> tuple[str, EntityName]:
    kind, key = _key(connection, eyes, text)
    if kind == "job":
        return kind, names.names_of_jobs(connection, [key])[0]
    return kind, names.name_of_dataset(connection, key)


def _fields(connection: Connection, eyes: Viewer, name: EntityName) -> list[str]:
    return [one.name for one in datasets.get_dataset(connection, eyes, name).fields]


def _page_of(kind: str, name: EntityName) -> str:
    return links.job(name) if kind == "job" else links.dataset(name)
