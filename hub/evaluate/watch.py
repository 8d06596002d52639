"""One round of evaluation: what changed and what is due, judged, into incidents.

Reads a snapshot, judges without a store, and commits incidents, expectations and the place in the
changes together: a crash at any point repeats the round, and a repeated round moves nothing twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import Any, Final, NamedTuple

import structlog
from msgspec.structs import replace

from hub.evaluate import filing
from hub.evaluate.book import Book, Rule
from hub.evaluate.datasets import Datasets
from hub.evaluate.jobs import Jobs
from hub.evaluate.learner import Learner
from hub.evaluate.maintenance import of_store, within
from hub.evaluate.orchestrators import Orchestrators
from hub.evaluate.outcome import READER, save
from hub.evaluate.plan import Plan
from hub.evaluate.quiet import hushed, quiets
from hub.evaluate.round import Found, Pace, Round
from hub.evaluate.start import begin, looks, rescheduled
from hub.model import ChangeKind
from hub.rules.base import Fact, Judgement, Status, Subject
from hub.store import expectations, facts
from hub.store.column_impact import columns_below
from hub.store.cursors import Change, read_changes
from hub.store.dataset_rows import DatasetRow, dataset_rows
from hub.store.db import Connection, Database
from hub.store.expectations import Looked
from hub.store.facts import JobRow
from hub.store.incident_steps import Place, due_incidents
from hub.store.leases import Fence
from hub.store.maintenance import JUDGED, list_windows
from hub.store.neighbours import Neighbours, downstream, jobs_of, upstream
from hub.store.orchestrator_facts import OrchestratorRow, orchestrator_ids, orchestrator_rows
from hub.store.outages import breathe
from hub.store.signs import jobs_within
from hub.store.types import EPOCH
from hub.store.writer import Writer

log = structlog.get_logger(__name__)

#: Changes and due expectations of one round.
CHANGES: Final = 1000
DUE: Final = 1000
#: Jobs upstream that are looked at for those.
CAUSES: Final = 200
#: How often all orchestrators are looked at.
COUNTED_EVERY: Final = timedelta(seconds=15)
_ENDS: Final = frozenset({ChangeKind.RUN_COMPLETED, ChangeKind.RUN_FAILED, ChangeKind.RUN_ABORTED})
#: When a rule that failed looks at the same subject again.
AFTER_A_FAILURE: Final = timedelta(minutes=5)


class Sight(NamedTuple):
    """How subjects of one sort are read: their rows, and what rules see of them."""

    rows: Callable[[Connection, Iterable[int]], Sequence[Any]]
    look: Callable[..., Any]


SIGHTS: Final[Mapping[Subject, Sight]] = {
    Subject.JOB: Sight(facts.job_rows, Jobs),
    Subject.DATASET: Sight(dataset_rows, Datasets),
    # Last: it is judged by what was found of its jobs.
    Subject.ORCHESTRATOR: Sight(orchestrator_rows, Orchestrators),
}


_NO_PLAN: Final = Plan()
Chosen = tuple[Any, list[Rule]]
"""A subject's row, and the rules that look at it."""


class Watch:
    """Evaluates the rules of a book over one store."""

    def __init__(
        self,
        db: Database,
        writer: Writer[Any, Any],
        book: Book,
        plan: Plan = _NO_PLAN,
        *,
        counted_every: timedelta = COUNTED_EVERY,
    ) -> None:
        """`counted_every`: how often all orchestrators are looked at, whatever happens."""
        self._db = db
        self._writer = writer
        self._book = book
        self._plan = plan
        self._learner = Learner(plan.timezone)
        self._begun = False
        self._counted_every = counted_every
        self._counted_at: datetime | None = None

    def round(self, now: datetime, fence: Fence, pace: Pace | None = None) -> bool:
        """Judges what has changed and what is due, by the horizons if no pace is given; True if more
        is left.
        """
        if not self._begun:
            self._writer.call(lambda connection: self._begin(connection, now, fence), apart=True)
            self._begun = True
        with self._db.reading() as connection:
            this = self._judge(connection, now, pace)
        if not this.empty:
            self._writer.call(lambda connection: save(connection, this, fence), apart=True)
        return this.more

    def judged(
        self, connection: Connection, subject: Subject, key: int, now: datetime
    ) -> tuple[Round, list[Any]]:
        """What each rule that selects a subject would say of it now, and the subject's row, if there
        is one. Nothing is kept.
        """
        this = self._begun_round(connection, now)
        this.patient = False
        wanted = [
            Looked(rule.name, subject, key)
            for rule in self._book.rules.values()
            if rule.subject is subject
        ]
        self._look(connection, this, subject, SIGHTS[subject], wanted)
        return this, list(SIGHTS[subject].rows(connection, [key]))

    def _begin(self, connection: Connection, now: datetime, fence: Fence) -> None:
        fence(connection)
        breathe(connection, now)
        begin(connection, self._book, self._plan, now)

    def _begun_round(self, connection: Connection, now: datetime) -> Round:
        this = Round(now, expectations.horizons(connection, now))
        this.callers = self._book.of_need(Fact.ROLL_CALL)
        this.listeners = self._book.of_need(Fact.SIGNS)
        this.windows = [*self._plan.windows, *of_store(list_windows(connection, now - JUDGED))]
        return this

    def _judge(self, connection: Connection, now: datetime, pace: Pace | None) -> Round:
        this = self._begun_round(connection, now)
        this.pace = pace
        changes, this.places = read_changes(connection, READER, CHANGES)
        due = pace.due if pace else expectations.due(connection, this.horizons, DUE)
        this.timed = [
            (held.id, self._book.terms_of(held.rule))
            for held in due_incidents(connection, now, DUE)
        ]
        this.more = len(changes) >= CHANGES or DUE in (len(due), len(this.timed))
        this.changes = changes
        self._schedules(connection, this, changes)
        news = map(rescheduled, this.edited)
        wanted = {
            *due,
            *looks(self._book, [*changes, *news]),
            *self._woken_within(connection, changes),
            *self._strangers(connection, now),
        }
        for subject, sight in SIGHTS.items():
            mine = [looked for looked in wanted if looked.kind == subject]
            self._look(connection, this, subject, sight, mine)
            wanted.update(self._held(this.found))
        if pace is None:
            self._causes_first(connection, this)
        judged = {one.looked for one in this.found}
        this.gone = [looked for looked in due if looked not in judged]
        return this

    def _causes_first(self, connection: Connection, this: Round) -> None:
        """Looks upstream of what begins to look bad, though the news from there may be far from read: a
        cause opens before what it causes.
        """
        above = dict.fromkeys(job for one in this.found if one.above for job in one.above.jobs)
        news = (Change(ChangeKind.RUN_FAILED, job, None, None) for job in islice(above, CAUSES))
        judged = {one.looked for one in this.found}
        mine = [looked for looked in looks(self._book, news) if looked not in judged]
        caused, this.found = this.found, []
        self._look(connection, this, Subject.JOB, SIGHTS[Subject.JOB], mine)
        this.found += caused

    def _schedules(self, connection: Connection, this: Round, changes: Sequence[Change]) -> None:
        """What changes of when jobs are meant to run: as was declared, is filed, or was learned."""
        this.schedules |= filing.of_new_jobs(connection, self._plan.agenda, changes, this.now)
        this.schedules |= self._learner.round(connection, changes, this.now)
        changed = {c.job_id for c in changes if c.kind == ChangeKind.SCHEDULE_CHANGED and c.job_id}
        changed.update(key for key, _ in this.schedules)
        this.edited = filing.edited(connection, changed, this.schedules, this.now)

    def _strangers(self, connection: Connection, now: datetime) -> Iterator[Looked]:
        """Orchestrators, now and then: nothing else wakes the rules that speak of them."""
        if self._counted_at is not None and now - self._counted_at < self._counted_every:
            return
        self._counted_at = now
        for key in orchestrator_ids(connection):
            yield from self._all_of(Subject.ORCHESTRATOR, key)

    def _held(self, found: Iterable[Found]) -> Iterator[Looked]:
        """Orchestrators of jobs of which nothing can be said yet, or at all: they may be silent."""
        for key in {one.orchestrator_id for one in found if _is_open(one.judgement)}:
            yield from self._all_of(Subject.ORCHESTRATOR, key)

    def _all_of(self, subject: Subject, key: int) -> Iterator[Looked]:
        return (
            Looked(rule.name, subject, key)
            for rule in self._book.rules.values()
            if rule.subject is subject
        )

    def _woken_within(self, connection: Connection, changes: Iterable[Change]) -> Iterator[Looked]:
        """What still runs as a part of a run that has ended."""
        rules = list(self._book.within())
        if not rules:
            return
        ended = {change.run_id for change in changes if change.kind in _ENDS and change.run_id}
        for key in jobs_within(connection, ended):
            yield from (Looked(rule.name, Subject.JOB, key) for rule in rules)

    def _look(
        self,
        connection: Connection,
        this: Round,
        subject: Subject,
        sight: Sight,
        wanted: list[Looked],
    ) -> None:
        """Each of the rules that are wanted, at each of the subjects it selects."""
        chosen = self._chosen(connection, subject, sight, wanted)
        if this.patient and subject is not Subject.ORCHESTRATOR:
            chosen = _ready(connection, this, subject, chosen)
        if not chosen:
            return
        rows = [row for row, _ in chosen]
        open_keys = facts.open_keys(connection, subject, [row.id for row in rows])
        needs = frozenset(fact for _, rules in chosen for rule in rules for fact in rule.kind.needs)
        seen = sight.look(connection, this, rows, open_keys, needs)
        for row, rules in chosen:
            for rule in rules:
                open_now = frozenset(open_keys.get((rule.name, row.id), ()))
                one = _look_at(this, rule, row, seen, open_now)
                this.found.append(_surrounded(connection, one, open_now))

    def _chosen(
        self, connection: Connection, subject: Subject, sight: Sight, wanted: list[Looked]
    ) -> list[Chosen]:
        """The subjects in the order of their keys, each with those of the wanted rules that select it."""
        names: dict[int, set[str]] = defaultdict(set)
        for looked in wanted:
            names[looked.subject].add(looked.rule)
        rows = sorted(sight.rows(connection, names), key=attrgetter("id"))
        tags = facts.tags(connection, subject, names) if self._book.by_tag else {}
        chosen = []
        for row in rows:
            rules = [
                rule
                for name, rule in self._book.rules.items()
                if name in names[row.id] and rule.declared.select.takes(row, tags.get(row.id, ()))
            ]
            if rules:
                chosen.append((row, rules))
        return chosen


def _ready(
    connection: Connection, this: Round, subject: Subject, chosen: Sequence[Chosen]
) -> list[Chosen]:
    """Without those that can't be judged before the first read of their orchestrator has ended: they
    are due then, and reading what is there of them each time that something comes would be in vain.
    """
    early = [one for one in chosen if not this.horizons.ready(one[0].orchestrator_id)]
    if not early:
        return list(chosen)
    waits = expectations.waits(connection, subject, [row.id for row, _ in early])
    due = {key for key, wait in waits.items() if wait.due_at <= this.now}
    this.found += [
        _found(rule, row, Judgement((), this.now), None)
        for row, rules in early
        for rule in rules
        if (rule.name, row.id) not in due
    ]
    later = {row.id for row, _ in early}
    return [one for one in chosen if one[0].id not in later]


def _look_at(
    this: Round,
    rule: Rule,
    row: JobRow | DatasetRow | OrchestratorRow,
    seen: Any,
    open_now: frozenset[str],
) -> Found:
    """What a rule finds of a subject, as far as maintenance and its calendar let it count."""
    as_of = this.as_of(rule.subject, row) or EPOCH
    sight = seen.see(row, rule.name)
    judgement, error = _judged(rule, sight, as_of, this.now)
    times = quiets(this.windows, within(row), rule.days)
    counts = hushed(judgement, open_now, times, as_of, absence=rule.kind.absence)
    return replace(_found(rule, row, counts, error), seen=sight)


def _is_open(one: Judgement) -> bool:
    return one.held or any(verdict.status is Status.UNKNOWN for verdict in one.verdicts)


def _found(
    rule: Rule,
    row: JobRow | DatasetRow | OrchestratorRow,
    judgement: Judgement,
    error: str | None,
) -> Found:
    told, subject = rule.declared, rule.subject
    place = Place(rule.name, told.kind, subject, row.id, row.team, told.severity, told.dry_run)
    looked = Looked(rule.name, subject, row.id)
    return Found(place, looked, row.orchestrator_id, judgement, error, terms=rule.terms)


def _judged(rule: Rule, seen: Any, as_of: datetime, now: datetime) -> tuple[Judgement, str | None]:
    """What the rule says; one that fails is parked with its error, and harms no other."""
    try:
        return rule.kind.judge(seen, as_of), None
    except Exception as error:
        log.exception("rule_failed", rule=rule.name, subject=str(seen.name))
        return Judgement((), now + AFTER_A_FAILURE), f"{type(error).__name__}: {error}"


def _surrounded(connection: Connection, one: Found, open_now: frozenset[str]) -> Found:
    """With what stands around its subject, if it begins to look bad."""
    if not any(
        v.status is Status.VIOLATED and v.key not in open_now for v in one.judgement.verdicts
    ):
        return one
    key = one.looked.subject
    if one.looked.kind == Subject.ORCHESTRATOR:
        return replace(
            one, below=Neighbours(jobs_of(connection, key), []), above=Neighbours([], [])
        )
    jobs, datasets = ([key], []) if one.looked.kind == Subject.JOB else ([], [key])
    return replace(
        one,
        below=downstream(connection, jobs=jobs, datasets=datasets),
        above=upstream(connection, jobs=jobs, datasets=datasets),
        columns={
            verdict.key: columns_below(connection, one.looked.subject, verdict.columns)
            for verdict in one.judgement.verdicts
            if verdict.columns
        },
    )
