"""Column lineage, old (`columnLineage` 1-2-0) and new (`lineage` 1-0-0), to edges between columns."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from hub.model import ColumnEdge, EntityName
from hub.openlineage.facets import Facet, Known, Reader
from hub.openlineage.reading import Reading

Spot = tuple[str | int, ...]


class _Transformation(Struct, gc=False):
    type: str
    subtype: str | None = None
    description: str | None = None
    masking: bool | None = None


class _InputField(Struct, gc=False):
    namespace: str
    name: str
    field: str
    transformations: list[_Transformation] | None = None


class _Column(Struct, gc=False, rename="camel"):
    input_fields: list[_InputField]
    transformation_type: str | None = None
    transformation_description: str | None = None


class _ColumnLineage(Facet):
    fields: dict[str, _Column]
    dataset: list[_InputField] | None = None


class _LineageInput(Struct, gc=False):
    """A dataset, or a job (type JOB), whose part in lineage the job's own edges tell."""

    type: str
    namespace: str | None = None
    name: str | None = None
    field: str | None = None
    transformations: list[_Transformation] | None = None


class _LineageColumn(Struct, gc=False):
    inputs: list[_LineageInput]


class _Entry(Struct, gc=False):
    type: str
    namespace: str | None = None
    name: str | None = None
    inputs: list[_LineageInput] | None = None
    fields: dict[str, _LineageColumn] | None = None


class _JobLineage(Facet):
    entries: list[_Entry]


class _DatasetLineage(Facet):
    inputs: list[_LineageInput] | None = None
    fields: dict[str, _LineageColumn] | None = None


def _column_lineage(facet: _ColumnLineage, known: Known, reading: Reading) -> None:
    edges: list[ColumnEdge] = []
    for name, column in facet.fields.items():
        to = reading.word(name, "fields", name)
        old = _old_transformation(column)
        for i, source in enumerate(column.input_fields):
            at = ("fields", name, "inputFields", i)
            edges += _edges(to, source, source.transformations or old, reading, at)
    for i, source in enumerate(facet.dataset or ()):
        edges += _edges(None, source, source.transformations or (), reading, ("dataset", i))
    known["column_lineage"] = known.get("column_lineage", ()) + tuple(edges)


def _old_transformation(column: _Column) -> tuple[_Transformation, ...]:
    """Before 1-1-0 the column, not each of its inputs, told how it came about."""
    kind, told = column.transformation_type, column.transformation_description
    if not kind and not told:
        return ()
    return (
        _Transformation("DIRECT", kind or None, told or None, True if kind == "MASKED" else None),
    )


def _edges(
    to: str | None,
    source: _InputField | _LineageInput,
    transformations: Iterable[_Transformation],
    reading: Reading,
    at: Spot,
) -> Iterator[ColumnEdge]:
    """One edge per transformation, at least one."""
    dataset = reading.entity(source.namespace or "", source.name or "", *at)
    column = reading.maybe(source.field, *at, "field")
    told = False
    for one in transformations:
        told = True
        yield ColumnEdge(
            to,
            dataset,
            column,
            reading.word(one.type, *at, "transformations"),
            reading.maybe(one.subtype, *at, "transformations"),
            reading.text(one.description, *at, "transformations") if one.description else None,
            one.masking,
        )
    if not told:
        yield ColumnEdge(to, dataset, column)


def _dataset_lineage(facet: _DatasetLineage, known: Known, reading: Reading) -> None:
    known["column_lineage"] = known.get("column_lineage", ()) + tuple(
        _explicit(facet.inputs, facet.fields, reading, ())
    )


def _explicit(
    inputs: list[_LineageInput] | None,
    fields: dict[str, _LineageColumn] | None,
    reading: Reading,
    at: Spot,
) -> Iterator[ColumnEdge]:
    for i, source in enumerate(inputs or ()):
        if source.type == "DATASET":
            yield from _edges(
                None, source, source.transformations or (), reading, (*at, "inputs", i)
            )
    for name, column in (fields or {}).items():
        to = reading.word(name, *at, "fields", name)
        for i, source in enumerate(column.inputs):
            if source.type == "DATASET":
                spot = (*at, "fields", name, "inputs", i)
                yield from _edges(to, source, source.transformations or (), reading, spot)


def _job_lineage(facet: _JobLineage, known: Known, reading: Reading) -> None:
    targets: dict[EntityName, tuple[ColumnEdge, ...]] = {}
    for i, entry in enumerate(facet.entries):
        if entry.type == "DATASET":
            at = ("entries", i)
            name = reading.entity(entry.namespace or "", entry.name or "", *at)
            edges = tuple(_explicit(entry.inputs, entry.fields, reading, at))
            targets[name] = targets.get(name, ()) + edges
    known["lineage"] = targets


COLUMN_LINEAGE = Reader(_ColumnLineage, _column_lineage, cleared={"column_lineage": ()})
DATASET_LINEAGE = Reader(_DatasetLineage, _dataset_lineage, cleared={"column_lineage": ()})
JOB_LINEAGE = Reader(_JobLineage, _job_lineage)
