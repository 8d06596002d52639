"""Job facets of the spec, to what :class:`hub.model.JobFacts` knows."""

from hub.openlineage.facets import Facet, Known, Reader
from hub.openlineage.lineage_facets import JOB_LINEAGE
from hub.openlineage.reading import Reading
from hub.openlineage.shapes import DOCUMENTATION, OWNERSHIP, TAGS


class _JobType(Facet, rename="camel"):
    processing_type: str
    integration: str
    job_type: str | None = None


class _Sql(Facet):
    query: str


class _SourceCode(Facet, rename="camel"):
    language: str
    source_code: str


class _SourceCodeLocation(Facet):
    type: str
    url: str


def _job_type(facet: _JobType, known: Known, reading: Reading) -> None:
    known["processing"] = reading.word(facet.processing_type, "processingType")
    known["integration"] = reading.word(facet.integration, "integration")
    known["kind"] = reading.maybe(facet.job_type, "jobType")


def _location(facet: _SourceCodeLocation, known: Known, reading: Reading) -> None:
    known["location"] = reading.word(facet.url, "url")


JOB_FACETS = {
    "jobType": Reader(_JobType, _job_type),
    "ownership": OWNERSHIP,
    "documentation": DOCUMENTATION,
    "tags": TAGS,
    "sql": Reader(_Sql),
    "sourceCode": Reader(_SourceCode),
    "sourceCodeLocation": Reader(_SourceCodeLocation, _location),
    "lineage": JOB_LINEAGE,
}
