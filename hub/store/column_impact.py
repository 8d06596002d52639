"""Which columns derive from some columns of a dataset, however far downstream."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct
from sqlalchemy import Connection, select

from hub.model import Viewer
from hub.store.reading import among, dataset_seen
from hub.store.tables import column_edge, dataset, namespace
from hub.store.views import View

#: Columns that are kept, the nearest.
KEPT = 200
_WHOLE = ""
_EDGES = select(
    column_edge.c.from_dataset_id,
    column_edge.c.from_field,
    column_edge.c.dataset_id,
    column_edge.c.to_field,
)

Column = tuple[int, str]
"""A dataset's id and a field; "" is the dataset as a whole."""


class Below(Struct, frozen=True):
    """Columns, the nearest first. `truncated`: there are more."""

    columns: list[Column] = []
    truncated: bool = False


class ColumnView(View, frozen=True):
    """A column of a dataset; None: the dataset as a whole."""

    namespace: str
    dataset: str
    field: str | None


def columns_below(connection: Connection, dataset_id: int, fields: Collection[str]) -> Below:
    """What derives from the columns, and so on; without those of the dataset itself."""
    found: dict[Column, None] = {}
    level = {(dataset_id, field) for field in fields}
    while level and len(found) <= KEPT:
        rows = among(connection, _EDGES, column_edge.c.from_dataset_id, {one[0] for one in level})
        reached = {(row.dataset_id, row.to_field) for row in rows if _reads(row, level)}
        level = {one for one in reached if one not in found and one[0] != dataset_id}
        found |= dict.fromkeys(sorted(level))
    return Below(list(found)[:KEPT], len(found) > KEPT)


def _reads(row: Column, level: Collection[Column]) -> bool:
    """Whether the edge begins at one of the columns; from a whole dataset all its edges do."""
    return (row[0], row[1]) in level or (row[0], _WHOLE) in level


def columns_named(
    connection: Connection, viewer: Viewer, columns: Iterable[Column]
) -> list[ColumnView]:
    """The columns by name, as far as the viewer may see them."""
    listed = list(columns)
    statement = (
        select(dataset.c.id, namespace.c.name.label("space"), dataset.c.name)
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .where(dataset_seen(viewer))
    )
    names = {
        row.id: (row.space, row.name)
        for row in among(connection, statement, dataset.c.id, {one[0] for one in listed})
    }
    return [ColumnView(*names[key], field or None) for key, field in listed if key in names]
