"""Dataset facets of the spec, to what :class:`hub.model.DatasetFacts` knows."""

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Raw, Struct

from hub.errors import BadInput
from hub.model import CheckStatus, EntityName, Field
from hub.openlineage.dagster import DAGSTER_DATASET
from hub.openlineage.facets import Facet, Known, Reader
from hub.openlineage.faults import Phrase
from hub.openlineage.lineage_facets import COLUMN_LINEAGE, DATASET_LINEAGE
from hub.openlineage.reading import Reading
from hub.openlineage.shapes import DOCUMENTATION, OWNERSHIP, TAGS, Result, WireName, check, entity


class _Column(Struct, gc=False):
    name: str
    type: str | None = None
    description: str | None = None
    fields: "list[_Column] | None" = None


class _Schema(Facet):
    fields: list[_Column] | None = None


class _DataSource(Facet):
    name: str | None = None
    uri: str | None = None


class _LifecycleStateChange(Facet, rename="camel"):
    lifecycle_state_change: Literal["ALTER", "CREATE", "DROP", "OVERWRITE", "RENAME", "TRUNCATE"]
    previous_identifier: WireName | None = None


class _Version(Facet, rename="camel"):
    dataset_version: str


class _DatasetType(Facet, rename="camel"):
    dataset_type: str
    sub_type: str | None = None


class _Identifier(WireName):
    type: str


class _Symlinks(Facet):
    identifiers: list[_Identifier] | None = None


class _Storage(Facet, rename="camel"):
    storage_layer: str
    file_format: str | None = None


class _Catalog(Facet):
    framework: str
    type: str
    name: str


class _Level(Struct, gc=False):
    type: str
    name: str


class _Hierarchy(Facet):
    hierarchy: list[_Level]


class _Metrics(Facet, rename="camel"):
    column_metrics: dict[str, dict[str, Raw]] | None = None
    row_count: int | float | None = None
    bytes: int | float | None = None
    file_count: int | float | None = None


class _Statistics(Facet, rename="camel"):
    row_count: int | float | None = None
    size: int | float | None = None
    file_count: int | float | None = None


class _Assertion(Result, kw_only=True):
    assertion: str
    success: bool
    name: str | None = None
    column: str | None = None
    status: str | None = None


class _Assertions(Facet):
    assertions: list[_Assertion]


class _Partition(Struct, gc=False):
    dimensions: dict[str, Any]
    identifier: str | None = None


class _Condition(Struct, gc=False):
    type: str
    partitions: list[_Partition] | None = None


class _InputSubset(Facet, rename="camel"):
    input_condition: _Condition


class _OutputSubset(Facet, rename="camel"):
    output_condition: _Condition


def _schema(facet: _Schema, known: Known, reading: Reading) -> None:
    if facet.fields is not None:
        known["fields"] = tuple(_columns(facet.fields, "", reading))


def _columns(columns: list[_Column], outer: str, reading: Reading) -> Iterator[Field]:
    for column in columns:
        name = reading.word(outer + column.name, "fields")
        told = column.description
        yield Field(
            name,
            reading.maybe(column.type, "fields", name, "type"),
            reading.text(told, "fields", name, "description") if told else None,
        )
        if column.fields:
            yield from _columns(column.fields, f"{name}.", reading)


def _data_source(facet: _DataSource, known: Known, reading: Reading) -> None:
    known["source_name"] = reading.maybe(facet.name, "name")
    known["source_uri"] = reading.maybe(facet.uri, "uri")


def _lifecycle(facet: _LifecycleStateChange, known: Known, reading: Reading) -> None:
    known["lifecycle"] = facet.lifecycle_state_change
    if facet.previous_identifier is not None:
        known["previous_name"] = entity(facet.previous_identifier, reading, "previousIdentifier")


def _version(facet: _Version, known: Known, reading: Reading) -> None:
    known["version"] = reading.word(facet.dataset_version, "datasetVersion")


def _dataset_type(facet: _DatasetType, known: Known, reading: Reading) -> None:
    known["kind"] = reading.word(facet.dataset_type, "datasetType")


def _symlinks(facet: _Symlinks, known: Known, reading: Reading) -> None:
    names: list[EntityName] = [
        entity(one, reading, "identifiers", i) for i, one in enumerate(facet.identifiers or ())
    ]
    known["symlinks"] = tuple(names)


def _metrics(facet: _Metrics, known: Known, reading: Reading) -> None:
    """columnMetrics is required, but the spec's own samples leave it out beside a rowCount."""
    if facet.column_metrics is None:
        if facet.row_count is None:
            raise BadInput(reading.path("columnMetrics"), Phrase("nothing"), "a value")
        reading.warn("is missing", "columnMetrics")
    rows, size, files = facet.row_count, facet.bytes, facet.file_count
    for count, value in _counts(reading, rowCount=rows, bytes=size, fileCount=files):
        known.setdefault(count, value)


def _statistics(facet: _Statistics, known: Known, reading: Reading) -> None:
    """What a run did itself wins over what metrics say."""
    rows, size, files = facet.row_count, facet.size, facet.file_count
    known.update(_counts(reading, rowCount=rows, size=size, fileCount=files))


_COUNTS = {"rowCount": "rows", "bytes": "bytes", "size": "bytes", "fileCount": "files"}


def _counts(reading: Reading, **counts: float | None) -> Iterator[tuple[str, int]]:
    for name, value in counts.items():
        if (count := reading.count(value, name)) is not None:
            yield _COUNTS[name], count


def _assertions(facet: _Assertions, known: Known, reading: Reading) -> None:
    """dbt tells the same in `facets` and in `inputFacets`; told once it is enough."""
    checks = (
        check(
            one,
            one.name or one.assertion,
            _status(one),
            reading,
            "assertions",
            i,
            column=one.column,
        )
        for i, one in enumerate(facet.assertions)
    )
    known["checks"] = tuple(dict.fromkeys((*known.get("checks", ()), *checks)))


def _status(one: _Assertion) -> CheckStatus:
    """The spec knows no assertion that was skipped; what the hub makes itself says `status`."""
    if one.status == "skip":
        return CheckStatus.SKIPPED
    return CheckStatus.PASSED if one.success else CheckStatus.FAILED


def _misplaced_assertions(facet: _Assertions, known: Known, reading: Reading) -> None:
    reading.warn("belongs into inputFacets")
    _assertions(facet, known, reading)


def _input_subset(facet: _InputSubset, known: Known, reading: Reading) -> None:
    _partition(facet.input_condition, known, reading, "inputCondition")


def _output_subset(facet: _OutputSubset, known: Known, reading: Reading) -> None:
    _partition(facet.output_condition, known, reading, "outputCondition")


def _partition(condition: _Condition, known: Known, reading: Reading, name: str) -> None:
    """A subset of exactly one partition gives its key: `country=PL/date=2026-01-01`."""
    if condition.type == "partition" and condition.partitions and len(condition.partitions) == 1:
        one = condition.partitions[0]
        key = "/".join(f"{name}={value}" for name, value in sorted(one.dimensions.items()))
        if key := key or one.identifier or "":
            known["partition"] = reading.word(key, name, "partitions", 0)


DATASET_FACETS = {
    "schema": Reader(_Schema, _schema, cleared={"fields": ()}),
    "dataSource": Reader(_DataSource, _data_source),
    "documentation": DOCUMENTATION,
    "ownership": OWNERSHIP,
    "tags": TAGS,
    "lifecycleStateChange": Reader(_LifecycleStateChange, _lifecycle),
    "version": Reader(_Version, _version),
    "datasetType": Reader(_DatasetType, _dataset_type),
    "symlinks": Reader(_Symlinks, _symlinks, cleared={"symlinks": ()}),
    "storage": Reader(_Storage),
    "catalog": Reader(_Catalog),
    "hierarchy": Reader(_Hierarchy),
    "columnLineage": COLUMN_LINEAGE,
    "lineage": DATASET_LINEAGE,
    "dataQualityMetrics": Reader(_Metrics, _metrics),
    "dataQualityAssertions": Reader(_Assertions, _misplaced_assertions),
    **DAGSTER_DATASET,
}

INPUT_FACETS = {
    "dataQualityMetrics": DATASET_FACETS["dataQualityMetrics"],
    "dataQualityAssertions": Reader(_Assertions, _assertions),
    "inputStatistics": Reader(_Statistics, _statistics),
    "subset": Reader(_InputSubset, _input_subset),
}

OUTPUT_FACETS = {
    "dataQualityAssertions": INPUT_FACETS["dataQualityAssertions"],
    "outputStatistics": Reader(_Statistics, _statistics),
    "subset": Reader(_OutputSubset, _output_subset),
}
