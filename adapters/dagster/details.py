"""What is known of runs beyond their rows, asked for as seldom as it can be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from msgspec import Struct, field

from adapters.dagster.events import Place, Told, run_event
from adapters.dagster.graphql import GraphQL, QueryFailedError, in_chunks, one_by_one
from adapters.dagster.logs import read_log, run_error
from adapters.dagster.queries import DETAILS, TICK
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

T = TypeVar("T")

AT_ONCE: Final = 10
_ENDED_STEPS: Final = frozenset({"SUCCESS", "FAILURE"})


class _Tick(Struct, frozen=True):
    timestamp: float | None = None


class _Ticks(Typed, frozen=True):
    tick: _Tick | None = None


class _TickAnswer(Struct, frozen=True):
    state: _Ticks = field(name="instigationStateOrError")


def events_of(graphql: GraphQL, runs: Sequence[Run], place: Place, failed: list[str]) -> list[Json]:
    """All that can be told of the runs; `failed` takes those whose details Dagster can't give."""
    details: dict[str, Detail] = {}
    for chunk in in_chunks((run.run_id for run in runs), AT_ONCE):
        found = one_by_one(partial(_details, graphql), chunk, failed)
        details |= {detail.run_id: detail for detail in found}
    return [event for run in runs for event in _events(graphql, run, details, place, failed)]


def _events(
    graphql: GraphQL, run: Run, details: dict[str, Detail], place: Place, failed: list[str]
) -> list[Json]:
    detail = details.get(run.run_id)
    log: list[LogEvent] = []
    if run.status == "FAILURE" or (detail and _log_tells_more(detail)):
        log = _given(lambda: list(read_log(graphql, run.run_id)), [], run, failed)
    slot = _given(lambda: _slot(graphql, run), None, run, failed)
    error = run_error(log) if run.status == "FAILURE" else None
    stats = detail.stats if detail else None
    own = run_event(run, Told(stats, slot, error), place)
    steps = list(step_events(run, detail, log, place)) if detail else []
    return ([own] if own else []) + steps


def _details(graphql: GraphQL, run_ids: list[str]) -> list[Detail]:
    variables = {"filter": {"runIds": run_ids}, "limit": len(run_ids)}
    answer, _ = graphql.query(DETAILS, DetailsAnswer, variables)
    graphql.expect(answer.runs, "Runs")
    return answer.runs.results


def _log_tells_more(detail: Detail) -> bool:
    """Errors, results of checks and observations stand in the log alone."""
    failed = any(s.status == "FAILURE" or len(s.attempts) > 1 for s in detail.step_stats)
    assets = detail.asset_checks or detail.asset_materializations or detail.asset_selection
    return failed or (bool(assets) and any(s.status in _ENDED_STEPS for s in detail.step_stats))


def _slot(graphql: GraphQL, run: Run) -> datetime | None:
    """The scheduled time: Dagster hides it among the run's tags, and tells it of the tick."""
    schedule, tick, origin = run.tag(SCHEDULE_TAG), run.tag(TICK_TAG), run.repository_origin
    if not schedule or not tick or origin is None:
        return None
    instigator = {
        "repositoryName": origin.repository_name,
        "repositoryLocationName": origin.repository_location_name,
        "name": schedule,
    }
    variables = {"instigator": instigator, "tick": tick}
    answer, _ = graphql.query(TICK, _TickAnswer, variables)
    return moment(answer.state.tick.timestamp) if answer.state.tick else None


def _given(ask: Callable[[], T], otherwise: T, run: Run, failed: list[str]) -> T:
    """What is asked for, or `otherwise` if Dagster can't answer for this run."""
    try:
        return ask()
    except QueryFailedError as error:
        if error.permanent:
            raise
        failed.append(run.run_id)
        return otherwise
