"""What happened to assets in a run: materializations, observations, results of checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, field

from adapters.dagster.events import Place, dataset, dataset_event, facet, own_facet
from adapters.dagster.graphql import GraphQL, in_chunks
from adapters.dagster.queries import reports
from adapters.dagster.wire import (
    INPUT_TAG,
    VERSION_TAG,
    AssetEvent,
    Evaluation,
    Key,
    Metadata,
    Typed,
    from_millis,
    iso,
    moment,
)
from hub.ports import Json

AT_ONCE: Final = 10
ROWS: Final = ("dagster/partition_row_count", "dagster/row_count")
_SCHEMA_LABELS: Final = ("dagster/column_schema", "schema")


def output(found: AssetEvent, place: Place) -> Json | None:
    """A materialization as a dataset that was written."""
    if found.asset_key is None:
        return None
    facets = {"hub_dagster_asset": _asset_facet(found)} | described(found.metadata_entries, place)
    rows = _rows(found.metadata_entries)
    io_facets = {}
    if rows is not None:
        io_facets["outputStatistics"] = facet(
            "1-0-2/OutputStatisticsOutputDatasetFacet", rowCount=rows
        )
    return dataset(place, found.asset_key.name, facets=facets, outputFacets=io_facets)


def observed(found: AssetEvent, place: Place) -> Json | None:
    """An observation as a dataset that was looked at."""
    if found.asset_key is None:
        return None
    facets, rows = {"hub_dagster_asset": _asset_facet(found)}, _rows(found.metadata_entries)
    io_facets = {}
    if rows is not None:
        io_facets["inputStatistics"] = facet(
            "1-0-0/InputStatisticsInputDatasetFacet", rowCount=rows
        )
    return dataset(place, found.asset_key.name, facets=facets, inputFacets=io_facets)


def inputs_of(found: Iterable[AssetEvent], place: Place) -> list[Json]:
    """What was read for materializations: Dagster notes for each asset which event it came from."""
    names = {
        tag.key.removeprefix(INPUT_TAG)
        for one in found
        for tag in one.tags
        if tag.key.startswith(INPUT_TAG)
    }
    return [dataset(place, name) for name in sorted(names)]


def checked(found: Iterable[Evaluation], place: Place) -> list[Json]:
    """Results of checks, by the dataset (partition) they are about."""
    about: defaultdict[tuple[str, str | None], list[Evaluation]] = defaultdict(list)
    for one in found:
        about[one.asset_key.name, one.partition].append(one)
    return [
        _checked(place, name, partition, results)
        for (name, partition), results in sorted(about.items(), key=lambda it: str(it[0]))
    ]


def _checked(place: Place, name: str, partition: str | None, results: Sequence[Evaluation]) -> Json:
    told = facet(
        "1-0-1/DataQualityAssertionsDatasetFacet",
        assertions=[_assertion(one) for one in sorted(results, key=lambda it: it.check_name)],
    )
    facets = {"hub_dagster_asset": own_facet("asset", partition=partition)} if partition else None
    return dataset(place, name, facets=facets, inputFacets={"dataQualityAssertions": told})


def _assertion(result: Evaluation) -> Json:
    told: Json = {"assertion": result.check_name, "success": result.success}
    if result.severity:
        told["severity"] = result.severity.lower()
    if result.description:
        told["actual"] = result.description[:500]
    return told


def described(entries: Sequence[Metadata], place: Place) -> dict[str, Json]:
    """Columns and where they come from, as far as metadata tells."""
    facets: dict[str, Json] = {}
    if columns := _columns(entries):
        facets["schema"] = facet("1-1-1/SchemaDatasetFacet", fields=columns)
    sources = next((entry.lineage for entry in entries if entry.lineage is not None), None)
    if sources:
        told = {
            one.column_name: {
                "inputFields": [
                    {
                        "namespace": place.namespace,
                        "name": source.asset_key.name,
                        "field": source.column_name,
                    }
                    for source in one.column_deps
                ]
            }
            for one in sources
        }
        facets["columnLineage"] = facet("1-2-0/ColumnLineageDatasetFacet", fields=told)
    return facets


def _columns(entries: Sequence[Metadata]) -> list[Json]:
    """Of the label that Dagster reserves for it, else of any."""
    told = {entry.label: entry.schema for entry in entries if entry.schema is not None}
    chosen = next((told[label] for label in _SCHEMA_LABELS if label in told), None)
    schema = chosen or next(iter(told.values()), None)
    return [_column(c.name, c.type, c.description) for c in schema.columns] if schema else []


def _column(name: str, kind: str | None, description: str | None) -> Json:
    told = {"name": name, "type": kind, "description": description}
    return {key: value for key, value in told.items() if value}


def _asset_facet(found: AssetEvent) -> Json:
    at = from_millis(found.timestamp)
    version = next((tag.value for tag in found.tags if tag.key == VERSION_TAG), None)
    return own_facet(
        "asset",
        partition=found.partition,
        materializedAt=iso(at) if at else None,
        dataVersion=version,
    )


def _rows(entries: Sequence[Metadata]) -> int | None:
    told = {entry.label: entry.number for entry in entries if entry.label in ROWS}
    counts = (told.get(label) for label in ROWS)
    return next((count for count in counts if count is not None and count >= 0), None)


class _Execution(Struct, frozen=True, rename="camel"):
    run_id: str = ""
    evaluation: Evaluation | None = None


class _Check(Struct, frozen=True):
    latest: _Execution | None = field(name="executionForLatestMaterialization", default=None)


class _Checks(Typed, frozen=True):
    checks: list[_Check] = field(default_factory=list)


class _Definition(Struct, frozen=True):
    checks: _Checks = field(name="assetChecksOrError", default=_Checks())


class _Reported(Typed, frozen=True):
    materializations: list[AssetEvent] = field(name="assetMaterializations", default_factory=list)
    observations: list[AssetEvent] = field(name="assetObservations", default_factory=list)
    definition: _Definition | None = None


def reported(
    graphql: GraphQL, keys: Iterable[Sequence[str]], since: datetime, place: Place
) -> list[Json]:
    """What was reported from outside and belongs to no run of Dagster."""
    after = str(int(since.timestamp() * 1000))
    events: list[Json] = []
    for chunk in in_chunks(keys, AT_ONCE):
        variables: dict[str, object] = {"after": after}
        variables |= {f"key{i}": {"path": list(path)} for i, path in enumerate(chunk)}
        answer, _ = graphql.query(reports(len(chunk)), dict[str, _Reported], variables)
        for i, path in enumerate(chunk):
            found = answer.get(f"asset{i}", _Reported())
            events += _written(Key(tuple(path)), found.materializations, place)
            events += _looked_at(found.observations, place)
            events += _judged(found.definition or _Definition(), since, place)
    return events


def _written(key: Key, found: Iterable[AssetEvent], place: Place) -> Iterator[Json]:
    for one in found:
        at = from_millis(one.timestamp)
        if one.run_id or at is None:
            continue
        change = facet("1-0-1/LifecycleStateChangeDatasetFacet", lifecycleStateChange="OVERWRITE")
        facets = {"lifecycleStateChange": change, "hub_dagster_asset": _asset_facet(one)}
        facets |= described(one.metadata_entries, place)
        yield dataset_event(at, dataset(place, key.name, facets=facets))


def _looked_at(found: Iterable[AssetEvent], place: Place) -> Iterator[Json]:
    for one in found:
        at, about = from_millis(one.timestamp), observed(one, place)
        if not one.run_id and at is not None and about is not None:
            yield dataset_event(at, about)


def _judged(asset: _Definition, since: datetime, place: Place) -> Iterator[Json]:
    latest = (check.latest for check in asset.checks.checks)
    for result in (one.evaluation for one in latest if one is not None and not one.run_id):
        at = moment(result.timestamp) if result is not None else None
        if result is not None and at is not None and at >= since:
            yield dataset_event(at, checked([result], place)[0])
