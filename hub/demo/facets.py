"""OpenLineage JSON of the spec's facets and of whole events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

Json = dict[str, Any]

_CORE: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_FACETS: Final = "https://openlineage.io/spec/facets/"
_SCHEMAS: Final = {
    "catalog": "1-1-0/CatalogDatasetFacet",
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "dataQualityAssertions": "1-1-0/DataQualityAssertionsDatasetFacet",
    "dataQualityMetrics": "1-0-3/DataQualityMetricsInputDatasetFacet",
    "dataSource": "1-0-1/DatasourceDatasetFacet",
    "datasetType": "1-0-1/DatasetTypeDatasetFacet",
    "documentation": "1-1-0/DocumentationJobFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "executionParameters": "1-0-0/ExecutionParametersRunFacet",
    "inputStatistics": "1-0-0/InputStatisticsInputDatasetFacet",
    "jobDependencies": "1-0-1/JobDependenciesRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "lifecycleStateChange": "1-0-1/LifecycleStateChangeDatasetFacet",
    "nominalTime": "1-0-1/NominalTimeRunFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "ownership": "1-0-1/OwnershipJobFacet",
    "parent": "1-2-0/ParentRunFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "schema": "1-2-0/SchemaDatasetFacet",
    "sourceCodeLocation": "1-1-0/SourceCodeLocationJobFacet",
    "sql": "1-1-0/SQLJobFacet",
    "storage": "1-0-1/StorageDatasetFacet",
    "subset": "1-0-0/BaseSubsetDatasetFacet",
    "symlinks": "1-0-1/SymlinksDatasetFacet",
    "tags": "1-0-0/TagsJobFacet",
    "test": "1-0-1/TestRunFacet",
}
#: Facets whose schema has another name on datasets than on jobs.
_OF_DATASETS: Final = {
    "documentation": "1-1-0/DocumentationDatasetFacet",
    "ownership": "1-0-1/OwnershipDatasetFacet",
    "tags": "1-0-0/TagsDatasetFacet",
}


def iso(at: datetime) -> str:
    return at.isoformat()


def facet(producer: str, name: str, /, **content: Any) -> Json:
    """A facet of the spec on a run or job, or one of a vendor's own."""
    return _facet(producer, _SCHEMAS.get(name), content)


def dataset_facet(producer: str, name: str, /, **content: Any) -> Json:
    """A facet of the spec on a dataset."""
    return _facet(producer, _OF_DATASETS.get(name) or _SCHEMAS[name], content)


def _facet(producer: str, schema: str | None, content: Json) -> Json:
    url = f"{_CORE}RunFacet"
    if schema is not None:
        url = f"{_FACETS}{schema}.json#/$defs/{schema.partition('/')[2]}"
    return {"_producer": producer, "_schemaURL": url, **content}


def run_event(
    producer: str,
    kind: str,
    at: datetime,
    run: Json,
    job: Json,
    inputs: Sequence[Json] = (),
    outputs: Sequence[Json] = (),
) -> Json:
    return {
        "eventType": kind,
        "eventTime": iso(at),
        "run": run,
        "job": job,
        "inputs": list(inputs),
        "outputs": list(outputs),
        "producer": producer,
        "schemaURL": f"{_CORE}RunEvent",
    }


def static_event(producer: str, kind: str, at: datetime, **content: Any) -> Json:
    """A JobEvent or DatasetEvent."""
    stamp = {"producer": producer, "schemaURL": _CORE + kind}
    return {"eventTime": iso(at), **content, **stamp}
