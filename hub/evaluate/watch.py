"""One round of evaluation: what changed and what is due, judged, into incidents.

Reads a snapshot, judges without a store, and commits incidents, expectations and the place in the
changes together: a crash at any point repeats the round, and a repeated round moves nothing twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from hub.baselines.baseline import Baseline
from hub.baselines.fit import fit
from hub.evaluate.book import Book, Rule
from hub.incidents import caused, resolve, step
from hub.model import ChangeKind, Resolution, Transition
from hub.rules.base import DatasetSeen, JobSeen, Judgement, RunSeen, Status, Subject, Verdict
from hub.store import expectations, facts, spans
from hub.store.changes import Places
from hub.store.cursors import Change, read_changes, save_places
from hub.store.db import Connection, Database
from hub.store.expectations import Expected, Horizons, Looked, save_expectations
from hub.store.facts import DatasetRow, JobRow
from hub.store.incidents import (
    Place,
    find_incident,
    hold_incident,
    move_incident,
    open_causes,
    open_children,
    open_incident,
    open_of_other_rules,
)
from hub.store.leases import Fence
from hub.store.neighbours import Neighbours, downstream, upstream
from hub.store.spans import Spans
from hub.store.types import EPOCH
from hub.store.writer import Writer

log = structlog.get_logger(__name__)

READER: Final = "evaluate"
#: Changes and due expectations of one round.
CHANGES: Final = 1000
DUE: Final = 1000
_ID_DIGITS: Final = 19
#: When a rule that failed looks at the same subject again.
AFTER_A_FAILURE: Final = timedelta(minutes=5)
#: So long after it wanted to look a rule sees more of a job's runs.
BEHIND: Final = timedelta(minutes=15)


class Found(Struct, frozen=True):
    """What a rule found of a subject, and what surrounds the subject if it looks bad."""

    place: Place
    looked: Looked
    orchestrator_id: int
    judgement: Judgement
    below: Neighbours | None = None
    above: Neighbours | None = None


@dataclass(slots=True)
class Round:
    """What one round has read and found."""

    now: datetime
    horizons: Horizons
    changes: int = 0
    due: int = 0
    moved: Places = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    gone: list[Looked] = field(default_factory=list)  # due, but nobody's any more
    fitted: dict[int, Baseline | None] = field(default_factory=dict)
    edited: Spans = field(default_factory=dict)

    @property
    def more(self) -> bool:
        """Whether something may have been left for the next round."""
        return self.changes >= CHANGES or self.due >= DUE


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
        if this.changes or this.due:
            self._writer.call(lambda connection: _save(connection, this, fence), apart=True)
        return this.more

    def _begin(self, connection: Connection, now: datetime, fence: Fence) -> None:
        """Ends the incidents of rules that were taken out of the book, for nobody else would."""
        fence(connection)
        kinds = {rule.name: rule.declared.kind for rule in self._book.rules.values()}
        for held in open_of_other_rules(connection, kinds):
            made = resolve(held.incident, Resolution.HEALED, "its rule is no longer in force", now)
            move_incident(connection, held.id, made, now)
            release_children(connection, held.id, made.incident.parent, now)

    # -- reading and judging ---------------------------------------------------------------------

    def _judge(self, connection: Connection, now: datetime) -> Round:
        held = expectations.horizons(connection, now)
        this = Round(now, held)
        changes, this.moved = read_changes(connection, READER, CHANGES)
        due = expectations.due(connection, held, DUE)
        this.changes, this.due = len(changes), len(due)
        this.edited = _edited(connection, changes)
        wanted = {*due, *self._woken(changes)}
        self._judge_jobs(connection, this, held, [w for w in wanted if w.kind == Subject.JOB])
        self._judge_datasets(connection, this, held, [w for w in wanted if w.kind != Subject.JOB])
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

    def _judge_jobs(
        self, connection: Connection, this: Round, held: Horizons, wanted: list[Looked]
    ) -> None:
        chosen = self._chosen(facts.job_rows(connection, {w.subject for w in wanted}), wanted)
        keys = [row.id for row, _ in chosen]
        waits = expectations.waits(connection, Subject.JOB, keys)
        open_keys = facts.open_keys(connection, Subject.JOB, keys)
        runs = facts.runs_seen(connection, keys, also=_runs_named(open_keys.values()))
        late = {key for (_, key), due_at in waits.items() if this.now - due_at > BEHIND}
        behind = sorted(late.intersection(keys))
        for key, more in facts.runs_seen(connection, behind, facts.RUNS_AFTER_A_GAP).items():
            there = {run.id for run in more}
            runs[key] = [*more, *(run for run in runs.get(key, ()) if run.id not in there)]
        over_time = spans.spans_of(connection, keys) | this.edited
        learned = self._baselines(connection, this, keys)
        for row, rules in chosen:
            as_of = held.of(row.orchestrator_id) or EPOCH
            for rule in rules:
                open_now = open_keys.get((rule.name, row.id), frozenset())
                seen = JobSeen(
                    row.name,
                    runs.get(row.id, ()),
                    learned.get(row.id),
                    open_now,
                    over_time.get(row.id, ()),
                    held.watched(row.orchestrator_id),
                    waits.get((rule.name, row.id)),
                    _seen_from(runs.get(row.id, ()), late=row.id in late),
                )
                self._keep(
                    connection, this, rule, row, open_now, _judged(rule, seen, as_of, this.now)
                )

    def _judge_datasets(
        self, connection: Connection, this: Round, held: Horizons, wanted: list[Looked]
    ) -> None:
        chosen = self._chosen(facts.dataset_rows(connection, {w.subject for w in wanted}), wanted)
        open_keys = facts.open_keys(connection, Subject.DATASET, [row.id for row, _ in chosen])
        for row, rules in chosen:
            as_of = held.of(row.orchestrator_id) or EPOCH
            for rule in rules:
                open_now = open_keys.get((rule.name, row.id), frozenset())
                seen = DatasetSeen(
                    row.name, row.last_update_at, row.known_at, row.max_lag_s, open_now
                )
                self._keep(
                    connection, this, rule, row, open_now, _judged(rule, seen, as_of, this.now)
                )

    def _chosen(self, rows: list[Any], wanted: list[Looked]) -> list[tuple[Any, list[Rule]]]:
        """The subjects, each with those of the wanted rules that select it."""
        names: dict[int, set[str]] = defaultdict(set)
        for looked in wanted:
            names[looked.subject].add(looked.rule)
        chosen = []
        for row in rows:
            inner = isinstance(row, JobRow) and row.inner
            rules = [
                rule
                for name, rule in self._book.rules.items()
                if name in names[row.id]
                and rule.declared.select.takes(row.name, row.team, inner=inner)
            ]
            if rules:
                chosen.append((row, rules))
        return chosen

    @staticmethod
    def _baselines(
        connection: Connection, this: Round, keys: list[int]
    ) -> dict[int, Baseline | None]:
        """The jobs' baselines; one that is old is learned anew, and kept with the round."""
        kept = facts.baselines(connection, keys, this.now)
        for key in keys:
            if key not in kept or kept[key].wanted:
                this.fitted[key] = fit(facts.duration_samples(connection, key))
        return {key: one.value for key, one in kept.items()} | this.fitted

    @staticmethod
    def _keep(
        connection: Connection,
        this: Round,
        rule: Rule,
        row: JobRow | DatasetRow,
        open_now: frozenset[str],
        judgement: Judgement,
    ) -> None:
        told = rule.declared
        place = Place(
            rule.name, told.kind, rule.subject, row.id, row.team, told.severity, told.dry_run
        )
        looked = Looked(rule.name, rule.subject, row.id)
        if not this.horizons.ready(row.orchestrator_id) and judgement.due_at is None:
            # Nothing of it can be judged yet: it waits for the end of the first read.
            judgement = replace(judgement, due_at=this.now)
        one = Found(place, looked, row.orchestrator_id, judgement)
        if any(v.status is Status.VIOLATED and v.key not in open_now for v in judgement.verdicts):
            one = _surrounded(connection, one)
        this.found.append(one)


def _runs_named(open_keys: Iterable[frozenset[str]]) -> set[int]:
    """The runs that keys of open incidents name, however many have come since."""
    return {
        int(key) for keys in open_keys for key in keys if key.isdecimal() and len(key) < _ID_DIGITS
    }


def _edited(connection: Connection, changes: Iterable[Change]) -> Spans:
    """Schedules over time of the jobs whose schedule was declared anew."""
    changed = {c.job_id for c in changes if c.kind == ChangeKind.SCHEDULE_CHANGED and c.job_id}
    before = spans.spans_of(connection, changed)
    now = spans.declared(connection, changed)
    return {key: spans.edited(before.get(key, []), span) for key, span in now.items()}


def _seen_from(runs: Sequence[RunSeen], *, late: bool) -> datetime | None:
    """Since when all runs of a job are there; None: they are all there."""
    most = facts.RUNS_AFTER_A_GAP if late else facts.RUNS
    return runs[most - 1].sort_at if len(runs) >= most else None


def _judged(rule: Rule, seen: JobSeen | DatasetSeen, as_of: datetime, now: datetime) -> Judgement:
    """What the rule says; one that fails says nothing, and harms no other."""
    try:
        if isinstance(seen, JobSeen):
            assert rule.job is not None
            return rule.job.judge(seen, as_of)
        assert rule.dataset is not None
        return rule.dataset.judge(seen, as_of)
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


# -- writing -----------------------------------------------------------------------------------


def _save(connection: Connection, this: Round, fence: Fence) -> None:
    fence(connection)
    for one in this.found:
        for verdict in one.judgement.verdicts:
            _apply(connection, one, verdict, this.now)
    waiting = [
        Expected(one.looked, one.orchestrator_id, one.judgement.due_at) for one in this.found
    ]
    dropped = [Expected(looked, expectations.NOBODY, None) for looked in this.gone]
    save_expectations(connection, [*waiting, *dropped])
    for key, held in this.edited.items():
        spans.save_spans(connection, key, held)
    facts.save_baselines(connection, this.fitted, this.now)
    save_places(connection, READER, this.moved)


def _apply(connection: Connection, one: Found, verdict: Verdict, now: datetime) -> None:
    held = find_incident(connection, one.place, verdict.key)
    made = step(None if held is None else held.incident, verdict, now)
    if made is None:
        return
    if held is None:
        key = open_incident(connection, one.place, made, one.below, now)
    else:
        key = held.id
        move_incident(connection, key, made, now)
    log.info(
        "incident_moved",
        incident=key,
        transition=made.transition,
        rule=one.place.rule,
        reason=made.reason,
    )
    if made.transition in (Transition.OPENED, Transition.REOPENED):
        _connect(connection, one, key, now)
    elif made.transition is Transition.RESOLVED:
        release_children(connection, key, made.incident.parent, now)


def _connect(connection: Connection, one: Found, key: int, now: datetime) -> None:
    """Finds the incident's cause upstream, or those downstream of which it is the cause."""
    if one.place.dry_run or one.above is None or one.below is None:
        return
    roots = open_causes(connection, one.above.jobs, one.above.datasets)
    if roots:
        _cause(connection, key, roots[0], now)
        return
    for child in open_causes(connection, one.below.jobs, one.below.datasets):
        _cause(connection, child, key, now)


def _cause(connection: Connection, child: int, parent: int, now: datetime) -> None:
    held = hold_incident(connection, child)
    made = caused(held.incident, parent, f"incident {parent} upstream is its cause")
    move_incident(connection, child, made, now)


def release_children(connection: Connection, parent: int, above: int | None, now: datetime) -> None:
    """Those that are still bad when their cause is over: `above`, its own cause, is theirs then."""
    for child in open_children(connection, parent):
        made = caused(child.incident, above, f"incident {parent}, its cause, is over")
        move_incident(connection, child.id, made, now)
