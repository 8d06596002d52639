"""How events move attempts, attempts move runs, and runs move their job: pure, in any order.

Every field is a minimum, a maximum or the winner of a total order, so that any permutation and
duplication of the same events ends in the same rows (DESIGN D5).
"""

from __future__ import annotations

from hub.model import (
    FINISHED_STATES,
    TERMINAL_EVENTS,
    EventType,
    Rank,
    RunFacts,
    RunState,
)
from hub.record.incoming import IncomingEvent
from hub.store.lattice import earliest, greatest
from hub.store.rows import AttemptRow, JobRow, RunRow
from hub.store.types import to_micros

_STATE_OF = {
    EventType.COMPLETE: RunState.COMPLETED,
    EventType.FAIL: RunState.FAILED,
    EventType.ABORT: RunState.ABORTED,
}
# Which ends of an attempt were told, by senders and (shifted) by the orchestrator's own answers.
_END_BIT = {EventType.COMPLETE: 1, EventType.FAIL: 2, EventType.ABORT: 4}
_ANSWERED = 3
_ALL_ENDS = 7
# Its failure stands, whatever other end was told.
_STANDS = 64
_STARTING = frozenset({EventType.START, EventType.RUNNING})
# Where a run's events differ in these, the greater value holds.
_DESCRIBED = ("nominal_start", "nominal_end", "partition_key", "engine", "tags", "backfill")


def mention_attempt(attempt: AttemptRow, at: int) -> None:
    """Some event names the attempt."""
    attempt.first_at = min(attempt.first_at, at)
    if attempt.state not in FINISHED_STATES:
        attempt.state_at = attempt.first_at if attempt.started_at is None else attempt.started_at


def advance_attempt(attempt: AttemptRow, item: IncomingEvent, facts: RunFacts) -> None:
    """Applies one event of the attempt."""
    kind, at = item.event.event_type, item.at
    attempt.no = max(attempt.no, facts.attempt or 0)
    attempt.external_url = greatest(attempt.external_url, facts.external_url)
    if kind in _STARTING and not facts.unended:
        attempt.started_at = earliest(attempt.started_at, at)
    if kind is EventType.COMPLETE:
        attempt.completed_at = greatest(attempt.completed_at, at)
    if facts.answers:
        _hear_answer(attempt, item.received_at, facts)
    elif attempt.answered_at is None:
        attempt.own_state = greatest(attempt.own_state, facts.own_state)
    if kind in TERMINAL_EVENTS:
        _end_attempt(attempt, item, facts)
    elif attempt.state not in FINISHED_STATES and attempt.started_at is not None:
        attempt.state = RunState.RUNNING
    mention_attempt(attempt, at)


def _hear_answer(attempt: AttemptRow, heard_at: int, facts: RunFacts) -> None:
    """The orchestrator's own words and times; of its answers the last one's word holds."""
    queued, started = facts.queued_at, facts.started_at
    attempt.queued_at = greatest(attempt.queued_at, to_micros(queued) if queued else None)
    attempt.started_at = earliest(attempt.started_at, to_micros(started) if started else None)
    mine, held = (heard_at, facts.own_state), (attempt.answered_at, attempt.own_state)
    if attempt.answered_at is None or mine > held:
        attempt.answered_at, attempt.own_state = mine


def _end_attempt(attempt: AttemptRow, item: IncomingEvent, facts: RunFacts) -> None:
    """The latest event decides, unless the orchestrator itself answered: then its last answer."""
    kind, answered = item.event.event_type, facts.answers
    stood = has_failed_for_good(attempt)
    attempt.ends = (attempt.ends or 0) | _END_BIT[kind] << (_ANSWERED if answered else 0)
    attempt.ends |= _STANDS if facts.failure_stands else 0
    heard_at = item.received_at if answered else None
    stands = (heard_at or -1, facts.failure_stands)
    mine = (*stands, item.at, int(Rank[kind.value]), item.digest)
    held = (
        *(attempt.end_heard_at or -1, stood),
        *(attempt.state_at, attempt.state_rank, attempt.state_digest),
    )
    if attempt.state in FINISHED_STATES and mine <= held:
        return
    attempt.state = _STATE_OF[kind]
    attempt.end_heard_at = heard_at
    attempt.state_at, attempt.state_rank, attempt.state_digest = mine[2:]
    attempt.ended_at = item.at
    attempt.will_retry = facts.will_retry
    attempt.error_class = facts.error_class
    attempt.error_message = facts.error_message


def has_failed_for_good(attempt: AttemptRow) -> bool:
    """Whether what it wrote is not to be relied on, though its sender told a COMPLETE as well."""
    return bool((attempt.ends or 0) & _STANDS)


def is_disputed(attempt: AttemptRow) -> bool:
    """Whether the orchestrator answered another end of the attempt than its events told."""
    ends = attempt.ends or 0
    told, answered = ends & _ALL_ENDS, ends >> _ANSWERED & _ALL_ENDS
    return bool(told and answered and told != answered)


def adopt_attempt(run: RunRow, attempt: AttemptRow) -> None:
    """Brings the run in step with one of its attempts; the latest one decides its state."""
    run.started_at = earliest(run.started_at, attempt.started_at)
    run.completed_at = greatest(run.completed_at, attempt.completed_at)
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
    run.external_url = attempt.external_url
    run.own_state, run.queued_at = attempt.own_state, attempt.queued_at


def describe_run(run: RunRow, facts: RunFacts, tags: str | None) -> None:
    """Takes what the event says of the run itself."""
    start, end = facts.nominal_start, facts.nominal_end
    run.nominal_start = greatest(run.nominal_start, to_micros(start) if start else None)
    run.nominal_end = greatest(run.nominal_end, to_micros(end) if end else None)
    run.partition_key = greatest(run.partition_key, facts.partition)
    run.engine = greatest(run.engine, facts.engine)
    run.backfill = greatest(run.backfill, facts.backfill)
    run.tags = greatest(run.tags, tags)


def place_run(run: RunRow, parent: int, root: int | None, at: int, digest: bytes) -> None:
    """The run is a part of `parent`, and of `root`: by the latest event that tells both, else one."""
    mark = bytes([root is not None]) + (at + 2**63).to_bytes(8, "big") + digest
    if run.parent_mark is None or mark > run.parent_mark:
        run.parent_mark = mark
        run.parent_run_id, run.root_run_id = parent, parent if root is None else root


def join_runs(run: RunRow, other: RunRow) -> None:
    """`other` turned out to be the same run: all that was said of it. Its attempts come after."""
    for name in _DESCRIBED:
        setattr(run, name, greatest(getattr(run, name), getattr(other, name)))
    if (other.parent_mark or b"") > (run.parent_mark or b""):
        run.parent_mark = other.parent_mark
        run.parent_run_id, run.root_run_id = other.parent_run_id, other.root_run_id


def lead_job(job: JobRow, run: RunRow) -> bool:
    """Lets the job point at its latest run. False: only the store can tell which one that is."""
    if job.latest_run_id == run.id:
        fell_back = run.sort_at < (job.latest_run_at or 0)
        job.latest_run_at, job.latest_run_state = run.sort_at, run.state
        return not fell_back
    if job.latest_run_at is None or run.sort_at > job.latest_run_at:
        job.latest_run_id, job.latest_run_at = run.id, run.sort_at
        job.latest_run_state = run.state
        return True
    return run.sort_at < job.latest_run_at
