"""What OpenLineage's integration with Spark says beyond the spec, and how it is to be taken.

Of a SQL action that fails it tells FAIL when its Spark job fails, and COMPLETE when the action is over:
the failure stands. Of an RDD's job that writes nothing it tells the START and a FAIL, but no success:
such a START says nothing about the state, or it would run for ever.
"""

from typing import Final

from msgspec.structs import replace

from hub.model import DatasetFacts, Direction, EventType, JobFacts, RunFacts
from hub.openlineage.errors import exception_class
from hub.openlineage.facets import Facet, Known, Reader
from hub.openlineage.reading import Reading

_INTEGRATION: Final = "SPARK"
_RDD: Final = "RDD_JOB"


class _Exception(Facet, rename="camel"):
    message: str | None = None
    stack_trace: str | None = None


def _exception(facet: _Exception, known: Known, reading: Reading) -> None:
    """Unless the facet of the spec tells it as well."""
    if facet.message and "error_message" not in known:
        known["error_message"] = reading.text(facet.message, "message")
        if name := exception_class(_first(facet.stack_trace), facet.message):
            known["error_class"] = reading.word(name, "stackTrace")


def _first(stack_trace: str | None) -> str | None:
    """The exception itself: what it suppressed, and where it was thrown again, comes after."""
    return stack_trace.partition("\n")[0] if stack_trace else None


def as_spark_means(
    kind: EventType, job: JobFacts, run: RunFacts, datasets: list[DatasetFacts]
) -> RunFacts:
    """The run as it is to be taken."""
    if job.integration != _INTEGRATION:
        return run
    if kind is EventType.FAIL:
        return replace(run, failure_stands=True)
    writes = any(one.direction is Direction.OUTPUT for one in datasets)
    return replace(run, unended=True) if job.kind == _RDD and not writes else run


SPARK_RUN = {"spark.exception": Reader(_Exception, _exception, foreign=True)}
