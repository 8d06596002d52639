"""Column lineage: what stands behind each column, and the graph of columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, Select, select

from hub.model import Direction, Viewer
from hub.store.reading import among, dataset_seen, json_list, kept_per_viewer
from hub.store.tables import column_edge, dataset, dataset_schema, edge, namespace
from hub.store.views import ColumnInput, ColumnLineage

_to, _from = dataset.alias("to_dataset"), dataset.alias("from_dataset")
_to_space, _from_space = namespace.alias("to_space"), namespace.alias("from_space")
WHOLE = ""


class ColumnId(Struct, frozen=True, order=True):
    """A column as node of the graph; the empty field is the dataset as a whole."""

    namespace: str
    dataset: str
    field: str


class ColumnGraph(Struct, frozen=True):
    """Columns with what stands directly behind each; `truncated`: more than the limit."""

    columns: dict[ColumnId, list[ColumnInput]]
    types: dict[ColumnId, str | None]
    truncated: bool


def column_lineage_of(
    connection: Connection, viewer: Viewer, dataset_ids: Iterable[int]
) -> dict[int, list[ColumnLineage]]:
    """What stands behind the columns of each dataset that has column lineage."""
    found: dict[int, dict[str, list[ColumnInput]]] = defaultdict(lambda: defaultdict(list))
    for row in among(connection, _edges(viewer), column_edge.c.dataset_id, dataset_ids):
        found[row.dataset_id][row.to_field].append(_input(row))
    return {key: _lineage(columns) for key, columns in found.items()}


def _lineage(columns: dict[str, list[ColumnInput]]) -> list[ColumnLineage]:
    return [
        ColumnLineage(
            name, inputs, inputs[0].transformation_description, inputs[0].transformation_type
        )
        for name, inputs in sorted(columns.items())
    ]


@kept_per_viewer
def _edges(viewer: Viewer) -> Select[Any]:
    return (
        select(
            column_edge,
            _to_space.c.name.label("to_namespace"),
            _to.c.name.label("to_name"),
            _from_space.c.name.label("from_namespace"),
            _from.c.name.label("from_name"),
        )
        .join(_to, _to.c.id == column_edge.c.dataset_id)
        .join(_to_space, _to_space.c.id == _to.c.namespace_id)
        .join(_from, _from.c.id == column_edge.c.from_dataset_id)
        .join(_from_space, _from_space.c.id == _from.c.namespace_id)
        .where(dataset_seen(viewer, _to), dataset_seen(viewer, _from))
    )


def _input(row: Row[Any]) -> ColumnInput:
    return ColumnInput(
        row.from_namespace,
        row.from_name,
        row.from_field,
        row.description,
        row.kind or None,
        row.subtype or None,
        row.masking,
    )


# -- the graph ---------------------------------------------------------------------------------


class _Walk:
    """A walk over columns, level by level; each dataset's edges are loaded once."""

    def __init__(self, connection: Connection, viewer: Viewer, limit: int) -> None:
        self.connection = connection
        self.edges = _edges(viewer)
        self.limit = limit
        self.columns: dict[ColumnId, dict[ColumnInput, None]] = {}
        self.datasets: set[int] = set()
        self.truncated = False

    def up(self, dataset_ids: set[int], wanted: set[ColumnId] | None, depth: int) -> None:
        """What stands behind the wanted columns (None: all) of the datasets."""
        loaded: dict[int, Sequence[Row[Any]]] = {}
        for _ in range(depth):
            rows = self._behind(dataset_ids, loaded)
            rows = [row for row in rows if wanted is None or _touches(row, wanted)]
            taken = [row for row in rows if self._take(row, wanted)]
            wanted = {_source(row) for row in taken}
            dataset_ids = {row.from_dataset_id for row in taken}
            if not taken:
                return

    def _behind(
        self, dataset_ids: set[int], loaded: dict[int, Sequence[Row[Any]]]
    ) -> list[Row[Any]]:
        missing = dataset_ids - loaded.keys()
        found = defaultdict(list)
        for row in among(self.connection, self.edges, column_edge.c.dataset_id, missing):
            found[row.dataset_id].append(row)
        loaded.update({key: found[key] for key in missing})
        return [row for key in dataset_ids for row in loaded[key]]

    def down(self, dataset_ids: set[int], wanted: set[ColumnId] | None, depth: int) -> None:
        """What the wanted columns (None: all) of the datasets stand behind."""
        for _ in range(depth):
            rows = among(self.connection, self.edges, column_edge.c.from_dataset_id, dataset_ids)
            if wanted is not None:
                rows = [row for row in rows if _source(row) in wanted]
            taken = [row for row in rows if self._take(row, None)]
            wanted = {_target(row) for row in taken}
            dataset_ids = {row.dataset_id for row in taken}
            if not taken:
                return

    def _take(self, row: Row[Any], wanted: set[ColumnId] | None) -> bool:
        """Adds an edge; False for one that was known or finds no room."""
        new = False
        for target in _targets(row, wanted):
            if len(self.columns) >= self.limit and target not in self.columns:
                self.truncated = True
                continue
            held = self.columns.setdefault(target, {})
            new |= _input(row) not in held
            held[_input(row)] = None
        self.datasets |= {row.dataset_id, row.from_dataset_id}
        return new


def _source(row: Row[Any]) -> ColumnId:
    return ColumnId(row.from_namespace, row.from_name, row.from_field)


def _target(row: Row[Any]) -> ColumnId:
    return ColumnId(row.to_namespace, row.to_name, row.to_field)


def _targets(row: Row[Any], wanted: set[ColumnId] | None) -> list[ColumnId]:
    """The columns an edge ends in; one for every column ends in those that are asked for."""
    if row.to_field != WHOLE or wanted is None:
        return [_target(row)]
    return [each for each in wanted if (each.namespace, each.dataset) == _dataset_of(row)]


def _touches(row: Row[Any], wanted: set[ColumnId]) -> bool:
    return bool(_target(row) in wanted or _targets(row, wanted) != [_target(row)])


def _dataset_of(row: Row[Any]) -> tuple[str, str]:
    return row.to_namespace, row.to_name


def column_graph(
    connection: Connection,
    viewer: Viewer,
    dataset_ids: set[int],
    fields: set[ColumnId] | None,
    *,
    depth: int,
    downstream: bool,
    limit: int,
) -> ColumnGraph:
    """The columns behind those asked for (`fields` None: all of the datasets).

    `depth` counts edges. With `downstream` also the columns that they stand behind.
    """
    walk = _Walk(connection, viewer, limit)
    if fields is None:
        fields = columns_of(connection, viewer, dataset_ids)
    walk.up(dataset_ids, fields, depth)
    if downstream:
        walk.down(dataset_ids, fields, depth)
    columns = {key: list(inputs) for key, inputs in walk.columns.items()}
    for each in [each for inputs in columns.values() for each in inputs]:
        columns.setdefault(ColumnId(each.namespace, each.dataset, each.field), [])
    types = _types(connection, viewer, dataset_ids | walk.datasets)
    return ColumnGraph(columns, types, walk.truncated)


def outputs_of(connection: Connection, job_id: int) -> set[int]:
    """The datasets that a job writes."""
    statement = select(edge.c.dataset_id).where(
        edge.c.job_id == job_id, edge.c.direction == Direction.OUTPUT
    )
    return set(connection.scalars(statement))


def columns_of(connection: Connection, viewer: Viewer, dataset_ids: set[int]) -> set[ColumnId]:
    """The columns of the datasets, those that only lineage knows of too."""
    targets = among(connection, _edges(viewer), column_edge.c.dataset_id, dataset_ids)
    sources = among(connection, _edges(viewer), column_edge.c.from_dataset_id, dataset_ids)
    told = {_target(row) for row in targets} | {_source(row) for row in sources}
    known = told | _types(connection, viewer, dataset_ids).keys()
    return {each for each in known if each.field != WHOLE}


def _types(
    connection: Connection, viewer: Viewer, dataset_ids: set[int]
) -> dict[ColumnId, str | None]:
    statement = (
        select(namespace.c.name, dataset.c.name, dataset_schema.c.fields)
        .join(dataset, dataset.c.namespace_id == namespace.c.id)
        .join(dataset_schema, dataset_schema.c.id == dataset.c.schema_id)
        .where(dataset_seen(viewer))
    )
    return {
        ColumnId(space, name, field): kind
        for space, name, fields in among(connection, statement, dataset.c.id, dataset_ids)
        for field, kind, _ in json_list(fields)
    }
