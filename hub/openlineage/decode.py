"""`decode_event`: one OpenLineage event to the model."""

from collections.abc import Iterable, Iterator

import msgspec

from hub.errors import BadInput
from hub.model import (
    ColumnEdge,
    DatasetFacts,
    Dependency,
    Direction,
    EntityName,
    EventType,
    JobFacts,
    LineageEvent,
    RunFacts,
    RunRef,
    Schedule,
)
from hub.openlineage.dagster import read_tags
from hub.openlineage.dataset_facets import DATASET_FACETS, INPUT_FACETS, OUTPUT_FACETS
from hub.openlineage.facets import Known, read_facets
from hub.openlineage.faults import Phrase, fault
from hub.openlineage.job_facets import JOB_FACETS
from hub.openlineage.reading import Reading
from hub.openlineage.run_facets import RUN_FACETS
from hub.openlineage.spark import as_spark_means
from hub.openlineage.wire import (
    EVENT,
    WireDataset,
    WireEvent,
    WireJob,
    WireRun,
    without_nan,
    without_poison,
)

Edges = dict[EntityName, tuple[ColumnEdge, ...]]

_EVENT_TYPES = {kind.value: kind for kind in EventType}


def decode_event(raw: bytes) -> LineageEvent:
    """What the event says; BadInput with the JSON path if it can't be understood."""
    try:
        raw.decode()  # msgspec does not look into what it skips
        clean = without_poison(raw)
        reading = Reading(replaced=clean is not raw)
        return _event(_parse(clean, reading), reading)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise fault(error, EVENT, raw, ()) from None


def _parse(raw: bytes, reading: Reading) -> WireEvent:
    try:
        return EVENT.decode(raw)
    except msgspec.DecodeError:
        finite = without_nan(raw)
        if finite is None:
            raise
    event = EVENT.decode(finite)
    reading.warn("NaN or Infinity, which are not JSON, taken as null")
    return event


def _event(event: WireEvent, reading: Reading) -> LineageEvent:
    time = reading.time(event.event_time, "eventTime")
    if event.producer is None:
        reading.warn("is missing", "producer")
    if event.schema_url is None:
        reading.warn("is missing", "schemaURL")
    job, run, edges = _job_and_run(event, reading)
    datasets = list(_datasets(event, reading))
    if job is not None and run is not None:
        run = as_spark_means(reading.event_type, job, run, datasets)
    return LineageEvent(
        time,
        reading.event_type,
        reading.word(event.producer or "", "producer"),
        job,
        run,
        tuple(_with_edges(datasets, edges) if edges else datasets),
        tuple(reading.warnings),
    )


def _job_and_run(
    event: WireEvent, reading: Reading
) -> tuple[JobFacts | None, RunFacts | None, Edges]:
    """By content: with a run it is a RunEvent, else with a dataset a DatasetEvent, else a JobEvent."""
    if event.run is None and event.dataset is not None:
        return None, None, {}
    if event.job is None:
        raise BadInput("$.job", Phrase("nothing"), "the job, or a dataset")
    if event.run is None and _wants_run(event):
        raise BadInput("$.run", Phrase("nothing"), "the run")
    name = reading.entity(event.job.namespace, event.job.name, "job")
    run, schedule = None, None
    if event.run is not None:
        reading.event_type = _event_type(event.event_type, reading)
        run, schedule = _run(event.run, name, reading)
    job, edges = _job(event.job, name, schedule, reading)
    return job, run, edges


def _wants_run(event: WireEvent) -> bool:
    """A state without a run is a run left out, unless it says that it is a JobEvent."""
    if event.event_type is None:
        return (event.schema_url or "").endswith("/RunEvent")
    return not (event.schema_url or "").endswith("/JobEvent")


def _event_type(word: str | None, reading: Reading) -> EventType:
    if known := _EVENT_TYPES.get(word or ""):
        return known
    known = _EVENT_TYPES.get((word or "").upper(), EventType.OTHER)
    told = (
        "is missing"
        if word is None
        else "is unknown"
        if known is EventType.OTHER
        else "is not in capitals"
    )
    reading.warn(f"{told}, taken as {known}", "eventType")
    return known


def _run(run: WireRun, job: EntityName, reading: Reading) -> tuple[RunFacts, Schedule | None]:
    known: Known = {}
    run_id = reading.run_id(run.run_id, job, "run", "runId")
    reading.where = ("run", "facets")
    facets = read_facets(run.facets, RUN_FACETS, known, reading)
    reading.where = ()
    if tags := known.get("tags"):
        read_tags(tags, known)
    schedule = known.pop("schedule", None)
    if known.pop("launched", False):
        _name_cause(known)
    _name_ancestors(known)
    return RunFacts(run_id, facets=facets, **known), schedule


def _name_cause(known: Known) -> None:
    """A run that we have launched names its cause as its parent, of which it is no part."""
    parent: RunRef | None = known.pop("parent", None)
    known.pop("root", None)
    if parent is not None:
        cause = Dependency(parent.job, upstream=True, run_id=parent.run_id, kind="LAUNCH")
        known["dependencies"] = (*known.get("dependencies", ()), cause)


def _name_ancestors(known: Known) -> None:
    """A task's parent is its Dag run, and so is its root unless another Dag started that."""
    natural_id = known.pop("parent_natural_id", None)
    parent: RunRef | None = known.get("parent")
    root: RunRef | None = known.get("root")
    if natural_id is None or parent is None:
        return
    known["parent"] = msgspec.structs.replace(parent, natural_id=natural_id)
    if root is not None and root.run_id == parent.run_id:
        known["root"] = msgspec.structs.replace(root, natural_id=natural_id)


def _job(
    job: WireJob, name: EntityName, schedule: Schedule | None, reading: Reading
) -> tuple[JobFacts, Edges]:
    known: Known = {}
    reading.where = ("job", "facets")
    facets = read_facets(job.facets, JOB_FACETS, known, reading)
    reading.where = ()
    edges = known.pop("lineage", {})
    return JobFacts(name, facets, schedule=schedule, **known), edges


def _datasets(event: WireEvent, reading: Reading) -> Iterator[DatasetFacts]:
    if event.run is None and event.dataset is not None:
        yield _dataset(event.dataset, None, reading, "dataset")
        return
    for side, direction in (("inputs", Direction.INPUT), ("outputs", Direction.OUTPUT)):
        for i, dataset in enumerate(getattr(event, side) or ()):
            yield _dataset(dataset, direction, reading, side, i)


def _dataset(
    dataset: WireDataset, direction: Direction | None, reading: Reading, *at: str | int
) -> DatasetFacts:
    known: Known = {}
    name = reading.entity(dataset.namespace, dataset.name, *at)
    reading.where = (*at, "facets")
    facets = read_facets(dataset.facets, DATASET_FACETS, known, reading)
    reading.where = (*at, "inputFacets")
    io_facets = read_facets(dataset.input_facets, INPUT_FACETS, known, reading)
    reading.where = (*at, "outputFacets")
    io_facets |= read_facets(dataset.output_facets, OUTPUT_FACETS, known, reading)
    reading.where = ()
    return DatasetFacts(name, direction, facets, io_facets, **known)


def _with_edges(datasets: Iterable[DatasetFacts], edges: Edges) -> Iterator[DatasetFacts]:
    """Lineage that the job tells (facet `lineage`) belongs to the datasets it ends in."""
    left = dict(edges)
    for dataset in sorted(datasets, key=lambda one: one.direction is not Direction.OUTPUT):
        if own := left.pop(dataset.name, None):
            told = (dataset.column_lineage or ()) + own
            yield msgspec.structs.replace(dataset, column_lineage=told)
        else:
            yield dataset
    for name, own in left.items():
        yield DatasetFacts(name, column_lineage=own)
