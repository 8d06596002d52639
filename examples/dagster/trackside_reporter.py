"""Tells Trackside what happens in this Dagster, within seconds. Only dagster and the stdlib.

A code location of its own with one sensor. It reads the instance's event log behind cursors that
the sensor keeps, so it sees the runs of all code locations and needs no change in them; a cursor
moves only once the hub has answered, so that nothing is lost while the hub is down. What is sent
twice the hub drops.

Settings, from the environment of this code location:
    TRACKSIDE_URL             the hub, as in https://trackside.example.org
    TRACKSIDE_TOKEN           a token with the scope ingest, if the hub asks for tokens
    TRACKSIDE_NAMESPACE       namespace of the jobs: the one this Dagster has in the hub
    TRACKSIDE_HISTORY_HOURS   how far back it begins (24)
"""

import json
import os
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import dagster as dg

Json = dict[str, Any]

RECORDS_AT_ONCE = 25
SECONDS_PER_TICK = 20.0  # a tick that takes longer than 60 is cut off by Dagster
TIMEOUT_S = 15.0

PRODUCER = "https://github.com/trackside/trackside/examples/dagster"
SPEC = "https://openlineage.io/spec"

#: What is told of runs, and the OpenLineage state it means.
STATES = {
    dg.DagsterEventType.RUN_ENQUEUED: "OTHER",
    dg.DagsterEventType.RUN_START: "START",
    dg.DagsterEventType.RUN_SUCCESS: "COMPLETE",
    dg.DagsterEventType.RUN_FAILURE: "FAIL",
    dg.DagsterEventType.RUN_CANCELED: "ABORT",
}
ENDS = {"COMPLETE", "FAIL", "ABORT"}
STEP_STATES = {"SUCCESS": "COMPLETE", "FAILURE": "FAIL", "SKIPPED": "ABORT"}
INPUT_TAG = "dagster/input_event_pointer/"
SLOT_TAG = ".dagster/scheduled_execution_time"
ROW_COUNTS = ("dagster/partition_row_count", "dagster/row_count")


# -- what happened, as OpenLineage -----------------------------------------------------------------


def facet(schema: str, **members: Any) -> Json:
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{schema}.json", **members}


def iso(seconds: float) -> str:
    told = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
    return told.replace("+00:00", "Z")


def run_event(
    state: str, at: float, job: str, kind: str, run_id: str, facets: Json, **datasets: list[Json]
) -> Json:
    job_type = facet(
        "2-0-3/JobTypeJobFacet", processingType="BATCH", integration="DAGSTER", jobType=kind
    )
    return {
        "eventType": state,
        "eventTime": iso(at),
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id, "facets": facets},
        "job": {"namespace": namespace(), "name": job, "facets": {"jobType": job_type}},
        "inputs": datasets.get("inputs", []),
        "outputs": datasets.get("outputs", []),
    }


def events_of(instance: dg.DagsterInstance, record: dg.EventLogRecord) -> Iterator[Json]:
    """One change of a run's state; when it has ended, also what its steps did."""
    entry = record.event_log_entry
    run = instance.get_run_by_id(entry.run_id)
    if run is None or entry.dagster_event is None:
        return  # deleted since
    state = STATES[entry.dagster_event.event_type]
    facets = run_facets(run)
    if state == "FAIL" and entry.dagster_event.message:
        facets["errorMessage"] = error_facet(entry.dagster_event.message)
    yield run_event(state, entry.timestamp, run.job_name, "JOB", run.run_id, facets)
    if state in ENDS:
        yield from step_events(instance, run, entry.timestamp, state)


def run_facets(run: dg.DagsterRun) -> Json:
    """Tags that begin with a dot are Dagster's own notes; one of them is the scheduled time."""
    facets = {}
    tags = {key: value for key, value in sorted(run.tags.items()) if not key.startswith(".")}
    if tags:
        told = [{"key": k, "value": v or k, "source": "DAGSTER"} for k, v in tags.items()]
        facets["tags"] = facet("1-0-0/TagsRunFacet", tags=told)
    if slot := run.tags.get(SLOT_TAG):
        facets["nominalTime"] = facet("1-0-1/NominalTimeRunFacet", nominalStartTime=slot)
    return facets


def step_events(
    instance: dg.DagsterInstance, run: dg.DagsterRun, ended: float, run_state: str
) -> Iterator[Json]:
    logs = step_logs(instance, run.run_id)
    for stats in instance.get_run_step_stats(run.run_id):
        word = stats.status.value if stats.status else ""
        # A step that its run left behind ended with the run.
        state = STEP_STATES.get(word, "FAIL" if run_state == "FAIL" else "ABORT")
        log = logs[stats.step_key]
        facets = step_facets(run, log, state)
        job = f"{run.job_name}.{stats.step_key}"
        run_id = str(uuid5(UUID(run.run_id), f"step:{stats.step_key}"))
        if stats.start_time:
            yield run_event("START", stats.start_time, job, "STEP", run_id, facets)
        at = stats.end_time or ended
        inputs, outputs = inputs_of(log), outputs_of(log)
        yield run_event(state, at, job, "STEP", run_id, facets, inputs=inputs, outputs=outputs)


def step_logs(instance: dg.DagsterInstance, run_id: str) -> Mapping[str, list[dg.DagsterEvent]]:
    wanted = {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
        dg.DagsterEventType.STEP_FAILURE,
    }
    found: defaultdict[str, list[dg.DagsterEvent]] = defaultdict(list)
    for entry in instance.all_logs(run_id, of_type=wanted):
        event = entry.dagster_event
        if event is not None and event.step_key:
            found[event.step_key].append(event)
    return found


def step_facets(run: dg.DagsterRun, log: Iterable[dg.DagsterEvent], state: str) -> Json:
    parent = facet(
        "1-1-0/ParentRunFacet",
        run={"runId": run.run_id},
        job={"namespace": namespace(), "name": run.job_name},
    )
    facets = {"parent": parent}
    failures = [event for event in log if event.is_step_failure]
    if state == "FAIL" and failures:
        error = failures[-1].step_failure_data.error
        facets["errorMessage"] = error_facet("\n".join(messages(error)) or "failed")
    return facets


def messages(error: Any) -> Iterator[str]:
    while error is not None:
        yield error.message.strip()
        error = error.cause


def error_facet(message: str) -> Json:
    return facet(
        "1-0-1/ErrorMessageRunFacet", message=message[-4_000:], programmingLanguage="python"
    )


def dataset(key: dg.AssetKey, **facets: Json) -> Json:
    return {"namespace": namespace(), "name": "/".join(key.path), **facets}


def inputs_of(log: Iterable[dg.DagsterEvent]) -> list[Json]:
    """What was read for materializations, and what checks were about."""
    read = {
        tag.removeprefix(INPUT_TAG)
        for event in log
        if event.is_step_materialization
        for tag in event.step_materialization_data.materialization.tags or {}
        if tag.startswith(INPUT_TAG)
    }
    inputs = [{"namespace": namespace(), "name": name} for name in sorted(read)]
    results = (e for e in log if e.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    return inputs + [checked(result.asset_check_evaluation_data) for result in results]


def checked(result: Any) -> Json:
    told = {
        "assertion": result.check_name,
        "success": result.passed,
        "severity": result.severity.value.lower(),
    }
    assertions = facet("1-0-1/DataQualityAssertionsDatasetFacet", assertions=[told])
    return dataset(result.asset_key, inputFacets={"dataQualityAssertions": assertions})


def outputs_of(log: Iterable[dg.DagsterEvent]) -> list[Json]:
    found = (event.step_materialization_data for event in log if event.is_step_materialization)
    return [output(data.materialization) for data in found]


def output(made: dg.AssetMaterialization) -> Json:
    facets: Json = {}
    if made.partition:
        facets["hub_dagster_asset"] = {"_producer": PRODUCER, "partition": made.partition}
    for value in made.metadata.values():
        if isinstance(value, dg.TableSchemaMetadataValue):
            columns = [{"name": c.name, "type": c.type} for c in value.schema.columns]
            facets["schema"] = facet("1-1-1/SchemaDatasetFacet", fields=columns)
        if isinstance(value, dg.TableColumnLineageMetadataValue):
            facets["columnLineage"] = column_lineage(value.column_lineage)
    told = dataset(made.asset_key, facets=facets)
    counts = (made.metadata.get(label) for label in ROW_COUNTS)
    rows = next((count.value for count in counts if count is not None), None)
    if isinstance(rows, int):
        statistics = facet("1-0-2/OutputStatisticsOutputDatasetFacet", rowCount=rows)
        told["outputFacets"] = {"outputStatistics": statistics}
    return told


def column_lineage(lineage: dg.TableColumnLineage) -> Json:
    fields = {
        column: {
            "inputFields": [
                {**dataset(source.asset_key), "field": source.column_name} for source in sources
            ]
        }
        for column, sources in lineage.deps_by_column.items()
    }
    return facet("1-2-0/ColumnLineageDatasetFacet", fields=fields)


# -- sending ---------------------------------------------------------------------------------------


def namespace() -> str:
    return os.environ.get("TRACKSIDE_NAMESPACE", "dagster")


def send(events: Sequence[Json]) -> None:
    """Returns once the hub holds them durably; raises whatever keeps it from that."""
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("TRACKSIDE_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    url = f"{os.environ['TRACKSIDE_URL'].rstrip('/')}/api/v1/lineage/batch"
    body = json.dumps(list(events)).encode()
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        answer.read()


def read(
    instance: dg.DagsterInstance, kind: dg.DagsterEventType, after: int | None
) -> Sequence[dg.EventLogRecord]:
    """The oldest records that come after; without a cursor, those of the last hours."""
    hours = float(os.environ.get("TRACKSIDE_HISTORY_HOURS", "24"))
    since = time.time() - hours * 3_600 if after is None else None
    wanted = dg.RunStatusChangeRecordsFilter(
        event_type=kind, after_storage_id=after, after_timestamp=since
    )
    return instance.fetch_run_status_changes(wanted, limit=RECORDS_AT_ONCE, ascending=True).records


def report(instance: dg.DagsterInstance, cursor: dict[str, int], until: float) -> Iterator[int]:
    """Sends what is new, some records at a time, and moves the cursor after each answer."""
    for kind in STATES:
        while time.monotonic() < until:
            records = read(instance, kind, cursor.get(kind.value))
            if not records:
                break
            events = [event for record in records for event in events_of(instance, record)]
            if events:
                send(events)
            cursor[kind.value] = records[-1].storage_id
            yield len(events)
            if len(records) < RECORDS_AT_ONCE:
                break


@dg.sensor(
    name="trackside_reporter",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends what happens to runs, steps and assets to Trackside",
)
def trackside_reporter(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    cursor: dict[str, int] = json.loads(context.cursor or "{}")
    sent, until = 0, time.monotonic() + SECONDS_PER_TICK
    try:
        for count in report(context.instance, cursor, until):
            sent += count
    except (urllib.error.URLError, OSError) as error:
        if not sent:
            raise  # the tick fails, where people look; the cursor stays
        context.update_cursor(json.dumps(cursor))
        return dg.SkipReason(f"sent {sent} events, then the hub could not be reached: {error}")
    context.update_cursor(json.dumps(cursor))
    return dg.SkipReason(f"sent {sent} events" if sent else "nothing new")


defs = dg.Definitions(sensors=[trackside_reporter])
