"""The graph of columns, in Marquez's shape."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.lineage import GraphEdge, Nodes
from hub.api.node_ids import Node, NodeType, parse
from hub.api.params import Depth, Eyes, Hub, NodeId
from hub.errors import BadInput, NotFound
from hub.model import Viewer
from hub.store.columns import WHOLE, ColumnGraph, ColumnId, column_graph, columns_of, outputs_of
from hub.store.names import match_dataset, match_job, name_of_dataset
from hub.store.views import ColumnInput

router = APIRouter(prefix="/api/v1", tags=["lineage"], responses=RESPONSES)


class InputFieldData(Struct, rename="camel"):
    """One column behind another; the empty `field` is the dataset as a whole."""

    namespace: str
    dataset: str
    dataset_version: str | None
    field: str
    transformation_description: str | None
    transformation_type: str | None
    transformation_subtype: str | None
    masking: bool | None


class ColumnData(Struct, rename="camel"):
    namespace: str
    dataset: str
    dataset_version: str | None
    field: str
    field_type: str | None
    transformation_description: str | None
    transformation_type: str | None
    input_fields: list[InputFieldData]


class ColumnNode(Struct, rename="camel"):
    """`inEdges` are reversed, as in Marquez: they start at this node and end in its inputs."""

    id: str
    type: str
    data: ColumnData
    in_edges: list[GraphEdge]
    out_edges: list[GraphEdge]


class ColumnLineageGraph(Struct, rename="camel"):
    graph: list[ColumnNode]
    truncated: bool


@router.get("/column-lineage", responses=answers(ColumnLineageGraph))
def get_column_lineage(
    node_id: NodeId,
    hub: Hub,
    eyes: Eyes,
    depth: Depth = 20,
    downstream: Annotated[bool, Query(alias="withDownstream")] = False,  # noqa: FBT002
    limit: Nodes = 1000,
) -> Response:
    """The columns behind those of a dataset, behind one column, or behind what a job writes."""
    node = parse(node_id)
    if node.version and downstream:
        raise BadInput("nodeId", node_id, "a node id without version, with withDownstream")
    with hub.db.reading() as connection:
        dataset_ids, fields = _start(connection, eyes, node)
        found = column_graph(
            connection,
            eyes,
            dataset_ids,
            fields,
            depth=depth,
            downstream=downstream,
            limit=limit,
        )
        if fields and not found.columns and not fields & columns_of(connection, eyes, dataset_ids):
            raise NotFound("Could not find node")
    return answer(ColumnLineageGraph(_nodes(found), found.truncated))


def _start(connection: Any, eyes: Viewer, node: Node) -> tuple[set[int], set[ColumnId] | None]:
    """The datasets to start from, and the columns where only some are meant."""
    if node.type is NodeType.JOB:
        job = _found(match_job(connection, eyes, node.entities))
        return outputs_of(connection, job), None
    if node.type is NodeType.DATASET:
        return {_found(match_dataset(connection, eyes, node.entities))}, None
    if node.type is NodeType.RUN:
        raise BadInput("nodeId", node.type, "a dataset, a column or a job")
    return _column(connection, eyes, node)


def _column(connection: Any, eyes: Viewer, node: Node) -> tuple[set[int], set[ColumnId]]:
    found = _found(match_dataset(connection, eyes, node.entities))
    name = name_of_dataset(connection, found)
    fields = {
        ColumnId(name.namespace, name.name, reading.field)
        for reading in node.readings
        if reading.field and match_dataset(connection, eyes, [reading.entity]) == found
    }
    return {found}, fields


def _found(key: int | None) -> int:
    if key is None:
        raise NotFound("Could not find node")
    return key


def _nodes(graph: ColumnGraph) -> list[ColumnNode]:
    nodes = {
        key: _node(key, inputs, graph)
        for key, inputs in graph.columns.items()
        if key.field != WHOLE
    }
    for key, inputs in graph.columns.items():
        for each in inputs:
            source = nodes.get(ColumnId(each.namespace, each.dataset, each.field))
            if source is not None and key in nodes:
                source.out_edges.append(GraphEdge(source.id, nodes[key].id))
                nodes[key].in_edges.append(GraphEdge(nodes[key].id, source.id))
    return sorted(nodes.values(), key=lambda node: node.id)


def _node(key: ColumnId, inputs: list[ColumnInput], graph: ColumnGraph) -> ColumnNode:
    first = inputs[0] if inputs else None
    data = ColumnData(
        key.namespace,
        key.dataset,
        None,
        key.field,
        graph.types.get(key),
        None if first is None else first.transformation_description,
        None if first is None else first.transformation_type,
        [_input(each) for each in inputs],
    )
    node_id = f"datasetField:{key.namespace}:{key.dataset}:{key.field}"
    return ColumnNode(node_id, "DATASET_FIELD", data, [], [])


def _input(each: ColumnInput) -> InputFieldData:
    return InputFieldData(
        each.namespace,
        each.dataset,
        None,
        each.field,
        each.transformation_description,
        each.transformation_type,
        each.transformation_subtype,
        each.masking,
    )
