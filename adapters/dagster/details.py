"""What is known of runs beyond their rows, asked for as seldom as it can be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from adapters.dagster.events import Place, Told, run_event
from adapters.dagster.graphql import GraphQL, in_chunks, one_by_one
from adapters.dagster.logs import read_log, run_error
from adapters.dagster.queries import DETAILS
from adapters.dagster.slots import Slots
from adapters.dagster.steps import step_events
from adapters.dagster.wire import (
    Detail,
    DetailsAnswer,
    LogEvent,
    Run,
)
from hub.ports import Json

AT_ONCE: Final = 10
_ENDED_STEPS: Final = frozenset({"SUCCESS", "FAILURE"})


def events_of(
    graphql: GraphQL, known_slots: Slots, runs: Sequence[Run], place: Place, failed: list[str]
) -> list[Json]:
    """All that can be told of the runs; `failed` takes those of which Dagster can't tell all."""
    events: list[Json] = []
    for chunk in in_chunks(runs, AT_ONCE):
        ids = [run.run_id for run in chunk]
        found = one_by_one(partial(_details, graphql), ids, failed)
        details = {detail.run_id: detail for detail in found}
        slots = known_slots.of(chunk, failed)
        for run in chunk:
            detail, slot = details.get(run.run_id), slots.get(run.run_id)
            events += _events(graphql, run, detail, slot, place, failed)
    return events


def _events(
    graphql: GraphQL,
    run: Run,
    detail: Detail | None,
    slot: datetime | None,
    place: Place,
    failed: list[str],
) -> list[Json]:
    log: list[LogEvent] = []
    if run.status == "FAILURE" or (detail and _log_tells_more(detail)):
        logs = one_by_one(lambda ids: [list(read_log(graphql, ids[0]))], [run.run_id], failed)
        log = logs[0] if logs else []
    error = run_error(log) if run.status == "FAILURE" else None
    own = run_event(run, Told(detail.stats if detail else None, slot, error), place)
    steps = list(step_events(run, detail, log, place)) if detail else []
    return ([own] if own else []) + steps


def _details(graphql: GraphQL, run_ids: list[str]) -> list[Detail]:
    """Those that are missing are asked for alone: were they deleted, or is the answer capped?"""
    variables = {"filter": {"runIds": run_ids}, "limit": len(run_ids)}
    answer, _ = graphql.query(DETAILS, DetailsAnswer, variables)
    graphql.expect(answer.runs, "Runs")
    found = answer.runs.results
    missing = set(run_ids) - {detail.run_id for detail in found} if len(run_ids) > 1 else set()
    return found + [one for run_id in sorted(missing) for one in _details(graphql, [run_id])]


def _log_tells_more(detail: Detail) -> bool:
    """Errors, results of checks and observations stand in the log alone."""
    failed = any(s.status == "FAILURE" or len(s.attempts) > 1 for s in detail.step_stats)
    assets = detail.asset_checks or detail.asset_materializations or detail.asset_selection
    return failed or (bool(assets) and any(s.status in _ENDED_STEPS for s in detail.step_stats))
