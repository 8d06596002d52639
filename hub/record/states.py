"""How events move attempts, attempts move runs, and runs move their job: pure, in any order.

Every field is a minimum, a maximum or the winner of a total order, so that any permutation and
duplication of the same events ends in the same rows (DESIGN D5).
"""

from __future__ import annotations

from typing import Any, TypeVar

from hub.model import (
    FINISHED_STATES,
    TERMINAL_EVENTS,
    EventType,
    Rank,
    RunFacts,
    RunState,
)
from hub.store.rows import AttemptRow, JobRow, RunRow

V = TypeVar("V", int, str)

_STATE_OF = {
    EventType.COMPLETE: RunState.COMPLETED,
    EventType.FAIL: RunState.FAILED,
    EventType.ABORT: RunState.ABORTED,
}
_STARTING = frozenset({EventType.START, EventType.RUNNING})


def earliest(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def greatest(a: V | None, b: V | None) -> V | None:
    """The greater of two values, None counting as the least."""
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


def advance_attempt(
    attempt: AttemptRow, kind: EventType, at: int, digest: bytes, facts: RunFacts
) -> None:
    """Applies one event of the attempt, at `at` microseconds."""
    attempt.first_at = min(attempt.first_at, at)
    attempt.no = max(attempt.no, facts.attempt or 0)
    attempt.external_url = greatest(attempt.external_url, facts.external_url)
    if kind in _STARTING:
        attempt.started_at = earliest(attempt.started_at, at)
    if kind in TERMINAL_EVENTS:
        _end_attempt(attempt, kind, at, digest, facts)
    elif attempt.state not in FINISHED_STATES and attempt.started_at is not None:
        attempt.state = RunState.RUNNING


def _end_attempt(
    attempt: AttemptRow, kind: EventType, at: int, digest: bytes, facts: RunFacts
) -> None:
    mine = (at, int(Rank[kind.value]), digest)
    held = (attempt.state_at, attempt.state_rank, attempt.state_digest)
    if attempt.state in FINISHED_STATES and mine <= held:
        return
    attempt.state = _STATE_OF[kind]
    attempt.state_at, attempt.state_rank, attempt.state_digest = mine
    attempt.ended_at = at
    attempt.will_retry = facts.will_retry
    attempt.error_class = facts.error_class
    attempt.error_message = facts.error_message


def adopt_attempt(run: RunRow, attempt: AttemptRow) -> None:
    """Brings the run in step with one of its attempts; the latest one decides its state."""
    run.started_at = earliest(run.started_at, attempt.started_at)
    if attempt.state == RunState.COMPLETED:
        run.completed_at = greatest(run.completed_at, attempt.ended_at)
    first = min(run.sort_at, attempt.first_at)
    run.sort_at = first if run.started_at is None else run.started_at
    if (attempt.no, attempt.uuid) >= (run.attempt_no, run.attempt_uuid):
        _follow(run, attempt)


def _follow(run: RunRow, attempt: AttemptRow) -> None:
    run.attempt_id, run.attempt_uuid, run.attempt_no = attempt.id, attempt.uuid, attempt.no
    retrying = attempt.state == RunState.FAILED and attempt.will_retry
    run.state = RunState.RUNNING if retrying else attempt.state
    run.ended_at = attempt.ended_at if run.state in FINISHED_STATES else None
    run.error_class, run.error_message = attempt.error_class, attempt.error_message
    run.external_url = greatest(attempt.external_url, run.external_url)


def describe_run(run: RunRow, facts: dict[str, Any]) -> None:
    """Facts that all events of a run agree on; where they don't, the greater one holds."""
    for name, value in facts.items():
        if value is not None:
            held = getattr(run, name)
            if held is None or value > held:
                setattr(run, name, value)


def lead_job(job: JobRow, run: RunRow) -> bool:
    """Lets the job point at its latest run. False: only the store can tell which one that is."""
    if job.latest_run_id == run.id:
        fell_back = run.sort_at < (job.latest_run_at or 0)
        job.latest_run_at, job.latest_run_state = run.sort_at, run.state
        return not fell_back
    if job.latest_run_at is None or run.sort_at >= job.latest_run_at:
        job.latest_run_id, job.latest_run_at = run.id, run.sort_at
        job.latest_run_state = run.state
    return True
