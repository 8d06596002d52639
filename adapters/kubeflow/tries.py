"""The tries of a run or task, by the states it was in. Pure.

A run that is retried keeps its id: what came before stands in the history of its states.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from adapters.kubeflow.wire import ENDED, RUNNING, Run, Status, Task, moment


class Try(Struct):
    """ended: None while it goes on. retried: another one followed."""

    state: str
    started: datetime | None = None
    ended: datetime | None = None
    message: str = ""
    retried: bool = False


def of_run(run: Run) -> list[Try]:
    began = moment(run.created_at)
    last = Try(run.state, began, moment(run.finished_at), _text(run.error))
    return _tries(run.state_history, last)


def of_task(task: Task) -> list[Try]:
    began = moment(task.start_time) or moment(task.create_time)
    last = Try(task.state, began, moment(task.end_time), _text(task.error))
    return _tries(task.state_history, last)


def _tries(history: Sequence[Status], last: Try) -> list[Try]:
    """last: what the row itself says; it outweighs the history of the latest try."""
    found = _walk([one for one in history if moment(one.update_time) is not None])
    over = last.state in ENDED
    if not found:
        return [last]
    if (found[-1].state in ENDED) is not over:
        # The history is behind: the latest try has ended, or another one has begun.
        found += [] if over else [Try(last.state)]
    one = found[-1]
    one.state = last.state
    one.ended = (last.ended or one.ended) if over else None
    one.message = last.message or one.message
    if len(found) == 1:
        one.started = one.started or last.started
    for earlier in found[:-1]:
        earlier.retried = earlier.state == "FAILED"
    return found


def _walk(history: Sequence[Status]) -> list[Try]:
    found: list[Try] = []
    for one in history:
        if not found or (found[-1].state in ENDED and one.state not in ENDED):
            found.append(Try(one.state))
        now, at = found[-1], moment(one.update_time)
        now.state = one.state
        now.message = _text(one.error) or now.message
        if one.state in ENDED:
            now.ended = at
        elif one.state == RUNNING and now.started is None:
            now.started = at
    return found


def _text(error: object) -> str:
    return getattr(error, "message", "")
