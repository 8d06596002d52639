"""What a hub does before its first round: to a store that another hub, or another file, has left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from hub.evaluate import filing
from hub.evaluate.book import Book
from hub.evaluate.outcome import end
from hub.evaluate.plan import Plan
from hub.model import ChangeKind
from hub.rules.base import Subject
from hub.store import expectations, facts, spans
from hub.store.cursors import Change
from hub.store.db import Connection
from hub.store.expectations import (
    Expected,
    Looked,
    Wait,
    keep_marks,
    kept_marks,
    save_expectations,
)
from hub.store.facts import JobRow
from hub.store.hub_schedules import save_schedules
from hub.store.incident_steps import open_of_other_rules


def begin(connection: Connection, book: Book, plan: Plan, now: datetime) -> None:
    _file(connection, book, plan, now)
    _settle(connection, book, now)


def looks(book: Book, changes: Iterable[Change]) -> Iterator[Looked]:
    """Which rules look at what, for it has changed."""
    for change in changes:
        for subject, key in ((Subject.JOB, change.job_id), (Subject.DATASET, change.dataset_id)):
            if key is not None:
                for rule in book.woken_by(change.kind, subject):
                    yield Looked(rule.name, subject, key)


def rescheduled(job_id: int) -> Change:
    """That another schedule holds, which may have come from no event."""
    return Change(ChangeKind.SCHEDULE_CHANGED, job_id, None, None)


def _file(connection: Connection, book: Book, plan: Plan, now: datetime) -> None:
    """Puts the file's schedules on their jobs; rules look at those whose schedule changed."""
    changed = filing.all_of(connection, plan.agenda, now)
    save_schedules(connection, changed)
    edited = filing.edited(connection, {key for key, _ in changed}, {}, now)
    spans.save_spans(connection, edited)
    waits = expectations.waits(connection, Subject.JOB, edited)
    save_expectations(
        connection,
        [
            _sooner(looked, row, waits.get((looked.rule, row.id)), now)
            for row in facts.job_rows(connection, edited)
            for looked in looks(book, [rescheduled(row.id)])
        ],
    )


def _sooner(looked: Looked, row: JobRow, wait: Wait | None, now: datetime) -> Expected:
    """Now at the latest; what was due before is judged yet."""
    if wait is None:
        return Expected(looked, row.orchestrator_id, now)
    due_at = min(now, wait.due_at)
    return Expected(looked, row.orchestrator_id, due_at, wait.slot_at, wait.met_at, wait.held)


def _settle(connection: Connection, book: Book, now: datetime) -> None:
    """Ends the incidents of rules that were taken out of the book, for nobody else would, and
    lets rules that are new or were changed look at all there is.
    """
    kinds = {rule.name: rule.declared.kind for rule in book.rules.values()}
    for held in open_of_other_rules(connection, kinds):
        end(connection, held, "its rule is no longer in force", now)
    kept, marks = kept_marks(connection), book.marks()
    for rule in book.rules.values():
        if kept.get(rule.name) != marks[rule.name]:
            expectations.sow(connection, rule.name, rule.subject, now)
    if kept != marks:
        keep_marks(connection, marks)
