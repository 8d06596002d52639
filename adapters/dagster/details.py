"""What is known of runs beyond their rows, asked for as seldom as it can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from msgspec import Struct

from adapters.dagster.events import Place, Told, run_event
from adapters.dagster.graphql import GraphQL, in_chunks, one_by_one
from adapters.dagster.logs import read_log, run_error
from adapters.dagster.queries import DETAILS, ticks
from adapters.dagster.steps import step_events
from adapters.dagster.wire import (
    SCHEDULE_TAG,
    TICK_TAG,
    Detail,
    DetailsAnswer,
    LogEvent,
    Run,
    Typed,
    moment,
)
from hub.ports import Json

AT_ONCE: Final = 10
_ENDED_STEPS: Final = frozenset({"SUCCESS", "FAILURE"})


class _Tick(Struct, frozen=True):
    timestamp: float | None = None


class _State(Typed, frozen=True):
    tick: _Tick | None = None


def events_of(graphql: GraphQL, runs: Sequence[Run], place: Place, failed: list[str]) -> list[Json]:
    """All that can be told of the runs; `failed` takes those of which Dagster can't tell all."""
    events: list[Json] = []
    for chunk in in_chunks(runs, AT_ONCE):
        ids = [run.run_id for run in chunk]
        found = one_by_one(partial(_details, graphql), ids, failed)
        details = {detail.run_id: detail for detail in found}
        slots = _slots(graphql, chunk, failed)
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


def _slots(graphql: GraphQL, runs: Iterable[Run], failed: list[str]) -> dict[str, datetime]:
    """Scheduled times: Dagster hides them among a run's tags, and tells them of its tick."""
    scheduled = {
        run.run_id: run
        for run in runs
        if run.repository_origin and run.tag(SCHEDULE_TAG) and run.tag(TICK_TAG)
    }

    def ask(ids: list[str]) -> list[tuple[str, datetime]]:
        return _told_slots(graphql, [scheduled[run_id] for run_id in ids])

    return dict(one_by_one(ask, list(scheduled), failed))


def _told_slots(graphql: GraphQL, runs: Sequence[Run]) -> list[tuple[str, datetime]]:
    variables: dict[str, object] = {}
    for number, run in enumerate(runs):
        assert run.repository_origin
        variables[f"tick{number}"] = run.tag(TICK_TAG)
        variables[f"instigator{number}"] = {
            "repositoryName": run.repository_origin.repository_name,
            "repositoryLocationName": run.repository_origin.repository_location_name,
            "name": run.tag(SCHEDULE_TAG),
        }
    states, _ = graphql.query(ticks(len(runs)), dict[str, _State], variables)
    told = ((run.run_id, states.get(f"tick{number}")) for number, run in enumerate(runs))
    slots = ((run_id, moment(s.tick.timestamp)) for run_id, s in told if s and s.tick)
    return [(run_id, slot) for run_id, slot in slots if slot is not None]
