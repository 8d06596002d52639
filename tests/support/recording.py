"""Records events as the hub does, without a hub around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from hub.openlineage.decode import decode_event
from hub.openlineage.observations import decode_observations
from hub.record import Incoming, IncomingEvent, IncomingObservation, Outcome, Recorder, Sender
from hub.record.incoming import incoming_event
from hub.store.db import Database
from hub.store.tables import metadata

START = 1_795_478_400_000_000  # microseconds; when all that arrives arrives, on 2026-11-24
NOBODY = Sender()


def at(minute: float) -> str:
    """An instant of 2026-11-23, so many minutes after ten."""
    whole, part = divmod(round(minute * 60), 60)
    return f"2026-11-23T{10 + whole // 60:02}:{whole % 60:02}:{part:02}Z"


def micros(minute: float) -> int:
    return 1_795_428_000_000_000 + round(minute * 60_000_000)


def uuid(number: int) -> str:
    return str(UUID(int=(0xA << 124) | number))


def run_event(
    kind: str,
    minute: float,
    run: int = 1,
    *,
    job: str = "load",
    namespace: str = "prod",
    inputs: Sequence[str | dict] = (),
    outputs: Sequence[str | dict] = (),
    run_facets: dict[str, Any] | None = None,
    job_facets: dict[str, Any] | None = None,
) -> dict:
    """A RunEvent. A dataset may be given by its name alone, in the namespace `db`."""
    return {
        "eventType": kind,
        "eventTime": at(minute),
        "producer": "https://example.org/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": uuid(run), "facets": run_facets or {}},
        "job": {"namespace": namespace, "name": job, "facets": job_facets or {}},
        "inputs": [dataset(one) for one in inputs],
        "outputs": [dataset(one) for one in outputs],
    }


def dataset(name: str | dict, **facets: Any) -> dict:
    if isinstance(name, dict):
        return name
    return {"namespace": "db", "name": name, "facets": facets}


def output(name: str, *, rows: int | None = None, size: int | None = None, **facets: Any) -> dict:
    stats = {"outputStatistics": {"rowCount": rows, "size": size}} if rows is not None else {}
    return {**dataset(name, **facets), "outputFacets": stats}


def job_event(
    minute: float, *, job: str = "load", inputs: Sequence[str] = (), outputs: Sequence[str] = ()
) -> dict:
    return {
        "eventTime": at(minute),
        "producer": "https://example.org/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent",
        "job": {"namespace": "prod", "name": job, "facets": {}},
        "inputs": [dataset(one) for one in inputs],
        "outputs": [dataset(one) for one in outputs],
    }


def dataset_event(minute: float, name: str | dict, **facets: Any) -> dict:
    return {
        "eventTime": at(minute),
        "producer": "https://example.org/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",
        "dataset": dataset(name, **facets),
    }


def try_of(
    dag_run: str, number: int | None = 1, *, retries: int = 0, index: int = -1, **more: Any
) -> dict:
    """Airflow's facet of a task: which Dag run, which try of how many."""
    return {
        "airflow": {
            "dag": {"dag_id": "etl", **more},
            "dagRun": {"dag_id": "etl", "run_id": dag_run},
            "task": {"task_id": "load", "retries": retries},
            "taskInstance": {"try_number": number, "map_index": index},
        }
    }


def dag_run(run_id: str, *, cleared: int = 0, **more: Any) -> dict:
    """Airflow's facet of a Dag run."""
    run = {"dag_id": "etl", "run_id": run_id, "clear_number": cleared, **more}
    return {"airflowDagRun": {"dag": {"dag_id": "etl"}, "dagRun": run}}


def part_of(
    run: int, job: str = "etl", namespace: str = "prod", *, root: dict | None = None
) -> dict:
    """The facet that names the parent run."""
    named = {"run": {"runId": uuid(run)}, "job": {"namespace": namespace, "name": job}}
    return {"parent": named | ({"root": root} if root else {})}


def answer(state: str, **more: Any) -> dict:
    """The facet with which an orchestrator itself answers about a run."""
    return {"trackside_answer": {"state": state, **more}}


def incoming(
    event: dict | bytes, sender: Sender = NOBODY, *, heard_at: int = START
) -> IncomingEvent:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    return incoming_event(decode_event(raw), raw, raw, heard_at, sender)


def observation(body: dict, *, of: str | None = None, sender: Sender = NOBODY) -> Incoming:
    (seen,) = decode_observations(json.dumps(body).encode())
    return IncomingObservation(seen, START, of, sender)


class Recording:
    """A recorder whose batches are those of the test."""

    def __init__(self, db: Database, **options: Any) -> None:
        self.db = db
        self.recorder = Recorder(db, **options)
        self._clock: Callable[[], int] = options.get("clock", lambda: START)

    def __call__(self, *events: dict | Incoming, sender: Sender = NOBODY) -> list[Outcome]:
        """Records the events in one batch, heard of just now."""
        now = self._clock()
        made = (incoming(e, sender, heard_at=now) if isinstance(e, dict) else e for e in events)
        return self.batch(list(made))

    def each(self, events: Iterable[dict | Incoming]) -> None:
        """Records the events in a batch of its own each."""
        for event in events:
            self(event)

    def batch(self, items: Sequence[Incoming]) -> list[Outcome]:
        try:
            self.recorder.prepare()
            with self.db.writing() as connection:
                outcomes = self.recorder.apply(connection, items)
        except BaseException:
            self.recorder.rolled_back(certain=True)
            raise
        self.recorder.committed()
        return outcomes

    def rows(self, statement: str, **given: Any) -> list[tuple]:
        with self.db.reading() as connection:
            return [tuple(row) for row in connection.execute(text(statement), given)]

    def one(self, statement: str, **given: Any) -> tuple:
        (row,) = self.rows(statement, **given)
        return row

    def changes(self) -> list[str]:
        """Kinds of the changes that were told, in their order."""
        return [row[0] for row in self.rows("SELECT kind FROM change ORDER BY writer_id, seq")]


def empty(db: Database) -> None:
    """Leaves the store as it was when it was made."""
    with db.writing() as connection:
        emptied(connection)


def emptied(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        if table.name != "meta":
            connection.execute(text(f"DELETE FROM {table.name}"))
