"""Run facets of the spec, to what :class:`hub.model.RunFacts` knows."""

from msgspec import Raw, Struct

from hub.model import CheckStatus, Dependency, RunRef
from hub.openlineage.airflow import AIRFLOW_RUN
from hub.openlineage.answer import ANSWER
from hub.openlineage.dagster import DAGSTER_RUN
from hub.openlineage.errors import exception_class
from hub.openlineage.facets import Facet, Known, Reader
from hub.openlineage.reading import Reading
from hub.openlineage.shapes import TAGS, Result, WireName, WireRunId, check, entity
from hub.openlineage.spark import SPARK_RUN


class _NominalTime(Facet, rename="camel"):
    nominal_start_time: str
    nominal_end_time: str | None = None


class _Root(Struct, gc=False):
    run: WireRunId
    job: WireName


class _Parent(Facet):
    run: WireRunId
    job: WireName
    root: _Root | None = None


class _ErrorMessage(Facet, rename="camel"):
    message: str
    programming_language: str
    stack_trace: str | None = None


class _ProcessingEngine(Facet):
    version: str
    name: str | None = None


class _ExternalQuery(Facet, rename="camel"):
    external_query_id: str
    source: str


class _Dependency(Struct, gc=False):
    job: WireName
    run: WireRunId | None = None
    dependency_type: str | None = None


class _JobDependencies(Facet):
    upstream: list[_Dependency] | None = None
    downstream: list[_Dependency] | None = None


class _Execution(Result, kw_only=True):
    name: str
    status: str


class _Test(Facet):
    tests: list[_Execution]


class _ExtractionError(Facet, rename="camel"):
    total_tasks: int
    failed_tasks: int
    errors: list[dict[str, Raw]]


class _Variable(Struct, gc=False):
    name: str
    value: str


class _EnvironmentVariables(Facet, rename="camel"):
    environment_variables: list[_Variable]


class _Parameter(Struct, gc=False):
    key: str


class _ExecutionParameters(Facet):
    parameters: list[_Parameter] | None = None


def _nominal_time(facet: _NominalTime, known: Known, reading: Reading) -> None:
    known["nominal_start"] = reading.time(facet.nominal_start_time, "nominalStartTime")
    if facet.nominal_end_time is not None:
        known["nominal_end"] = reading.time(facet.nominal_end_time, "nominalEndTime")


def _parent(facet: _Parent, known: Known, reading: Reading) -> None:
    known["parent"] = _run_ref(facet, reading)
    if facet.root is not None:
        known["root"] = _run_ref(facet.root, reading, "root")


def _run_ref(ref: _Parent | _Root, reading: Reading, *below: str) -> RunRef:
    job = entity(ref.job, reading, *below, "job")
    return RunRef(job, reading.run_id(ref.run.run_id, job, *below, "run", "runId"))


def _error_message(facet: _ErrorMessage, known: Known, reading: Reading) -> None:
    known["error_message"] = reading.text(facet.message, "message")
    if name := exception_class(facet.stack_trace, facet.message):
        known["error_class"] = reading.word(name, "stackTrace")


def _processing_engine(facet: _ProcessingEngine, known: Known, reading: Reading) -> None:
    known["engine"] = reading.word(f"{facet.name or ''} {facet.version}".strip(), "version")


def _job_dependencies(facet: _JobDependencies, known: Known, reading: Reading) -> None:
    known["dependencies"] = tuple(
        _dependency(one, reading, side, i)
        for side, all_ in (("upstream", facet.upstream), ("downstream", facet.downstream))
        for i, one in enumerate(all_ or ())
    )


def _dependency(one: _Dependency, reading: Reading, side: str, index: int) -> Dependency:
    job = entity(one.job, reading, side, index, "job")
    run_id = None
    if one.run is not None:
        run_id = reading.run_id(one.run.run_id, job, side, index, "run", "runId")
    kind = reading.maybe(one.dependency_type, side, index, "dependency_type")
    return Dependency(job, side == "upstream", run_id, kind)


_STATUS = {
    "pass": CheckStatus.PASSED,
    "fail": CheckStatus.FAILED,
    "skip": CheckStatus.SKIPPED,
    "error": CheckStatus.FAILED,
    "success": CheckStatus.PASSED,
}


def _test(facet: _Test, known: Known, reading: Reading) -> None:
    known["checks"] = tuple(
        check(one, one.name, _status(one.status, reading, i), reading, "tests", i)
        for i, one in enumerate(facet.tests)
    )


def _status(word: str, reading: Reading, index: int) -> CheckStatus:
    for start, status in _STATUS.items():
        if word.lower().startswith(start):
            return status
    reading.warn("is neither pass, fail nor skip, taken as skip", "tests", index, "status")
    return CheckStatus.SKIPPED


RUN_FACETS = {
    "nominalTime": Reader(_NominalTime, _nominal_time),
    "parent": Reader(_Parent, _parent),
    "parentRun": Reader(_Parent, _parent, alias_of="parent"),
    "errorMessage": Reader(_ErrorMessage, _error_message),
    "processing_engine": Reader(_ProcessingEngine, _processing_engine),
    "processingEngine": Reader(_ProcessingEngine, _processing_engine, alias_of="processing_engine"),
    "jobDependencies": Reader(_JobDependencies, _job_dependencies),
    "tags": TAGS,
    "test": Reader(_Test, _test),
    "externalQuery": Reader(_ExternalQuery),
    "extractionError": Reader(_ExtractionError),
    "environmentVariables": Reader(_EnvironmentVariables),
    "executionParameters": Reader(_ExecutionParameters),
    **AIRFLOW_RUN,
    **DAGSTER_RUN,
    **ANSWER,
    **SPARK_RUN,
}
