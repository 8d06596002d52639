"""One batch of lineage events folded into rows.

Load what the events name, apply the events one by one in memory, draw the consequences, save.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hub.model import (
    DatasetFacts,
    EntityName,
    LineageEvent,
    RunFacts,
    RunRef,
    RunState,
)
from hub.record.changes import attempt_change, run_change
from hub.record.consequences import Completions
from hub.record.facets import Describer
from hub.record.incoming import IncomingEvent, Sender
from hub.record.merges import Merges
from hub.record.states import adopt_attempt, advance_attempt, describe_run, lead_job
from hub.record.terms import endings, whole_words
from hub.store.descriptions import Descriptions
from hub.store.ledger import ChangeRow, Io, Ledger
from hub.store.rows import AttemptRow, DatasetRow, JobRow, RunRow
from hub.store.types import to_micros
from hub.store.workset import RunKey, Workset

_HOUR_US = 3_600_000_000
_KIND_OF_INTEGRATION = {"AIRFLOW": "airflow", "DAGSTER": "dagster", "DBT": "dbt", "SPARK": "spark"}
_DEFAULT_KIND = "engine"


class Batch:
    """The fold of one batch."""

    def __init__(self, work: Workset, now: int) -> None:
        self.work = work
        self.now = now
        self.ledger = Ledger()
        self.descriptions = Descriptions()
        self.describer = Describer(work, self.ledger, self.descriptions)
        self.completions = Completions(work, self.ledger)
        self.merges = Merges()
        self.stale_leaders: set[int] = set()

    # -- loading ---------------------------------------------------------------------------------

    def load(
        self,
        events: Sequence[IncomingEvent],
        jobs: Iterable[EntityName] = (),
        datasets: Iterable[EntityName] = (),
    ) -> None:
        """Reads every row that the events name, and the further `jobs` and `datasets`."""
        all_jobs, all_datasets = set(jobs), set(datasets)
        for item in events:
            _names_of(item.event, all_jobs, all_datasets)
        self.work.namespaces.load({n.namespace for n in all_jobs | all_datasets})
        self.work.load_jobs(all_jobs)
        self.work.load_datasets(all_datasets)
        self._load_runs(events)
        for item in events:
            for facts in item.event.datasets:
                if facts.symlinks:
                    self._link(facts)

    def _load_runs(self, events: Sequence[IncomingEvent]) -> None:
        attempts: set[tuple[bytes, int]] = set()
        runs: set[RunKey] = set()
        for item in events:
            for name, uuid, natural_id, map_index in _runs_of(item.event):
                job = self.work.job(name)
                if job is not None:
                    attempts.add((uuid, job.id))
                    orchestrator = self._orchestrator(name, item)
                    runs.add((job.id, _natural(natural_id, uuid), map_index, orchestrator))
        self.work.load_attempts(attempts)
        self.work.load_runs(runs)

    def _link(self, facts: DatasetFacts) -> None:
        """Every symlink's name means this dataset from now on, and so does all it had."""
        target = self._dataset(facts.name)
        for name in facts.symlinks:
            alias = self.work.named_dataset(name) or self.describer.new_dataset(name, self.now)
            if target.id in {alias.id, alias.canonical_id}:
                continue
            if self.work.datasets.is_new(alias):
                alias.canonical_id = target.id
                continue
            moved = self.work.dataset(name) or alias
            if moved.id != target.id:
                moved.canonical_id = alias.canonical_id = target.id
                self.merges.datasets.append((moved.id, target.id))

    def _orchestrator(self, job: EntityName, item: IncomingEvent) -> int:
        integration = item.event.job.integration if item.event.job else None
        kind = _KIND_OF_INTEGRATION.get((integration or "").upper(), _DEFAULT_KIND)
        return self.work.namespaces.orchestrator_of(job.namespace, item.sender.orchestrator, kind)

    # -- applying --------------------------------------------------------------------------------

    def apply(self, item: IncomingEvent) -> None:
        """Applies one event to the rows at hand."""
        event = item.event
        job = self._job(event.job.name, item) if event.job else None
        if job is not None:
            self.describer.describe_job(job, item)
            for warning in event.warnings:
                self.ledger.warn(job.id, warning.path, warning.message, item.at)
        run = self._apply_run(job, item) if job is not None and event.run else None
        for facts in event.datasets:
            self._dataset(facts.name)
        self._apply_datasets(job, run, item)
        self._note(item, job, run)

    def _apply_run(self, job: JobRow, item: IncomingEvent) -> tuple[RunRow, AttemptRow]:
        facts = item.event.run
        assert facts is not None
        orchestrator = self._orchestrator(item.event.job.name, item)  # type: ignore[union-attr]
        run, attempt = self._attempt(
            job, facts.run_id, facts.natural_id, facts.map_index, orchestrator, item.at
        )
        was_run, was_attempt = run.state, attempt.state
        advance_attempt(attempt, item.event.event_type, item.at, item.digest, facts)
        adopt_attempt(run, attempt)
        self._relate(run, job, facts, item)
        self._tell(run, attempt, was_run, was_attempt)
        self._lead(job, run)
        return run, attempt

    def _attempt(
        self,
        job: JobRow,
        uuid: bytes,
        natural_id: str | None,
        map_index: int,
        orchestrator: int,
        at: int,
    ) -> tuple[RunRow, AttemptRow]:
        """The attempt with that run id and its run, made or joined as far as is known now."""
        attempt = self.work.attempt(uuid, job.id)
        if attempt is not None:
            run = self.work.runs.rows[attempt.run_id]
            if natural_id is not None and run.natural_id != natural_id:
                run = self._identify(run, attempt, natural_id, map_index)
            return run, attempt
        natural = _natural(natural_id, uuid)
        found = self.work.run((job.id, natural, map_index, orchestrator))
        run = found or self._new_run(job, natural, map_index, orchestrator, uuid, at)
        attempt = self._new_attempt(run, uuid, at)
        if found is None:
            run.attempt_id = attempt.id
        return run, attempt

    def _identify(
        self, run: RunRow, attempt: AttemptRow, natural_id: str, map_index: int
    ) -> RunRow:
        """An attempt that stood alone turns out to belong to the run `natural_id`."""
        if run.natural_id != _natural(None, attempt.uuid):
            return run
        target = self.work.run((run.job_id, natural_id, map_index, run.orchestrator_id))
        if target is None:
            self.work.rename_run(run, natural_id, map_index)
            return run
        attempt.run_id = target.id
        self.merges.runs.append((run.id, target.id))
        self.ledger.rename_run(run.id, target.id)
        self.work.replace_run(run, target)
        self.stale_leaders.add(run.job_id)
        return target

    def _relate(self, run: RunRow, job: JobRow, facts: RunFacts, item: IncomingEvent) -> None:
        parent = self._related(facts.parent, item)
        root = self._related(facts.root, item)
        if parent is not None:
            self.describer.adopt_child(job, parent.job_id, item)
        describe_run(
            run,
            {
                "parent_run_id": parent.id if parent else None,
                "root_run_id": root.id if root else (parent.id if parent else None),
                "nominal_start": to_micros(facts.nominal_start) if facts.nominal_start else None,
                "nominal_end": to_micros(facts.nominal_end) if facts.nominal_end else None,
                "partition_key": facts.partition,
                "engine": facts.engine,
                "tags": self.describer.tags_text(facts.tags),
            },
        )
        for dependency in facts.dependencies:
            other = self._job(dependency.job, item)
            self.descriptions.dependencies.add(
                (run.id, other.id, dependency.upstream, dependency.run_id, dependency.kind)
            )

    def _related(self, ref: RunRef | None, item: IncomingEvent) -> RunRow | None:
        """The run another event will tell more of; until then it is NEW."""
        if ref is None:
            return None
        job = self._job(ref.job, item)
        orchestrator = self._orchestrator(ref.job, item)
        run, attempt = self._attempt(job, ref.run_id, ref.natural_id, -1, orchestrator, item.at)
        attempt.first_at = min(attempt.first_at, item.at)
        adopt_attempt(run, attempt)
        self._lead(job, run)
        return run

    def _tell(self, run: RunRow, attempt: AttemptRow, was_run: str, was_attempt: str) -> None:
        if attempt.state != was_attempt and attempt.state == RunState.FAILED:
            self.ledger.changes.append(attempt_change(self.now, run, attempt))
        if run.state != was_run:
            change = run_change(self.now, run)
            if change is not None:
                self.ledger.changes.append(change)

    def _lead(self, job: JobRow, run: RunRow) -> None:
        if not lead_job(job, run):
            self.stale_leaders.add(job.id)

    def _apply_datasets(
        self, job: JobRow | None, ran: tuple[RunRow, AttemptRow] | None, item: IncomingEvent
    ) -> None:
        for facts in item.event.datasets:
            row = self._dataset(facts.name)
            schema = self.describer.describe_dataset(row, facts, job, item)
            self.describer.check(row, facts, ran[0] if ran else None, item)
            if job is None or facts.direction is None:
                self.completions.standalone(row, facts, item)
                continue
            self.ledger.touch_edge(job.id, facts.direction, row.id, item.at, item.at)
            if ran is not None:
                partition = facts.partition or ran[0].partition_key
                io = Io(item.at, partition, facts.rows, facts.bytes, facts.files)
                key = (ran[0].id, facts.direction.value, row.id)
                self.ledger.touch_io(key, io)
                self.describer.await_schema(row, key, schema)
        if ran is not None:
            self.completions.note(ran[1])
        elif job is not None and item.event.datasets:
            job.io_at = max(job.io_at or 0, item.at)
        if ran is not None and item.event.run is not None:
            self.describer.check_run(ran[0], item.event.run.checks, item)

    # -- the end ---------------------------------------------------------------------------------

    def finish(self) -> None:
        """Draws the consequences of all applied events."""
        self.completions.finish(self.descriptions, self.now)
        self.describer.finish(self.now)

    # -- making ----------------------------------------------------------------------------------

    def _job(self, name: EntityName, item: IncomingEvent) -> JobRow:
        row = self.work.job(name)
        if row is None:
            row = self._new_job(name, self._orchestrator(name, item), item.sender.team)
        return self._seen(name, row)

    def job_named(self, name: EntityName, sender: Sender) -> JobRow:
        """The job of an observation."""
        row = self.work.job(name)
        if row is None:
            orchestrator = self.work.namespaces.orchestrator_of(
                name.namespace, sender.orchestrator, _DEFAULT_KIND
            )
            row = self._new_job(name, orchestrator, sender.team)
        return self._seen(name, row)

    def dataset_named(self, name: EntityName) -> DatasetRow:
        return self._dataset(name)

    def _seen(self, name: EntityName, row: JobRow) -> JobRow:
        self.work.namespaces.show(name.namespace)
        row.hidden, row.updated_at = False, self.now
        return row

    def _new_job(self, name: EntityName, orchestrator: int, team: str | None) -> JobRow:
        row = JobRow(
            id=self.work.ids.take("job"),
            namespace_id=self.work.namespaces.id_of(name.namespace),
            name=name.name,
            orchestrator_id=orchestrator,
            hidden=False,
            created_at=self.now,
            updated_at=self.now,
            team=team,
        )
        self._introduce("job", "jobs", name, row.id, row.namespace_id)
        self.ledger.changes.append(ChangeRow(self.now, "job_created", job_id=row.id))
        return self.work.add_job(name, row)

    def _dataset(self, name: EntityName) -> DatasetRow:
        self.work.namespaces.show(name.namespace)
        row = self.work.dataset(name)
        if row is None:
            row = self._new_dataset(name)
        row.hidden, row.updated_at = False, self.now
        return row

    def _new_dataset(self, name: EntityName) -> DatasetRow:
        row = self.describer.new_dataset(name, self.now)
        self._introduce("dataset", "datasets", name, row.id, row.namespace_id)
        self.ledger.changes.append(ChangeRow(self.now, "dataset_created", dataset_id=row.id))
        return row

    def _introduce(
        self, kind: str, counter: str, name: EntityName, entity: int, namespace: int
    ) -> None:
        self.ledger.counters[(counter, namespace)] += 1
        self.ledger.find(endings(name.name), kind, entity, "name")
        self.ledger.find(whole_words([name.namespace]), kind, entity, "namespace")

    def _new_run(
        self, job: JobRow, natural: str, map_index: int, orchestrator: int, uuid: bytes, at: int
    ) -> RunRow:
        row = RunRow(
            id=self.work.ids.take("run"),
            orchestrator_id=orchestrator,
            job_id=job.id,
            natural_id=natural,
            map_index=map_index,
            state=RunState.NEW,
            attempt_id=0,
            attempt_uuid=uuid,
            attempt_no=0,
            sort_at=at,
            created_at=self.now,
            updated_at=self.now,
        )
        return self.work.add_run(row)

    def _new_attempt(self, run: RunRow, uuid: bytes, at: int) -> AttemptRow:
        row = AttemptRow(
            id=self.work.ids.take("attempt"),
            run_id=run.id,
            job_id=run.job_id,
            uuid=uuid,
            no=0,
            state=RunState.NEW,
            state_at=at,
            state_rank=-1,
            state_digest=b"",
            will_retry=False,
            first_at=at,
        )
        return self.work.add_attempt(row)

    def _note(
        self, item: IncomingEvent, job: JobRow | None, ran: tuple[RunRow, AttemptRow] | None
    ) -> None:
        event = item.event
        kind = _kind_of(event)
        first = event.datasets[0].name if event.job is None and event.datasets else None
        dataset = self._dataset(first).id if first else None
        orchestrator = (job.orchestrator_id if job else None) or 0
        self.ledger.event_counts[(item.at - item.at % _HOUR_US, kind)] += 1
        self.ledger.digests.append(item.key)
        run_id = ran[0].id if ran else None
        self.ledger.events.append(
            (
                self.work.ids.take("lineage_event"),
                item.received_at,
                item.at,
                kind,
                orchestrator,
                job.id if job else None,
                run_id,
                dataset,
                item.payload,
            )
        )


def _kind_of(event: LineageEvent) -> str:
    if event.run is not None:
        return event.event_type.value
    return "JOB" if event.job is not None else "DATASET"


def _natural(natural_id: str | None, uuid: bytes) -> str:
    """A run without an id of its own is known by its attempt's."""
    return natural_id if natural_id is not None else uuid.hex()


def _names_of(event: LineageEvent, jobs: set[EntityName], datasets: set[EntityName]) -> None:
    if event.job is not None:
        jobs.add(event.job.name)
    if event.run is not None:
        jobs.update(r.job for r in (event.run.parent, event.run.root) if r is not None)
        jobs.update(d.job for d in event.run.dependencies)
    for facts in event.datasets:
        datasets.add(facts.name)
        datasets.update(facts.symlinks)
        datasets.update(e.from_dataset for e in facts.column_lineage or ())


def _runs_of(event: LineageEvent) -> Iterator[tuple[EntityName, bytes, str | None, int]]:
    """(job, run id, natural id, map index) of every run an event names."""
    if event.run is None or event.job is None:
        return
    run = event.run
    yield event.job.name, run.run_id, run.natural_id, run.map_index
    for ref in (run.parent, run.root):
        if ref is not None:
            yield ref.job, ref.run_id, ref.natural_id, -1
