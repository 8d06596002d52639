"""Steps of one run, with what they did to assets, as run events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from adapters.dagster.assets import checked, inputs_of, observed, output
from adapters.dagster.events import (
    Place,
    answer_facet,
    error_facet,
    event,
    facet,
    job_type,
    step_id,
    step_run_id,
    uuid_of,
)
from adapters.dagster.wire import (
    ENDED,
    OF_BACKFILL,
    PARTITION_TAG,
    AssetEvent,
    Detail,
    Fault,
    LogEvent,
    Marker,
    Run,
    StepStats,
    moment,
)
from hub.ports import Json

_TYPES: Final = {"SUCCESS": "COMPLETE", "FAILURE": "FAIL", "SKIPPED": "ABORT"}


class StepLog(Struct, frozen=True):
    """What a run's event log tells of one step."""

    errors: Sequence[Fault] = ()  # of its tries, in order
    checks: Sequence[LogEvent] = ()
    observations: Sequence[LogEvent] = ()


class _Step(Struct, frozen=True):
    """One step with all that is known of it."""

    run: Run
    stats: StepStats
    log: StepLog
    materializations: Sequence[AssetEvent]
    place: Place


def step_events(run: Run, detail: Detail, log: Sequence[LogEvent], place: Place) -> Iterator[Json]:
    """One event for each step's state, and one for each try that another followed."""
    logs = by_step(log)
    for stats in detail.step_stats:
        materialized = [m for m in detail.asset_materializations if m.step_key == stats.step_key]
        found = logs.get(stats.step_key, StepLog())
        step = _Step(run, stats, found, materialized, place)
        yield from _earlier_tries(step)
        if (last := _last_try(step)) is not None:
            yield last


def by_step(log: Sequence[LogEvent]) -> dict[str, StepLog]:
    """The log's events by the step they are of."""
    found: dict[str, tuple[list[Fault], list[LogEvent], list[LogEvent]]] = {}
    for one in log:
        if one.step_key is None:
            continue
        errors, checks, observations = found.setdefault(one.step_key, ([], [], []))
        if one.error is not None and one.event_type in {"STEP_FAILURE", "STEP_UP_FOR_RETRY"}:
            errors.append(one.error)
        if one.evaluation is not None:
            checks.append(one)
        if one.event_type == "ASSET_OBSERVATION":
            observations.append(one)
    return {key: StepLog(*lists) for key, lists in found.items()}


def _earlier_tries(step: _Step) -> Iterator[Json]:
    """Tries that failed and were followed by another, as Dagster's retry policy had it."""
    key, tries = step.stats.step_key, _tries(step.stats)
    for number, attempt in enumerate(tries[:-1], 1):
        end = moment(attempt.end_time) or moment(attempt.start_time)
        if end is None:
            continue
        error = step.log.errors[number - 1] if number <= len(step.log.errors) else None
        facets = _facets(step, "UP_FOR_RETRY", number, moment(attempt.start_time), retried=True)
        if error is not None:
            facets["errorMessage"] = error_facet(error)
        run_id = step_run_id(step.run.run_id, key, number)
        yield event("FAIL", end, step.place, _job(step), run_id, facets, job_facets=_kind(key))


def _last_try(step: _Step) -> Json | None:
    tries = _tries(step.stats)
    started = moment(tries[-1].start_time) if tries else moment(step.stats.start_time)
    state, kind, at = _state(step, started)
    if at is None:
        return None
    facets = _facets(step, state, max(len(tries), 1), started)
    if kind == "FAIL" and step.log.errors:
        facets["errorMessage"] = error_facet(step.log.errors[-1])
    return event(
        kind,
        at,
        step.place,
        _job(step),
        step_run_id(step.run.run_id, step.stats.step_key),
        facets,
        inputs=_inputs(step) if kind != "START" else (),
        outputs=_outputs(step) if kind != "START" else (),
        job_facets=_kind(step.stats.step_key),
    )


def _state(step: _Step, started: datetime | None) -> tuple[str, str, datetime | None]:
    """Own word, event type and time. A step that its run left behind ended with the run."""
    word = step.stats.status or "IN_PROGRESS"
    ended = moment(step.stats.end_time)
    if word in _TYPES:
        run_end = moment(step.run.end_time)
        return word, _TYPES[word], ended or started or run_end
    if step.run.status in ENDED:
        kind = "FAIL" if step.run.status == "FAILURE" else "ABORT"
        return word, kind, moment(step.run.end_time) or moment(step.run.update_time)
    return word, "START", started


def _tries(stats: StepStats) -> list[Marker]:
    return [attempt for attempt in stats.attempts if attempt.start_time is not None]


def _facets(
    step: _Step, state: str, attempt: int, started: datetime | None, *, retried: bool = False
) -> dict[str, Json]:
    run = step.run
    parent = facet(
        "1-1-0/ParentRunFacet",
        run={"runId": str(uuid_of(run.run_id))},
        job={"namespace": step.place.namespace, "name": run.job_name},
    )
    answer = answer_facet(
        state,
        step_id(run.run_id, step.stats.step_key),
        parentNaturalId=run.run_id,
        attempt=attempt,
        willRetry=retried or None,
        startedAt=started,
        url=step.place.run_page(run.run_id),
        partition=run.tag(PARTITION_TAG),
        backfill=run.tag(OF_BACKFILL),
    )
    return {"parent": parent, "trackside_answer": answer}


def _job(step: _Step) -> str:
    return f"{step.run.job_name}.{step.stats.step_key}"


def _kind(step_key: str) -> dict[str, Json]:
    """Told here only for steps that an inventory can't know: dynamic ones and those of graphs."""
    return {"jobType": job_type("STEP")} if "[" in step_key or "." in step_key else {}


def _inputs(step: _Step) -> list[Json]:
    """What it read. That it observed what it wrote itself makes that no input."""
    written = {one.asset_key for one in step.materializations}
    others = (one for one in step.log.observations if one.asset_key not in written)
    looked_at = (observed(_as_asset(one), step.place) for one in others)
    results = [one.evaluation for one in step.log.checks if one.evaluation is not None]
    return [
        *inputs_of(step.materializations, step.place),
        *(one for one in looked_at if one is not None),
        *checked(results, step.place),
    ]


def _outputs(step: _Step) -> list[Json]:
    written = (output(one, step.place) for one in step.materializations)
    return [one for one in written if one is not None]


def _as_asset(one: LogEvent) -> AssetEvent:
    return AssetEvent(
        asset_key=one.asset_key,
        timestamp=one.timestamp,
        partition=one.partition,
        tags=one.tags,
        metadata_entries=one.metadata_entries,
    )
