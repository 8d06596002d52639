"""What a run did, by what was noted of its tasks. Pure.

Metaflow notes no state. Of a task something is noted when it is made, `attempt` when an attempt begins,
and `attempt_ok` when it ends by itself; one whose process was killed notes nothing. A run has succeeded when its last step
has; that it failed is told by no one: its heartbeat stops.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct, structs

from adapters.metaflow.wire import Datum

#: Where Metaflow keeps what a run was given; nothing is done there.
PARAMETERS: Final = "_parameters"
#: Of a task that was not resumed, it is noted that it has no origin.
_NOBODY: Final = frozenset({"", "None"})


class Try(Struct, frozen=True):
    """An attempt, counted from 1. Times in milliseconds, 0 where nothing tells them."""

    number: int
    made_ms: int
    began_ms: int = 0
    ended_ms: int = 0
    ok: bool | None = None


class Task(Struct, frozen=True):
    """cloned: it was done in the run that this one resumes. told: the latest of each that was noted."""

    step: str
    id: str
    tries: Sequence[Try]
    told: dict[str, str]

    @property
    def cloned(self) -> bool:
        return bool(self.told.get("origin-task-id"))

    @property
    def last(self) -> Try:
        return self.tries[-1]


class Done(Struct, frozen=True):
    """A run: its tasks, but those that were cloned.

    end: the try that ends it. noted_ms: the latest that was noted.
    """

    tasks: Sequence[Task]
    end: Task | None
    noted_ms: int
    origin: str | None = None
    cloned: int = 0

    @property
    def failed(self) -> list[Task]:
        """Those whose latest try has failed, the latest last."""
        found = [task for task in self.tasks if task.last.ok is False]
        return sorted(found, key=lambda task: task.last.ended_ms)

    @property
    def open_steps(self) -> list[str]:
        """Those with a task of which nothing tells an end."""
        return sorted({task.step for task in self.tasks if task.last.ok is None})


def of_run(rows: Sequence[Datum]) -> Done:
    by_task: defaultdict[tuple[str, str], list[Datum]] = defaultdict(list)
    for row in rows:
        by_task[row.step_name, str(row.task_id)].append(row)
    every = [_task(*key, found) for key, found in by_task.items()]
    end_step = next((v for t in every if (v := t.told.get("end_step"))), "end")
    real = [task for task in every if task.step != PARAMETERS]
    ends = [task for task in real if task.step == end_step and task.last.ok]
    return Done(
        tasks=sorted((t for t in real if not t.cloned), key=lambda t: (t.tries[0].made_ms, t.id)),
        end=ends[-1] if ends else None,
        noted_ms=max((row.ts_epoch for row in rows), default=0),
        origin=next((v for t in every if (v := t.told.get("origin-run-id"))), None),
        cloned=sum(task.cloned for task in real),
    )


def _task(step: str, task_id: str, rows: Sequence[Datum]) -> Task:
    ordered = sorted(rows, key=lambda row: row.ts_epoch)
    told = {row.field_name: _text(row.value) for row in ordered}
    numbers = sorted({row.attempt or 0 for row in ordered})
    tries = [_try(number, ordered) for number in numbers]
    # A try after which another one began is over, whatever was noted of it.
    over = [
        one if one.ok is not None else structs.replace(one, ended_ms=after.made_ms, ok=False)
        for one, after in pairwise(tries)
    ]
    known = {name: value for name, value in told.items() if value not in _NOBODY}
    return Task(step, task_id, [*over, tries[-1]], known)


def _try(number: int, rows: Sequence[Datum]) -> Try:
    mine = [row for row in rows if (row.attempt or 0) == number]
    began = [row.ts_epoch for row in mine if row.field_name == "attempt"]
    ends = [row for row in mine if row.field_name == "attempt_ok"]
    return Try(
        number=number + 1,
        made_ms=mine[0].ts_epoch,
        began_ms=began[0] if began else 0,
        ended_ms=ends[-1].ts_epoch if ends else 0,
        ok=_text(ends[-1].value) == "True" if ends else None,
    )


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
