"""The lineage graph of jobs and datasets, in Marquez's shape."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.node_ids import Node, NodeType, dataset_id, job_id, parse
from hub.api.params import Depth, Eyes, Hub, Instant, NodeId
from hub.errors import BadInput, NotFound
from hub.model import Direction, Viewer
from hub.store.datasets import dataset_views_by_id
from hub.store.jobs import job_views_by_id
from hub.store.lineage import Graph, Way, walk
from hub.store.names import match_dataset, match_job
from hub.store.runs import find_run, job_of
from hub.store.views import DatasetView, JobView

router = APIRouter(prefix="/api/v1", tags=["lineage"], responses=RESPONSES)

Nodes = Annotated[int, Query(alias="nodeLimit", ge=1, le=10_000, description="most nodes")]
AsOf = Annotated[
    Instant | None, Query(alias="asOf", description="the graph as it was at this instant")
]


class GraphEdge(Struct):
    origin: str
    destination: str


class LineageNode(Struct, rename="camel"):
    """`data` is a job or a dataset."""

    id: str
    type: str
    data: JobView | DatasetView
    in_edges: list[GraphEdge]
    out_edges: list[GraphEdge]


class Lineage(Struct, rename="camel"):
    """`truncated`: there is more than `nodeLimit` nodes; the nearest are shown."""

    graph: list[LineageNode]
    truncated: bool
    as_of: datetime | None


@router.get("/lineage", responses=answers(Any))
def get_lineage(
    node_id: NodeId,
    hub: Hub,
    eyes: Eyes,
    depth: Depth = 20,
    direction: Way = Way.BOTH,
    limit: Nodes = 1000,
    as_of: AsOf = None,
) -> Response:
    """The graph around a job or a dataset.

    `depth` counts jobs beyond the first. UPSTREAM and DOWNSTREAM follow the data; BOTH is
    Marquez's neighbourhood, which also holds siblings that only share an input. `asOf` takes of
    each job its latest run that had completed by then.
    """
    node = parse(node_id)
    with hub.db.reading() as connection:
        found = walk(
            connection,
            eyes,
            **_start(connection, eyes, node),
            way=direction,
            depth=depth,
            limit=limit,
            as_of=as_of,
        )
        nodes = _nodes(connection, eyes, found)
    return answer(Lineage(nodes, found.truncated, as_of))


def _start(connection: Any, eyes: Viewer, node: Node) -> dict[str, int]:
    if node.type is NodeType.JOB:
        found, kind = match_job(connection, eyes, node.entities), "job_id"
    elif node.type is NodeType.DATASET:
        found, kind = match_dataset(connection, eyes, node.entities), "dataset_id"
    elif node.run is not None:
        found, kind = job_of(connection, find_run(connection, eyes, node.run)), "job_id"
    else:
        raise BadInput("nodeId", node.type, "a job, a dataset or a run; see /column-lineage")
    if found is None:
        raise NotFound("Could not find node")
    return {kind: found}


def _nodes(connection: Any, eyes: Viewer, graph: Graph) -> list[LineageNode]:
    jobs = job_views_by_id(connection, eyes, graph.jobs)
    datasets = dataset_views_by_id(connection, eyes, graph.datasets)
    nodes: dict[tuple[str, int], LineageNode] = {}
    for key, job in jobs.items():
        nodes["job", key] = LineageNode(job_id(job.id), "JOB", job, [], [])
    for key, dataset in datasets.items():
        nodes["dataset", key] = LineageNode(dataset_id(dataset.id), "DATASET", dataset, [], [])
    for each in graph.edges:
        job_node = nodes.get(("job", each.job_id))
        dataset_node = nodes.get(("dataset", each.dataset_id))
        if job_node and dataset_node:
            _join(job_node, dataset_node, each.direction)
    return sorted(nodes.values(), key=lambda node: node.id)


def _join(job: LineageNode, dataset: LineageNode, direction: str) -> None:
    origin, destination = (dataset, job) if direction == Direction.INPUT else (job, dataset)
    edge = GraphEdge(origin.id, destination.id)
    origin.out_edges.append(edge)
    destination.in_edges.append(edge)
