"""The rows one batch works on: loaded by key, changed in memory, saved where they differ.

Tables are read and written in one fixed order with sorted keys, so that two replicas meeting on
the same rows wait for each other but never in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import astuple

from hub.model import EntityName
from hub.store.bulk import Bulk, Fetch, Row
from hub.store.ids import Ids
from hub.store.rows import (
    ATTEMPT_BY_UUID,
    ATTEMPTS_OF_RUN,
    DATASET_BY_NAME,
    JOB_BY_NAME,
    LATEST_RUN,
    RUN_BY_KEY,
    SHADOWS,
    AttemptRow,
    DatasetRow,
    JobRow,
    Rows,
    RunRow,
    Statements,
)
from hub.store.spaces import Spaces

R = TypeVar("R", JobRow, DatasetRow, RunRow, AttemptRow)
RunKey = tuple[int, str, int, int]  # job, natural id, map index, orchestrator

CACHED = 10_000


class Remembered:
    """Rows as they were last committed. Only where nobody else writes: on SQLite."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._rows: dict[str, dict[tuple[int, str], Row]] = {"job": {}, "dataset": {}}

    def get(self, table: str, key: tuple[int, str]) -> Row | None:
        return self._rows[table].get(key)

    def put(self, table: str, key: tuple[int, str], row: Row) -> None:
        if not self._enabled:
            return
        rows = self._rows[table]
        if len(rows) >= CACHED:
            for oldest in list(rows)[: CACHED // 4]:
                del rows[oldest]
        rows[key] = row

    def forget(self) -> None:
        for rows in self._rows.values():
            rows.clear()


class Held(Generic[R]):
    """The rows of one table in this batch, and what they were when they were read."""

    def __init__(self, statements: Statements, kind: type[R]) -> None:
        self._statements = statements
        self._kind: type[R] = kind
        self.rows: dict[int, R] = {}
        self.read: dict[int, Row] = {}

    def take(self, raw: Row) -> R:
        """The working row of what was read; the one already at hand if there is one."""
        held = self.rows.get(raw[0])
        if held is None:
            held = self.rows[raw[0]] = self._kind(*raw)
            self.read[raw[0]] = raw
        return held

    def add(self, row: R) -> R:
        self.rows[row.id] = row
        return row

    def remove(self, row: R) -> None:
        del self.rows[row.id]

    def load(self, bulk: Bulk, ids: Iterable[int]) -> None:
        missing = sorted({i for i in ids if i not in self.rows})
        for raw in bulk.fetch(self._statements.by_id, [(i,) for i in missing]):
            self.take(raw)

    def save(self, bulk: Bulk) -> list[Row]:
        """Writes what is new or differs; returns those rows."""
        made: list[Row] = []
        changed: list[Row] = []
        moved: list[Row] = []
        settled = self._statements.settled
        for number in sorted(self.rows):
            now = astuple(self.rows[number])
            before = self.read.get(number)
            if before is None:
                made.append(now)
            elif now != before:
                (moved if settled(now) == settled(before) else changed).append(now)
        bulk.insert(self._statements.insert, made)
        bulk.update(self._statements.update, changed)
        bulk.update(self._statements.move, [self._statements.moving(row) for row in moved])
        return made + changed + moved

    def is_new(self, row: Struct) -> bool:
        return row.id not in self.read  # type: ignore[attr-defined]


class Workset:
    """Jobs, datasets, runs and attempts of one batch."""

    def __init__(self, bulk: Bulk, ids: Ids, namespaces: Spaces, remembered: Remembered) -> None:
        self.bulk = bulk
        self.ids = ids
        self.namespaces = namespaces
        self._remembered = remembered
        self.jobs: Held[JobRow] = Held(Rows.JOB, JobRow)
        self.datasets: Held[DatasetRow] = Held(Rows.DATASET, DatasetRow)
        self.runs: Held[RunRow] = Held(Rows.RUN, RunRow)
        self.attempts: Held[AttemptRow] = Held(Rows.ATTEMPT, AttemptRow)
        self._job_of: dict[EntityName, JobRow] = {}
        self._dataset_of: dict[EntityName, DatasetRow] = {}
        self._run_of: dict[RunKey, RunRow] = {}
        self._attempt_of: dict[tuple[bytes, int], AttemptRow] = {}
        self.saved: list[tuple[str, tuple[int, str], Row]] = []

    # -- loading ---------------------------------------------------------------------------------

    def load_jobs(self, names: Iterable[EntityName]) -> None:
        self._load_named("job", JOB_BY_NAME, self.jobs, self._job_of, names)

    def load_datasets(self, names: Iterable[EntityName]) -> None:
        self._load_named("dataset", DATASET_BY_NAME, self.datasets, self._dataset_of, names)
        meant = [r.canonical_id for r in self._dataset_of.values() if r.canonical_id]
        self.datasets.load(self.bulk, meant)

    def _load_named(
        self,
        table: str,
        fetch: Fetch,
        held: Held[Any],
        index: dict[EntityName, Any],
        names: Iterable[EntityName],
    ) -> None:
        keys = {(self.namespaces.id_of(n.namespace), n.name): n for n in names}
        missing = []
        for key, name in sorted(keys.items()):
            raw = self._remembered.get(table, key)
            if raw is None:
                missing.append(key)
            else:
                index[name] = held.take(raw)
        for raw in self.bulk.fetch(fetch, missing):
            key = (raw[1], raw[2])
            index[keys[key]] = held.take(raw)
            self.saved.append((table, key, raw))

    def load_attempts(self, keys: Iterable[tuple[bytes, int]]) -> None:
        for raw in self.bulk.fetch(ATTEMPT_BY_UUID, sorted(set(keys))):
            row = self.attempts.take(raw)
            self._attempt_of[(row.uuid, row.job_id)] = row
        self.runs.load(self.bulk, (a.run_id for a in self.attempts.rows.values()))
        for run in self.runs.rows.values():
            self._run_of[run_key(run)] = run

    def load_shadows(self, canonical: DatasetRow) -> list[DatasetRow]:
        """The datasets whose names mean `canonical`."""
        if not self.datasets.is_new(canonical):
            for raw in self.bulk.fetch(SHADOWS, [(canonical.id,)]):
                self.datasets.take(raw)
        return [r for r in self.datasets.rows.values() if r.canonical_id == canonical.id]

    def load_attempts_of(self, runs: Iterable[int]) -> list[AttemptRow]:
        """All attempts of the runs, which are at hand, in this batch and from before it."""
        wanted = set(runs)
        for raw in self.bulk.fetch(ATTEMPTS_OF_RUN, [(run,) for run in self.old_runs(wanted)]):
            self.attempts.take(raw)
        return [a for a in self.attempts.rows.values() if a.run_id in wanted]

    def old_runs(self, runs: Iterable[int]) -> list[int]:
        """Those of the runs that are from before this batch."""
        return sorted(number for number in runs if number in self.runs.read)

    def load_runs(self, keys: Iterable[RunKey]) -> None:
        missing = sorted({k for k in keys if k not in self._run_of})
        for raw in self.bulk.fetch(RUN_BY_KEY, missing):
            run = self.runs.take(raw)
            self._run_of[run_key(run)] = run

    # -- looking up and making -------------------------------------------------------------------

    def job(self, name: EntityName) -> JobRow | None:
        return self._job_of.get(name)

    def add_job(self, name: EntityName, row: JobRow) -> JobRow:
        self._job_of[name] = row
        return self.jobs.add(row)

    def dataset(self, name: EntityName) -> DatasetRow | None:
        """The dataset of that name, or the one the name is a symlink to."""
        row = self._dataset_of.get(name)
        if row is None or row.canonical_id is None:
            return row
        return self.datasets.rows[row.canonical_id]

    def named_dataset(self, name: EntityName) -> DatasetRow | None:
        """The row of exactly that name, symlink or not."""
        return self._dataset_of.get(name)

    def add_dataset(self, name: EntityName, row: DatasetRow) -> DatasetRow:
        self._dataset_of[name] = row
        return self.datasets.add(row)

    def attempt(self, uuid: bytes, job_id: int) -> AttemptRow | None:
        return self._attempt_of.get((uuid, job_id))

    def add_attempt(self, row: AttemptRow) -> AttemptRow:
        self._attempt_of[(row.uuid, row.job_id)] = row
        return self.attempts.add(row)

    def run(self, key: RunKey) -> RunRow | None:
        return self._run_of.get(key)

    def add_run(self, row: RunRow) -> RunRow:
        self._run_of[run_key(row)] = row
        return self.runs.add(row)

    def rename_run(self, run: RunRow, key: RunKey) -> None:
        """The run's own id became known."""
        self._run_of.pop(run_key(run), None)
        _, run.natural_id, run.map_index, run.orchestrator_id = key
        self._run_of[key] = run

    def replace_run(self, run: RunRow, target: RunRow) -> None:
        """`run` turned out to be `target`, in the store as well."""
        self._run_of.pop(run_key(run), None)
        self.runs.remove(run)
        for attempt in self.attempts.rows.values():
            if attempt.run_id == run.id:
                attempt.run_id = target.id
        for other in self.runs.rows.values():
            if other.parent_run_id == run.id:
                other.parent_run_id = target.id
            if other.root_run_id == run.id:
                other.root_run_id = target.id

    # -- saving ----------------------------------------------------------------------------------

    def save(self) -> None:
        """Writes the four tables; `remember` afterwards, once the transaction is committed."""
        for row in self.jobs.save(self.bulk):
            self.saved.append(("job", (row[1], row[2]), row))
        for row in self.datasets.save(self.bulk):
            self.saved.append(("dataset", (row[1], row[2]), row))
        self.runs.save(self.bulk)
        self.attempts.save(self.bulk)

    def choose_leaders(self, jobs: Iterable[int]) -> None:
        """Finds, among all their saved runs, the latest run of each of `jobs`."""
        for number in sorted(jobs):
            job = self.jobs.rows[number]
            latest = next(iter(self.bulk.fetch(LATEST_RUN, [(number,)])), (None, None, None))
            job.latest_run_id, job.latest_run_at, job.latest_run_state = latest
            row = astuple(job)
            self.bulk.update(Rows.JOB.update, [row])
            self.saved.append(("job", (row[1], row[2]), row))

    def remember(self) -> None:
        """After the commit: what is true from now on."""
        for table, key, row in self.saved:
            self._remembered.put(table, key, row)


def run_key(run: RunRow) -> RunKey:
    return (run.job_id, run.natural_id, run.map_index, run.orchestrator_id)
