"""What an incident will make late: kept with it when it opens, and anew while it is open.

A loop of its own, so that no incident waits for it. It costs what is downstream of the incidents
that are looked at, which are few in a round.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog
from msgspec.structs import replace

from hub.baselines.prediction import Prediction, Root, Term, predict
from hub.evaluate.blast import ORCHESTRATOR, Blast, Late, roots_of, waiting_for_it
from hub.evaluate.book import DEADLINES, LATE, Book
from hub.model import EntityName
from hub.rules.base import JobSeen, Subject
from hub.rules.slot_rule import SlotRule
from hub.schedules.slots import Slot
from hub.store import expectations, facts, spans
from hub.store.db import Connection, Database
from hub.store.expectations import Deadline
from hub.store.impact import Breach, Predicted
from hub.store.leases import Fence
from hub.store.neighbours import flows, makers_of
from hub.store.predictions import OpenRoot, keep_prediction, open_root, open_roots
from hub.store.writer import Writer

log = structlog.get_logger(__name__)

#: How often an open incident is looked at, and how many of them in one round.
REFRESH: Final = timedelta(minutes=1)
MOST: Final = 3
#: Runs by which it is told whether a job waits for what it reads.
RUNS: Final = 10


class Predictions:
    """Predicts what open incidents make late, the new ones first."""

    def __init__(self, db: Database, writer: Writer[Any, Any], book: Book) -> None:
        self._db = db
        self._writer = writer
        rules = [rule.declared for rule in book.rules.values() if not rule.declared.dry_run]
        self._severities = {one.name: one.severity for one in rules if one.kind in DEADLINES}
        self._kinds = {one.name: one.kind for one in rules}
        self._rules = book.rules
        self._told_at: dict[int, datetime] = {}

    def round(self, now: datetime, fence: Fence) -> None:
        with self._db.reading() as connection:
            wanted = self._wanted(open_roots(connection, LATE), now)
            found = {key: self._predicted(connection, key, now) for key in wanted}
        for key, told in found.items():
            self._told_at[key] = now
            if told is not None:
                # One at a time: who holds several incidents may wait for one that evaluates.
                self._writer.call(partial(_keep, key=key, told=told, fence=fence), apart=True)

    def _predicted(self, connection: Connection, key: int, now: datetime) -> Predicted | None:
        """None: it could not be, which harms no other."""
        try:
            return self.of(connection, open_root(connection, key), now)
        except Exception:
            log.exception("prediction_failed", incident=key)
            return None

    def of(self, connection: Connection, root: OpenRoot, now: datetime) -> Predicted:
        """What is predicted of one incident."""
        late = _late(connection, root)
        jobs = list(dict.fromkeys([*late, *root.jobs]))
        blast = self._blast(connection, jobs, late, root, now)
        datasets = list({*root.datasets, *(data for leg in blast.legs for data in leg.writes)})
        waited = self._waited(connection, jobs, datasets)
        exact = [self._exact(blast, one) for one in waited]
        terms = [one for one in exact if blast.concerns(one, self._kinds[one.rule])]
        told = predict(blast.legs, blast.roots, [_term(one) for one in terms], blast.as_of)
        breaches = [
            self._breach(deadline, one)
            for deadline, one in zip(terms, told, strict=True)
            if one is not None
        ]
        return Predicted(now, blast.basis, sorted(breaches, key=lambda one: one.breach_at))

    def _waited(
        self, connection: Connection, jobs: list[int], datasets: list[int]
    ) -> list[Deadline]:
        rules = list(self._severities)
        return [
            *expectations.deadlines(connection, rules, Subject.JOB, jobs),
            *expectations.deadlines(connection, rules, Subject.DATASET, datasets),
        ]

    def _exact(self, blast: Blast, one: Deadline) -> Deadline:
        """Without the time for which it is waited for what is heard of late."""
        kind = self._rules[one.rule].kind
        if not isinstance(kind, SlotRule) or one.slot_at is None:
            return one
        job = JobSeen(EntityName("", ""), spans=blast.jobs[one.subject].spans)
        return replace(one, due_at=kind.limit_of(job, Slot(one.slot_at, one.slot_at)))

    def _wanted(self, open_now: Sequence[int], now: datetime) -> list[int]:
        """Those that were not looked at for long, the longest first."""
        never = datetime.min.replace(tzinfo=now.tzinfo)
        last = {key: self._told_at.get(key, never) for key in open_now}
        self._told_at = last
        old = [key for key, at in last.items() if now - at >= REFRESH]
        return sorted(old, key=lambda key: last[key])[:MOST]

    def _blast(
        self,
        connection: Connection,
        jobs: list[int],
        late: list[int],
        root: OpenRoot,
        now: datetime,
    ) -> Blast:
        rows = {row.id: row for row in facts.job_rows(connection, jobs)}
        held = expectations.horizons(connection, now)
        orchestrators = [rows[key].orchestrator_id for key in late if key in rows]
        as_of = min((held.of(one) or now for one in orchestrators), default=now)
        runs = facts.runs_seen(connection, jobs, RUNS)
        over_time = spans.spans_of(connection, jobs)
        learned = facts.baselines(connection, jobs, now)
        touched = flows(connection, jobs)
        seen = {
            key: Late(
                key,
                touched[key].reads,
                touched[key].writes,
                learned[key].value if key in learned else None,
                runs.get(key, ()),
                over_time.get(key, ()),
            )
            for key in jobs
        }
        if root.orchestrator_id is not None:
            seen = waiting_for_it(seen)
            return Blast(seen, [Root(ORCHESTRATOR)], root.since, as_of)
        own = None if root.job_id is None else root.kind
        return Blast(seen, roots_of(seen, late, own, as_of), root.since, as_of)

    def _breach(self, deadline: Deadline, told: Prediction) -> Breach:
        return Breach(
            deadline.rule,
            self._kinds[deadline.rule],
            self._severities[deadline.rule],
            deadline.subject_kind,
            deadline.subject,
            deadline.due_at,
            told.probability,
            told.done_at,
            told.earliest_at,
            told.latest_at,
            told.must_by,
        )


def _late(connection: Connection, root: OpenRoot) -> list[int]:
    if root.job_id is not None:
        return [root.job_id]
    return [] if root.dataset_id is None else makers_of(connection, root.dataset_id)


def _term(one: Deadline) -> Term:
    return Term(one.due_at, **{one.subject_kind: one.subject})


def _keep(connection: Connection, key: int, told: Predicted, fence: Fence) -> None:
    fence(connection)
    keep_prediction(connection, key, told)
