"""Which jobs are told job by job: those that the operator selects, up to a limit that shows.

job_metrics:
  - {namespace: "af-prod", name: "revenue_*"}
  - {team: finance}
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from hub.metrics import Metrics
from hub.model import RunState
from hub.rules.base import Subject
from hub.selector import Selector
from hub.settings import Settings
from hub.settings.given import read
from hub.store import facts
from hub.store.db import Connection
from hub.store.figures import NONE
from hub.store.job_figures import JobFigures, every_job, job_figures

#: How often it is looked which jobs are selected: all there are have to be asked.
CHOSEN_EVERY: Final = timedelta(minutes=10)
CHOSEN_FIRST: Final = timedelta(minutes=1)  # while there is none
Labelled = dict[tuple[str, ...], float]
_OF_ALL: Final = frozenset({"limit", "left_out"})


def selectors_of(settings: Settings) -> list[Selector]:
    """Raises ConfigError; tells all that is wrong."""
    return read(settings, "job_metrics", Selector, lambda one: one)


class Selected:
    """Tells the figures of the jobs that some selector takes."""

    def __init__(self, settings: Settings, slot_rules: Sequence[str], metrics: Metrics) -> None:
        self._selectors = selectors_of(settings)
        self._most = settings.max_job_metrics
        self._slot_rules = slot_rules
        self._told = metrics.jobs
        self._chosen: list[int] = []
        self._chosen_at: datetime | None = None

    def round(self, connection: Connection, now: datetime) -> None:
        self._told.limit.set(self._most)
        every = CHOSEN_EVERY if self._chosen else CHOSEN_FIRST
        if self._chosen_at is None or now - self._chosen_at >= every:
            there_are_jobs = self._choose(connection)
            self._chosen_at = now if there_are_jobs else None
        found = job_figures(connection, self._chosen, self._slot_rules, now)
        told: dict[str, Labelled] = {name: {} for name in self._told.made if name not in _OF_ALL}
        for one in found:
            for name, labels, value in _figures(one, now):
                told[name][labels] = value
        for name, values in told.items():
            self._told.show(self._told.made[name], values)

    def _choose(self, connection: Connection) -> bool:
        """Whether there was any job to choose from."""
        rows = list(every_job(connection)) if self._selectors else []
        keys = [row.id for row in rows if self._takes(connection, row)]
        self._chosen = keys[: self._most]
        self._told.left_out.set(len(keys) - len(self._chosen))
        return bool(rows)

    def _takes(self, connection: Connection, row: facts.JobRow) -> bool:
        tags: Collection[str] = ()
        if any(one.tag is not None for one in self._selectors):
            tags = facts.tags(connection, Subject.JOB, [row.id]).get(row.id, set())
        return any(one.takes(row, tags) for one in self._selectors)


def _figures(found: JobFigures, now: datetime) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Each with the name of its metric and its labels."""
    row = found.row
    whose = (row.name.namespace, row.name.name, row.orchestrator or NONE, row.team or NONE)
    if found.took_s is not None and found.done_at is not None:
        yield "last_seconds", whose, found.took_s
        yield "last_success", whose, found.done_at.timestamp()
    if found.baseline is not None:
        low, high = found.baseline.band(now)
        yield "expected_seconds", whose, found.baseline.expected(now)
        yield "low_seconds", whose, max(0.0, low)
        yield "high_seconds", whose, high
    for state in RunState:
        yield "last_state", (*whose, state), float(found.state == state)
    late_s = 0.0 if found.due_at is None else (now - found.due_at).total_seconds()
    yield "lateness_seconds", whose, late_s
    yield "incidents", whose, found.incidents
