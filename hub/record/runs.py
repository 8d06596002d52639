"""Applies what events say of runs."""

from __future__ import annotations

from collections.abc import Iterable

from hub.model import RunFacts, RunRef, RunState
from hub.record.cast import TOUCH_EVERY_US, Cast
from hub.record.changes import attempt_change, run_change, start_change
from hub.record.identities import Identities
from hub.record.incoming import IncomingEvent
from hub.record.jobs import JobDescriber
from hub.record.states import (
    adopt_attempt,
    advance_attempt,
    describe_run,
    is_disputed,
    lead_job,
    mention_attempt,
    place_run,
)
from hub.record.terms import to_json
from hub.store.descriptions import Descriptions, Needed
from hub.store.ledger import Ledger
from hub.store.rows import AttemptRow, JobRow, RunRow
from hub.store.workset import Workset


class Runs:
    """The runs of one batch."""

    def __init__(
        self,
        work: Workset,
        cast: Cast,
        identities: Identities,
        jobs: JobDescriber,
        ledger: Ledger,
        descriptions: Descriptions,
        now: int,
    ) -> None:
        self._work = work
        self._cast = cast
        self._identities = identities
        self._jobs = jobs
        self._ledger = ledger
        self._out = descriptions
        self._now = now
        self.stale_leaders: set[int] = set()
        self.touched: set[int] = set()
        self._mentioned: set[int] = set()  # attempts, by events of their parts

    def bring_together(self, moved: Iterable[tuple[RunRow, AttemptRow]]) -> None:
        """Attempts that turned out to belong to another run."""
        for run, attempt in moved:
            self.stale_leaders.add(run.job_id)
            self._step(run, attempt, attempt.state)

    def apply(self, job: JobRow, facts: RunFacts, item: IncomingEvent) -> tuple[RunRow, AttemptRow]:
        """One event of an attempt."""
        key = self._identities.key(job.id, facts.run_id)
        run, attempt = self._cast.attempt(facts.run_id, key, item.at, item.received_at)
        before, disputed = attempt.state, is_disputed(attempt)
        advance_attempt(attempt, item, facts)
        if is_disputed(attempt) and not disputed:
            self._ledger.counters["disagreements", job.namespace_id] += 1
        describe_run(run, facts, _tags(facts))
        self._relate(run, job, facts, item)
        self._step(run, attempt, before)
        return run, attempt

    def _relate(self, run: RunRow, job: JobRow, facts: RunFacts, item: IncomingEvent) -> None:
        parent = self._other(facts.parent, item)
        root = parent if facts.root == facts.parent else self._other(facts.root, item)
        if parent is not None and facts.parent is not None:
            place_run(run, parent.id, root.id if root else None, item.at, item.digest)
            name = facts.parent.job
            self._jobs.adopt(job, self._work.jobs.rows[parent.job_id], name, item)
        for needed in facts.dependencies:
            key = (run.id, self._cast.job(needed.job).id, needed.upstream)
            self._out.depend(key, Needed(needed.run_id, needed.kind))

    def _other(self, ref: RunRef | None, item: IncomingEvent) -> RunRow | None:
        """The run another event will tell more of; until then it is NEW."""
        if ref is None:
            return None
        key = self._identities.key(self._cast.job(ref.job).id, ref.run_id)
        run, attempt = self._cast.attempt(ref.run_id, key, item.at, item.received_at)
        if attempt.id not in self._mentioned or item.at < attempt.first_at:
            self._mentioned.add(attempt.id)
            mention_attempt(attempt, item.at)
            self._step(run, attempt, attempt.state)
        return run

    def _step(self, run: RunRow, attempt: AttemptRow, attempt_was: str) -> None:
        """The run follows its attempt, its job follows the run, and transitions are told."""
        was, started = run.state, run.started_at
        adopt_attempt(run, attempt)
        if self._now - run.updated_at >= TOUCH_EVERY_US:
            run.updated_at = self._now
        self.touched.add(run.id)
        if attempt.state != attempt_was and attempt.state == RunState.FAILED:
            self._ledger.changes.append(attempt_change(self._now, run, attempt))
        if run.state != was:
            self._ledger.changes += run_change(self._now, run)
        elif started is None and run.started_at is not None:
            # It ended before we heard that it had started: that it did is told all the same.
            self._ledger.changes.append(start_change(self._now, run))
        if not lead_job(self._work.jobs.rows[run.job_id], run):
            self.stale_leaders.add(run.job_id)


def _tags(facts: RunFacts) -> str | None:
    return to_json([[t.key, t.value] for t in facts.tags]).decode() if facts.tags else None
