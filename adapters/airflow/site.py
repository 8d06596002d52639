"""What every part of a look needs, and what it brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from adapters.airflow import events, ids
from adapters.airflow.api import Api
from adapters.airflow.events import Attempt, Place
from adapters.airflow.wire import DagRun, TaskInstance
from hub.model import FINISHED_STATES
from hub.ports import Json, Known, KnownRun, RunName

#: Two times closer than this are one: the hub may have either from a sender.
CLOSE = timedelta(seconds=1)


class Site:
    """One look at one Airflow."""

    def __init__(self, api: Api, namespace: str, as_of: datetime, known: Known) -> None:
        self.api = api
        self.namespace = namespace
        self.as_of = as_of
        self.known = known
        self.attempts: dict[RunName, Attempt] = {}

    @property
    def place(self) -> Place:
        return Place(self.namespace, self.api.url, self.api.is_old)

    def run_events(self, rows: Sequence[DagRun]) -> list[Json]:
        """The rows as events, and the ends of attempts that were cleared while they ran."""
        known = self.known.runs([ids.run_name(self.namespace, row) for row in rows])
        found = []
        for row in rows:
            name = ids.run_name(self.namespace, row)
            attempt = self.attempts[name] = attempt_of(self.namespace, row, known.get(name))
            found += _cleared(row, known.get(name), attempt)
            found.append(events.dag_run_event(self.place, row, attempt))
        return found

    def parents(self, rows: Sequence[TaskInstance]) -> Mapping[RunName, Attempt]:
        """The attempt of the Dag run of each row."""
        rows_of = {ids.dag_run_name(self.namespace, row): row for row in rows}
        missing = [name for name in rows_of if name not in self.attempts]
        known = self.known.runs(missing) if missing else {}
        for name in missing:
            self.attempts[name] = _parent(self.namespace, rows_of[name], known.get(name))
        return self.attempts


def attempt_of(namespace: str, row: DagRun, known: KnownRun | None) -> Attempt:
    """Which attempt the row shows: a clear is not told, but it moves the times on."""
    if known is None or known.attempt < 1:
        number = 2 if _cleared_while_running(row) else 1
    elif is_cleared(row, known):
        number = known.attempt + 1
    else:
        return Attempt(known.attempt, UUID(bytes=known.run_id))
    return Attempt(number, ids.dag_run_id(namespace, row, number))


def is_cleared(row: DagRun, known: KnownRun) -> bool:
    """Whether the row shows a later attempt than the one the hub knows."""
    begun = events.begun(row)
    return begun is not None and known.started_at is not None and begun > known.started_at + CLOSE


def time_of(text: str | None) -> datetime | None:
    """A time of the cursor."""
    return datetime.fromisoformat(text) if text else None


def text_of(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()


def _cleared_while_running(row: DagRun) -> bool:
    start, queued = row.start_date, row.queued_at
    return start is not None and queued is not None and queued > start + CLOSE


def _cleared(row: DagRun, known: KnownRun | None, attempt: Attempt) -> list[Json]:
    """The end of the attempt before, which nobody else tells if it was cleared while it ran."""
    at = row.queued_at or row.start_date
    if known is None or known.attempt >= attempt.number or at is None:
        return []
    if known.state in FINISHED_STATES:
        return []
    return [events.ended_event(known.name, UUID(bytes=known.run_id), known.attempt, "cleared", at)]


def _parent(namespace: str, row: TaskInstance, known: KnownRun | None) -> Attempt:
    if known is not None and known.attempt >= 1:
        return Attempt(known.attempt, UUID(bytes=known.run_id))
    run = DagRun(row.dag_id, row.dag_run_id, run_after=ids.instant(row))
    return Attempt(1, ids.dag_run_id(namespace, run, 1))
