"""One round of evaluation: what changed and what is due, judged, into incidents.

Reads a snapshot, judges without a store, and commits incidents, expectations and the place in the
changes together: a crash at any point repeats the round, and a repeated round moves nothing twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from msgspec.structs import replace

from hub.evaluate.book import Book, Rule
from hub.evaluate.datasets import Datasets
from hub.evaluate.jobs import Jobs
from hub.evaluate.outcome import READER, release_children, save
from hub.evaluate.round import Found, Round
from hub.incidents import resolve
from hub.model import ChangeKind, Resolution
from hub.rules.base import Judgement, Status, Subject
from hub.store import expectations, facts, spans
from hub.store.cursors import Change, read_changes
from hub.store.db import Connection, Database
from hub.store.expectations import Looked
from hub.store.facts import DatasetRow, JobRow
from hub.store.incidents import Place, move_incident, open_of_other_rules
from hub.store.leases import Fence
from hub.store.neighbours import downstream, upstream
from hub.store.spans import Spans
from hub.store.types import EPOCH
from hub.store.writer import Writer

log = structlog.get_logger(__name__)

#: Changes and due expectations of one round.
CHANGES: Final = 1000
DUE: Final = 1000
#: When a rule that failed looks at the same subject again.
AFTER_A_FAILURE: Final = timedelta(minutes=5)


class Sight(NamedTuple):
    """How subjects of one sort are read: their rows, and what rules see of them."""

    rows: Callable[[Connection, Iterable[int]], Sequence[Any]]
    look: Callable[..., Any]


SIGHTS: Final[Mapping[Subject, Sight]] = {
    Subject.JOB: Sight(facts.job_rows, Jobs),
    Subject.DATASET: Sight(facts.dataset_rows, Datasets),
}


class Watch:
    """Evaluates the rules of a book over one store."""

    def __init__(self, db: Database, writer: Writer[Any, Any], book: Book) -> None:
        self._db = db
        self._writer = writer
        self._book = book
        self._begun = False

    def round(self, now: datetime, fence: Fence) -> bool:
        """Judges what has changed and what is due; True if more is left."""
        if not self._begun:
            self._writer.call(lambda connection: self._begin(connection, now, fence), apart=True)
            self._begun = True
        with self._db.reading() as connection:
            this = self._judge(connection, now)
        if not this.empty:
            self._writer.call(lambda connection: save(connection, this, fence), apart=True)
        return this.more

    def _begin(self, connection: Connection, now: datetime, fence: Fence) -> None:
        """Ends the incidents of rules that were taken out of the book, for nobody else would."""
        fence(connection)
        kinds = {rule.name: rule.declared.kind for rule in self._book.rules.values()}
        for held in open_of_other_rules(connection, kinds):
            made = resolve(held.incident, Resolution.HEALED, "its rule is no longer in force", now)
            move_incident(connection, held.id, made, now)
            release_children(connection, held.id, made.incident.parent, now)

    def _judge(self, connection: Connection, now: datetime) -> Round:
        this = Round(now, expectations.horizons(connection, now))
        changes, this.places = read_changes(connection, READER, CHANGES)
        due = expectations.due(connection, this.horizons, DUE)
        this.more = len(changes) >= CHANGES or len(due) >= DUE
        this.edited = _edited(connection, changes)
        wanted = {*due, *self._woken(changes)}
        for subject, sight in SIGHTS.items():
            mine = [looked for looked in wanted if looked.kind == subject]
            self._look(connection, this, subject, sight, mine)
        judged = {one.looked for one in this.found}
        this.gone = [looked for looked in due if looked not in judged]
        return this

    def _woken(self, changes: Iterable[Change]) -> Iterator[Looked]:
        for change in changes:
            for subject, key in (
                (Subject.JOB, change.job_id),
                (Subject.DATASET, change.dataset_id),
            ):
                if key is not None:
                    for rule in self._book.woken_by(change.kind, subject):
                        yield Looked(rule.name, subject, key)

    def _look(
        self,
        connection: Connection,
        this: Round,
        subject: Subject,
        sight: Sight,
        wanted: list[Looked],
    ) -> None:
        """Each of the rules that are wanted, at each of the subjects it selects."""
        chosen = self._chosen(sight.rows(connection, {one.subject for one in wanted}), wanted)
        if not chosen:
            return
        rows = [row for row, _ in chosen]
        open_keys = facts.open_keys(connection, subject, [row.id for row in rows])
        needs = frozenset(fact for _, rules in chosen for rule in rules for fact in rule.kind.needs)
        seen = sight.look(connection, this, rows, open_keys, needs)
        for row, rules in chosen:
            as_of = this.horizons.of(row.orchestrator_id) or EPOCH
            for rule in rules:
                judgement = _judged(rule, seen.see(row, rule.name), as_of, this.now)
                open_now = open_keys.get((rule.name, row.id), frozenset())
                this.found.append(_found(connection, this, rule, row, open_now, judgement))

    def _chosen(self, rows: Sequence[Any], wanted: list[Looked]) -> list[tuple[Any, list[Rule]]]:
        """The subjects, each with those of the wanted rules that select it."""
        names: dict[int, set[str]] = defaultdict(set)
        for looked in wanted:
            names[looked.subject].add(looked.rule)
        chosen = []
        for row in rows:
            rules = [
                rule
                for name, rule in self._book.rules.items()
                if name in names[row.id] and rule.selects(row)
            ]
            if rules:
                chosen.append((row, rules))
        return chosen


def _found(
    connection: Connection,
    this: Round,
    rule: Rule,
    row: JobRow | DatasetRow,
    open_now: frozenset[str],
    judgement: Judgement,
) -> Found:
    """What a rule said, with what surrounds its subject if it looks bad."""
    told, subject = rule.declared, rule.subject
    place = Place(rule.name, told.kind, subject, row.id, row.team, told.severity, told.dry_run)
    looked = Looked(rule.name, subject, row.id)
    if not this.horizons.ready(row.orchestrator_id) and judgement.due_at is None:
        # Nothing of it can be judged yet: it waits for the end of the first read.
        judgement = replace(judgement, due_at=this.now)
    one = Found(place, looked, row.orchestrator_id, judgement)
    if any(v.status is Status.VIOLATED and v.key not in open_now for v in judgement.verdicts):
        return _surrounded(connection, one)
    return one


def _edited(connection: Connection, changes: Iterable[Change]) -> Spans:
    """Schedules over time of the jobs whose schedule was declared anew."""
    changed = {c.job_id for c in changes if c.kind == ChangeKind.SCHEDULE_CHANGED and c.job_id}
    before = spans.spans_of(connection, changed)
    now = spans.declared(connection, changed)
    return {key: spans.edited(before.get(key, []), span) for key, span in now.items()}


def _judged(rule: Rule, seen: Any, as_of: datetime, now: datetime) -> Judgement:
    """What the rule says; one that fails says nothing, and harms no other."""
    try:
        return rule.kind.judge(seen, as_of)
    except Exception:
        log.exception("rule_failed", rule=rule.name, subject=str(seen.name))
        return Judgement((), now + AFTER_A_FAILURE)


def _surrounded(connection: Connection, one: Found) -> Found:
    """With what stands around its subject."""
    key = [one.looked.subject]
    jobs, datasets = (key, []) if one.looked.kind == Subject.JOB else ([], key)
    return replace(
        one,
        below=downstream(connection, jobs=jobs, datasets=datasets),
        above=upstream(connection, jobs=jobs, datasets=datasets),
    )
