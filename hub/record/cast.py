"""Everybody whom a batch names: jobs and datasets, found or made, and who orchestrates them."""

from __future__ import annotations

from collections.abc import Iterable

from hub.model import ChangeKind, Direction, EntityName, RunState
from hub.record.incoming import IncomingEvent, Sender
from hub.record.names import datasets_of, other_jobs_of
from hub.record.teams import give_to_maker
from hub.record.terms import endings, whole_words
from hub.store.ledger import ChangeRow, Ledger
from hub.store.rows import AttemptRow, DatasetRow, JobRow, RunRow
from hub.store.spaces import DEFAULT_KIND
from hub.store.workset import RunKey, Workset

#: A Dag is named by each event of its tasks: its row and the index by news are not moved for each.
TOUCH_EVERY_US = 1_000_000
_KIND_OF_INTEGRATION = {"AIRFLOW": "airflow", "DAGSTER": "dagster", "DBT": "dbt", "SPARK": "spark"}


class Cast:
    """All rows that the batch's events name. A job or dataset that is asked for is there."""

    def __init__(self, work: Workset, ledger: Ledger, now: int) -> None:
        self._work = work
        self._ledger = ledger
        self._now = now
        self._made: list[tuple[EntityName, DatasetRow]] = []
        self._makers: dict[EntityName, str] = {}

    # -- loading ---------------------------------------------------------------------------------

    def load(
        self,
        events: Iterable[IncomingEvent],
        jobs: dict[EntityName, Sender],
        datasets: Iterable[EntityName],
    ) -> None:
        """Finds or makes all that the events name, and the further `jobs` and `datasets`."""
        events = list(events)
        own = {item.event.job.name for item in events if item.event.job}
        others = {name for item in events for name in other_jobs_of(item.event)}
        known = {*datasets, *(name for item in events for name in datasets_of(item.event))}
        all_jobs = own | others | jobs.keys()
        self._work.namespaces.load({n.namespace for n in all_jobs | known})
        self._work.load_jobs(all_jobs)
        self._work.load_datasets(known)
        self._make_jobs(events, jobs)
        self._makers = _makers_of(events)
        for name in sorted(known):
            if self._work.named_dataset(name) is None:
                self._made.append((name, self._make_dataset(name)))

    def _make_jobs(self, events: list[IncomingEvent], jobs: dict[EntityName, Sender]) -> None:
        """Those that speak for themselves first: they know their orchestrator."""
        for item in events:
            if item.event.job is not None:
                name, orchestrator = item.event.job.name, self.orchestrator(item)
                self._job(name, orchestrator, item.sender).orchestrator_id = orchestrator
        for name, sender in jobs.items():
            speaks = self._work.namespaces.speak
            self._job(name, speaks(name.namespace, sender.orchestrator, DEFAULT_KIND), sender)
        for item in events:
            for name in other_jobs_of(item.event):
                if self._work.job(name) is None:
                    self._job(name, self._of_other(name, item), item.sender)

    def orchestrator(self, item: IncomingEvent) -> int:
        """The orchestrator that speaks in the event."""
        job = item.event.job
        assert job is not None
        kind = _KIND_OF_INTEGRATION.get((job.integration or "").upper(), DEFAULT_KIND)
        return self._work.namespaces.speak(job.name.namespace, item.sender.orchestrator, kind)

    def _of_other(self, name: EntityName, item: IncomingEvent) -> int:
        """A sender speaks for the jobs of its own namespace, not for those of others."""
        job = item.event.job
        if job is not None and job.name.namespace == name.namespace:
            return self.orchestrator(item)
        return self._work.namespaces.named_by_others(name.namespace)

    # -- jobs and datasets -----------------------------------------------------------------------

    def job(self, name: EntityName) -> JobRow:
        """The job, which is in use (again)."""
        row = self.named(name)
        self._work.namespaces.show(name.namespace)
        self._show(row)
        return row

    def named(self, name: EntityName) -> JobRow:
        row = self._work.job(name)
        assert row is not None
        return row

    def dataset(self, name: EntityName) -> DatasetRow:
        """The dataset that the name means, which is in use (again)."""
        row = self.meant(name)
        self._work.namespaces.show(name.namespace)
        self._show(row)
        return row

    def _show(self, row: JobRow | DatasetRow) -> None:
        if row.hidden or self._now - row.updated_at >= TOUCH_EVERY_US:
            row.hidden, row.updated_at = False, self._now

    def meant(self, name: EntityName) -> DatasetRow:
        row = self._work.dataset(name)
        assert row is not None
        return row

    def _job(self, name: EntityName, orchestrator: int, sender: Sender) -> JobRow:
        row = self._work.job(name)
        if row is not None:
            return row
        row = JobRow(
            id=self._work.ids.take("job"),
            namespace_id=self._work.namespaces.id_of(name.namespace),
            name=name.name,
            orchestrator_id=orchestrator,
            hidden=False,
            created_at=self._now,
            updated_at=self._now,
            team=sender.team,
        )
        self._ledger.counters["jobs", row.namespace_id] += 1
        self._ledger.changes.append(ChangeRow(self._now, ChangeKind.JOB_CREATED, job_id=row.id))
        self._introduce("job", row.id, name)
        return self._work.add_job(name, row)

    def _make_dataset(self, name: EntityName) -> DatasetRow:
        row = DatasetRow(
            id=self._work.ids.take("dataset"),
            namespace_id=self._work.namespaces.id_of(name.namespace),
            name=name.name,
            hidden=False,
            created_at=self._now,
            updated_at=self._now,
        )
        return self._work.add_dataset(name, row)

    def announce_datasets(self) -> None:
        """New datasets; a name that turned out to mean another one only leads there."""
        for name, row in self._made:
            self._introduce("dataset", row.canonical_id or row.id, name)
            if row.canonical_id is None:
                if name in self._makers:
                    give_to_maker(row, self._makers[name])
                self._ledger.counters["datasets", row.namespace_id] += 1
                change = ChangeRow(self._now, ChangeKind.DATASET_CREATED, dataset_id=row.id)
                self._ledger.changes.append(change)

    def _introduce(self, kind: str, entity: int, name: EntityName) -> None:
        self._ledger.find(kind, entity, "name", endings(name.name))
        self._ledger.find(kind, entity, "namespace", whole_words([name.namespace]))

    # -- runs ------------------------------------------------------------------------------------

    def attempt(
        self, uuid: bytes, key: RunKey, at: int, heard_at: int
    ) -> tuple[RunRow, AttemptRow]:
        """The attempt with that run id and its run, which is `key` unless it is known already."""
        attempt = self._work.attempt(uuid, key[0])
        if attempt is not None:
            return self._work.runs.rows[attempt.run_id], attempt
        found = self._work.run(key)
        run = found or self._make_run(key, uuid, at, heard_at)
        attempt = self._make_attempt(run, uuid, at)
        if found is None:
            run.attempt_id = attempt.id
        return run, attempt

    def _make_run(self, key: RunKey, uuid: bytes, at: int, heard_at: int) -> RunRow:
        job, natural, map_index, orchestrator = key
        row = RunRow(
            id=self._work.ids.take("run"),
            orchestrator_id=orchestrator,
            job_id=job,
            natural_id=natural,
            map_index=map_index,
            state=RunState.NEW,
            attempt_id=0,
            attempt_uuid=uuid,
            attempt_no=0,
            sort_at=at,
            created_at=heard_at,
            updated_at=self._now,
        )
        return self._work.add_run(row)

    def _make_attempt(self, run: RunRow, uuid: bytes, at: int) -> AttemptRow:
        row = AttemptRow(
            id=self._work.ids.take("attempt"),
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
        return self._work.add_attempt(row)


def _makers_of(events: list[IncomingEvent]) -> dict[EntityName, str]:
    """The team whose job writes each dataset; the first, where there are several."""
    makers: dict[EntityName, str] = {}
    for item in events:
        if item.sender.team is not None and item.event.job is not None:
            for facts in item.event.datasets:
                if facts.direction is Direction.OUTPUT:
                    makers.setdefault(facts.name, item.sender.team)
    return makers
