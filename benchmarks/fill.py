"""Fills a store with a world of a given size, straight into the tables.

    python -m benchmarks.fill sqlite:////tmp/world.db --jobs 20000

Pipelines of 100 jobs and 100 datasets, 20 levels deep; as many datasets as jobs, ten runs per job
with their attempts, datasets, updates and two events each. The rows are what the recorder would
have left behind; going through it would take hours for the large ones.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import zstandard
from sqlalchemy import Table, text

from hub.record.terms import endings, whole_words
from hub.store import tables as t
from hub.store.bulk import Insert, bulk_of
from hub.store.db import Database
from hub.store.migrate import migrate
from hub.store.types import from_micros

PIPELINE: Final = 100
WIDTH: Final = 5
RUNS: Final = 10
PER_NAMESPACE: Final = 1000
BATCH: Final = 20_000
HOUR: Final = 3_600_000_000
MINUTE: Final = 60_000_000
START: Final = 1_793_000_000_000_000 // HOUR * HOUR

AREAS = ("sales", "billing", "claims", "freight", "payroll", "weather", "ledger", "marketing")
VERBS = ("load", "clean", "join", "rank", "export", "dedupe", "enrich", "score")
THINGS = ("orders", "customers", "invoices", "routes", "shifts", "readings", "accounts", "visits")

Row = dict[str, Any]


class World:
    """The rows of `jobs` jobs, as many datasets and ten times as many runs."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self.datasets_from = jobs + 1_000_000  # ids of jobs, datasets and the rest don't overlap
        self.payload = zstandard.compress(json.dumps(_event()).encode())

    def name(self, number: int) -> str:
        draw = random.Random(number)
        area, verb, thing = draw.choice(AREAS), draw.choice(VERBS), draw.choice(THINGS)
        return f"{area}_{number // PIPELINE}.{verb}_{thing}_{number}"

    def namespaces(self) -> Iterator[tuple[Table, Row]]:
        for number in range(-(-self.jobs // PER_NAMESPACE)):
            for offset, kind in ((1, "airflow"), (100_001, "postgres://warehouse")):
                yield (
                    t.namespace,
                    {
                        "id": number + offset,
                        "name": f"{kind}-{number}",
                        "hidden": False,
                        "created_at": START,
                        "updated_at": START,
                    },
                )
                counted = "jobs" if offset == 1 else "datasets"
                value = min(PER_NAMESPACE, self.jobs - number * PER_NAMESPACE)
                key = {"name": counted, "scope_id": number + offset, "writer_id": 1}
                yield t.counter, {**key, "value": value}

    def entities(self) -> Iterator[tuple[Table, Row]]:
        for number in range(1, self.jobs + 1):
            yield from self._job(number)
            yield from self._dataset(number)

    def _job(self, job: int) -> Iterator[tuple[Table, Row]]:
        latest = START + (RUNS - 1) * HOUR + job % 60 * MINUTE
        space = (job - 1) // PER_NAMESPACE
        yield (
            t.job,
            {
                "id": job,
                "namespace_id": space + 1,
                "name": self.name(job),
                "orchestrator_id": 1,
                "kind": "TASK",
                "owners": '["data-team"]',
                "latest_run_id": job * RUNS,
                "latest_run_at": latest,
                "latest_run_state": self._state(job, RUNS - 1),
                "version_id": job,
                "io_at": START + 10 * MINUTE,
                "hidden": False,
                "created_at": START - job * MINUTE,
                "updated_at": latest,
            },
        )
        inputs = self._inputs(job)
        for direction, datasets in (("INPUT", inputs), ("OUTPUT", [job])):
            for dataset in datasets:
                key = {"job_id": job, "direction": direction, "dataset_id": self._id(dataset)}
                yield t.edge, {**key, "first_at": START, "last_at": latest}
        io = {
            "inputs": json.dumps([self._id(d) for d in inputs]),
            "outputs": json.dumps([self._id(job)]),
        }
        uuid = UUID(int=(7 << 124) | job).bytes
        version = {"id": job, "job_id": job, "uuid": uuid, "created_at": START, "run_id": 0}
        yield t.job_version, {**version, **io}
        yield from self._terms("job", job, self.name(job), f"airflow-{space}")

    def _dataset(self, number: int) -> Iterator[tuple[Table, Row]]:
        space, key = (number - 1) // PER_NAMESPACE, self._id(number)
        fields = json.dumps([[f"column_{i}", "VARCHAR", None] for i in range(10)])
        schema = {"id": key, "dataset_id": key, "digest": b"0" * 16, "first_at": START}
        yield t.dataset_schema, {**schema, "fields": fields}
        yield (
            t.dataset,
            {
                "id": key,
                "namespace_id": space + 100_001,
                "name": f"public.{self.name(number)}",
                "schema_id": key,
                "last_update_at": START + RUNS * HOUR,
                "hidden": False,
                "created_at": START - number * MINUTE,
                "updated_at": START + number,
            },
        )
        where = f"postgres://warehouse-{space}"
        yield from self._terms("dataset", key, f"public.{self.name(number)}", where)

    def _terms(self, kind: str, key: int, name: str, space: str) -> Iterator[tuple[Table, Row]]:
        for origin, words in (("name", endings(name)), ("namespace", whole_words([space]))):
            for term in words:
                row = {"term": term, "kind": kind, "entity_id": key, "origin": origin}
                yield t.search_term, row

    def runs(self) -> Iterator[tuple[Table, Row]]:
        for job in range(1, self.jobs + 1):
            for turn in range(RUNS):
                yield from self._run(job, turn)

    def _run(self, job: int, turn: int) -> Iterator[tuple[Table, Row]]:
        run = (job - 1) * RUNS + turn + 1
        start = START + turn * HOUR + job % 60 * MINUTE
        end, state = start + 5 * MINUTE, self._state(job, turn)
        uuid = UUID(int=(9 << 124) | run).bytes
        times = {"started_at": start, "ended_at": end}
        yield (
            t.run,
            {
                "id": run,
                "orchestrator_id": 1,
                "job_id": job,
                "natural_id": f"scheduled__{turn}",
                "map_index": -1,
                "state": state,
                "attempt_id": run,
                "attempt_uuid": uuid,
                "attempt_no": 1,
                "sort_at": start,
                "created_at": start,
                "updated_at": end,
                **times,
            },
        )
        attempt = {"id": run, "run_id": run, "job_id": job, "uuid": uuid, "no": 1, "state": state}
        yield (
            t.attempt,
            {
                **attempt,
                "state_at": end,
                "state_rank": 3,
                "state_digest": b"0" * 16,
                "will_retry": False,
                "first_at": start,
                **times,
            },
        )
        yield from self._io(job, run, end)
        for number, (at, kind) in enumerate(((start, "START"), (end, "COMPLETE"))):
            event = {"id": run * 2 + number, "received_at": at, "event_time": at}
            whose = {"event_type": kind, "orchestrator_id": 1, "job_id": job, "run_id": run}
            yield t.lineage_event, {**event, **whose, "payload": self.payload}

    def _io(self, job: int, run: int, end: int) -> Iterator[tuple[Table, Row]]:
        key = {"run_id": run, "attempt_id": run, "partition_key": "", "at": end}
        for dataset in self._inputs(job):
            mine = {"direction": "INPUT", "dataset_id": self._id(dataset)}
            yield t.run_dataset, {**key, **mine}
        written = {"dataset_id": self._id(job), "rows": 1000}
        yield t.run_dataset, {**key, **written, "direction": "OUTPUT"}
        update = {"id": run, "partition_key": "", "cause": run, "run_id": run, "at": end}
        yield t.dataset_update, {**update, **written, "schema_id": self._id(job)}

    def _inputs(self, job: int) -> list[int]:
        """Two datasets of the level before; the first level of a pipeline reads nothing."""
        place = (job - 1) % PIPELINE
        if place < WIDTH:
            return []
        before = job - WIDTH - place % WIDTH
        return sorted({before + place % WIDTH, before + (place + 1) % WIDTH})

    def _id(self, dataset: int) -> int:
        return self.datasets_from + dataset

    @staticmethod
    def _state(job: int, turn: int) -> str:
        return "FAILED" if (job + turn) % 50 == 0 else "COMPLETED"


def fill(db: Database, jobs: int) -> World:
    """Migrates an empty store and writes the world into it."""
    migrate(db)
    world = World(jobs)
    with db.writing() as connection:
        connection.execute(
            t.orchestrator.insert().values(
                id=1, name="airflow", kind="airflow", created_at=from_micros(START)
            )
        )
    for rows in (world.namespaces(), world.entities(), world.runs()):
        write(db, rows)
    _settle(db)
    return world


def write(db: Database, rows: Iterator[tuple[Table, Row]]) -> None:
    """Appends rows, table by table."""
    waiting: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for table, row in rows:
        shape = (table.name, tuple(row))
        batch = waiting.setdefault(shape, [])
        batch.append(row)
        if len(batch) == BATCH:
            _append(db, *shape, waiting.pop(shape))
    for shape, batch in waiting.items():
        _append(db, *shape, batch)


def _append(db: Database, table: str, columns: tuple[str, ...], rows: list[Row]) -> None:
    statement = Insert(t.metadata.tables[table], columns)
    with db.writing() as connection:
        bulk_of(connection).append(statement, [tuple(row.values()) for row in rows])


def _settle(db: Database) -> None:
    """What autovacuum would do in time."""
    if db.is_sqlite:
        return
    with db.write_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _event() -> dict[str, Any]:
    facet = {"_producer": "https://airflow.apache.org", "_schemaURL": "https://openlineage.io/x"}
    facets = {
        name: {**facet, "value": name * 20}
        for name in ("nominalTime", "parent", "airflow", "processing_engine", "airflowDagRun")
    }
    return {
        "eventType": "COMPLETE",
        "producer": "https://airflow.apache.org",
        "run": {"runId": "", "facets": facets},
        "job": {"namespace": "airflow", "name": "x", "facets": {"jobType": facet}},
        "inputs": [],
        "outputs": [],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--jobs", type=int, default=20_000)
    asked = parser.parse_args()
    started = time.perf_counter()
    db = Database(asked.url, durable=False)
    fill(db, asked.jobs)
    db.close()
    print(f"{asked.jobs:,} jobs in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
