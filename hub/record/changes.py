"""Transitions worth a change row."""

from __future__ import annotations

from hub.model import ChangeKind, RunState
from hub.store.ledger import ChangeRow
from hub.store.rows import AttemptRow, RunRow

_KIND_OF: dict[str, ChangeKind] = {
    RunState.RUNNING: ChangeKind.RUN_STARTED,
    RunState.COMPLETED: ChangeKind.RUN_COMPLETED,
    RunState.FAILED: ChangeKind.RUN_FAILED,
    RunState.ABORTED: ChangeKind.RUN_ABORTED,
}


def run_change(now: int, run: RunRow) -> list[ChangeRow]:
    """The change of a run that has just reached its state; none for NEW."""
    kind = _KIND_OF.get(run.state)
    return [] if kind is None else [ChangeRow(now, kind, run.job_id, run.id, run.attempt_id)]


def start_change(now: int, run: RunRow) -> ChangeRow:
    return ChangeRow(now, ChangeKind.RUN_STARTED, run.job_id, run.id, run.attempt_id)


def attempt_change(now: int, run: RunRow, attempt: AttemptRow) -> ChangeRow:
    return ChangeRow(now, ChangeKind.ATTEMPT_FAILED, run.job_id, run.id, attempt.id)
