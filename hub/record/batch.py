"""One batch of lineage events folded into rows.

Load whom the events name, apply the events one by one in memory, draw the consequences. All that
needs the store is read before the first event is applied, except for the past of completed runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hub.model import DatasetFacts, EntityName, LineageEvent
from hub.record.cast import Cast
from hub.record.checks import NO_DATASET, NO_RUN, Checks
from hub.record.consequences import Consequences
from hub.record.datasets import DatasetDescriber
from hub.record.identities import Identities
from hub.record.incoming import IncomingEvent, Sender
from hub.record.jobs import JobDescriber
from hub.record.links import Links
from hub.record.runs import Runs
from hub.record.versions import Versions
from hub.store.db import Connection
from hub.store.descriptions import Descriptions
from hub.store.ledger import Io, Ledger
from hub.store.merge import jobs_of_dataset, runs_of_two_minds
from hub.store.rows import AttemptRow, DatasetRow, JobRow, RunRow
from hub.store.workset import Workset

_HOUR_US = 3_600_000_000
Ran = tuple[RunRow, AttemptRow]


class Batch:
    """The fold of one batch."""

    def __init__(self, work: Workset, connection: Connection, now: int) -> None:
        self.work = work
        self.now = now
        self.ledger = Ledger()
        self.descriptions = Descriptions()
        self._connection = connection
        self.cast = Cast(work, self.ledger, now)
        self._links = Links(work, connection, self.ledger)
        self._identities = Identities(work, connection, self.cast)
        self.jobs = JobDescriber(work, self.ledger, self.descriptions)
        self._datasets = DatasetDescriber(work, self.cast, self.ledger, self.descriptions, now)
        self.runs = Runs(
            work, self.cast, self._identities, self.jobs, self.ledger, self.descriptions, now
        )
        self._checks = Checks(self.ledger, self.descriptions)
        self._versions = Versions(work, self.ledger, now)
        self._consequences = Consequences(work, self.ledger, self._versions, connection, now)
        self._noted: list[tuple[int, str, JobRow | DatasetRow | None]] = []

    @property
    def merged(self) -> bool:
        """Whether rows of earlier batches became one."""
        return bool(self._links.moved or self._identities.moved)

    def load(
        self,
        events: Sequence[IncomingEvent],
        jobs: dict[EntityName, Sender],
        datasets: set[EntityName],
    ) -> None:
        """Everything that the events name is there afterwards, and the further names too."""
        self.cast.load(events, jobs, datasets)
        self._links.settle(events)
        self.cast.announce_datasets()
        self._datasets.load(events)
        self._identities.settle(events)
        self.runs.stale_leaders |= self._identities.renamed
        self.runs.bring_together(self._identities.moved)

    def apply(self, item: IncomingEvent) -> None:
        """Applies one event to the rows at hand."""
        event, ran = item.event, None
        job = self.cast.job(event.job.name) if event.job else None
        if job is not None:
            self.jobs.describe(job, item)
        if job is not None and event.run is not None:
            ran = self.runs.apply(job, event.run, item)
            run = ran[0]
            self._checks.take(NO_DATASET, None, event.run.checks, run.id, item)
        for facts in event.datasets:
            self._apply_dataset(self.cast.dataset(facts.name), facts, job, ran, item)
        if job is not None and ran is None and event.datasets:
            self._declare(job, item)
        self._note(item, job, ran)

    def _apply_dataset(
        self,
        row: DatasetRow,
        facts: DatasetFacts,
        job: JobRow | None,
        ran: Ran | None,
        item: IncomingEvent,
    ) -> None:
        self._datasets.describe(row, facts, job, item)
        run = ran[0].id if ran else NO_RUN
        self._checks.take(row.id, facts.partition, facts.checks, run, item)
        if job is None or facts.direction is None:
            self._consequences.standalone(row.id, facts, item)
            return
        self.ledger.touch_edge(job.id, facts.direction.value, row.id, item.at, item.at)
        if ran is not None:
            partition = facts.partition or ""
            key = (ran[0].id, facts.direction.value, row.id, ran[1].id, partition)
            self.ledger.touch_io(key, self._io(row, facts, item.at))

    def _io(self, row: DatasetRow, facts: DatasetFacts, at: int) -> Io:
        io = Io(at, facts.rows, facts.bytes, facts.files)
        shown = self._datasets.schema_shown(row, facts)
        if shown is not None:
            io.schema_id = shown[0]
            io.schema_mark = (at + 2**63).to_bytes(8, "big") + shown[1]
        return io

    def _declare(self, job: JobRow, item: IncomingEvent) -> None:
        """A job event says what the job deals with."""
        sides: dict[str, set[int]] = {"INPUT": set(), "OUTPUT": set()}
        for facts in item.event.datasets:
            if facts.direction is not None:
                sides[facts.direction.value].add(self.cast.meant(facts.name).id)
        inputs, outputs = (frozenset(side) for side in sides.values())
        if inputs or outputs:
            self._versions.show(job.id, item.at, inputs, outputs, NO_RUN)

    def finish(self) -> None:
        """Draws the consequences of all applied events."""
        moved = dict(self._links.moved)
        self._redraw(moved.values())
        self._consequences.finish(self.runs.touched)
        owners = jobs_of_dataset(self._connection, moved.values())
        self.work.jobs.load(self.work.bulk, owners)
        self._versions.finish(self.jobs.relocated | owners, moved)
        self._checks.finish(self.work.bulk, self.now)
        self.jobs.finish()
        self._datasets.finish()
        self._count()

    def _redraw(self, merged: Iterable[int]) -> None:
        """Runs that told a partition under one name of a dataset and none under another."""
        runs = runs_of_two_minds(self._connection, merged)
        self.work.runs.load(self.work.bulk, runs)
        self.work.jobs.load(self.work.bulk, (self.work.runs.rows[n].job_id for n in runs))
        self.runs.touched |= runs

    def _note(self, item: IncomingEvent, job: JobRow | None, ran: Ran | None) -> None:
        """Keeps the event itself."""
        event = item.event
        kind = _kind_of(event)
        named = self.cast.meant(event.datasets[0].name) if _is_of_dataset(event) else None
        self._noted.append((item.at - item.at % _HOUR_US, kind, job or named))
        self.ledger.events.append(
            (
                self.work.ids.take("lineage_event"),
                item.received_at,
                item.at,
                kind,
                (job.orchestrator_id if job else None) or 0,
                job.id if job else None,
                ran[0].id if ran else None,
                named.id if named else None,
                item.payload,
            )
        )

    def _count(self) -> None:
        """Counts the events, now that it is known whose they are."""
        for hour, kind, subject in self._noted:
            self.ledger.event_counts[hour, kind] += 1
            if subject is not None and subject.team is not None:
                self.ledger.team_event_counts[subject.team, hour, kind] += 1


def _is_of_dataset(event: LineageEvent) -> bool:
    return event.job is None and bool(event.datasets)


def _kind_of(event: LineageEvent) -> str:
    if event.run is not None:
        return event.event_type.value
    return "JOB" if event.job is not None else "DATASET"
