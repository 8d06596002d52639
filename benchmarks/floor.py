"""The least a store could do: job, run, datasets, edges and the raw event, and nothing else.

Those are the rows of the thin projection from which the wanted ratio comes, and no others: nothing
is told of its looking for duplicates, so this looks for none. There an event was about ten rows;
here it is four or five, for the captured events name few datasets, and rows that events of one
batch share are written once, as `unnest` demands.

No attempts, no facets, no changes, no search, no order of arrival that does not matter. It has
the quickest way we know on either engine (sqlite3's executemany; unnest and COPY on psycopg), so
what the real projection costs is told as a multiple of it. It takes the writer's batches, so it
can stand in for the recorder of a hub, or run alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, Table, Text

from hub.model import Direction, EntityName, LineageEvent
from hub.record import Accepted, IncomingEvent, Outcome, Recorder
from hub.store.bulk import Bulk, Insert, bulk_of
from hub.store.db import Database

_metadata = MetaData()


def _table(name: str, *columns: Column[Any]) -> Table:
    return Table(f"thin_{name}", _metadata, *columns, sqlite_with_rowid=name != "edge")


def _key(name: str = "id") -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _named(name: str) -> Table:
    text = (Column("namespace", Text), Column("name", Text))
    return _table(name, _key(), *text, Column("updated_at", BigInteger))


_JOB, _DATASET = _named("job"), _named("dataset")
_RUN = _table(
    "run",
    Column("uuid", LargeBinary, primary_key=True),
    *(Column("job_id", BigInteger), Column("state", Text), Column("at", BigInteger)),
)
_EDGE = _table(
    "edge",
    *(_key("job_id"), Column("direction", Text, primary_key=True), _key("dataset_id")),
    Column("at", BigInteger),
)
_EVENT = _table(
    "event",
    _key(),
    *(Column("at", BigInteger), Column("job_id", BigInteger), Column("payload", LargeBinary)),
)
_NAMED: Final = ["id", "namespace", "name", "updated_at"]
_SEEN: Final = "ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at"
_PUT_JOB: Final = Insert(_JOB, _NAMED, _SEEN)
_PUT_DATASET: Final = Insert(_DATASET, _NAMED, _SEEN)
_PUT_RUN: Final = Insert(
    _RUN,
    ["uuid", "job_id", "state", "at"],
    "ON CONFLICT (uuid) DO UPDATE SET state = excluded.state, at = excluded.at",
)
_PUT_EDGE: Final = Insert(
    _EDGE,
    ["job_id", "direction", "dataset_id", "at"],
    "ON CONFLICT (job_id, direction, dataset_id) DO UPDATE SET at = excluded.at",
)
_NEW_EVENT: Final = Insert(_EVENT, ["id", "at", "job_id", "payload"])


class Named:
    """The ids of all jobs or datasets; those that a batch names."""

    def __init__(self) -> None:
        self._ids: dict[EntityName, int] = {}
        self._seen: dict[int, tuple[str, str, int]] = {}

    def see(self, name: EntityName, at: int) -> int:
        number = self._ids.setdefault(name, len(self._ids) + 1)
        self._seen[number] = (name.namespace, name.name, at)
        return number

    def save(self, bulk: Bulk, statement: Insert) -> None:
        bulk.insert(statement, [(number, *row) for number, row in sorted(self._seen.items())])
        self._seen = {}


class ThinRecorder(Recorder):
    """A recorder that projects as little as can be."""

    def __init__(self, db: Database, **_: object) -> None:
        super().__init__(db)
        self._jobs, self._datasets, self._numbers = Named(), Named(), count(1)
        with db.writing() as connection:
            _metadata.create_all(connection)

    def apply(self, connection: Connection, items: Sequence[Any]) -> list[Outcome]:
        bulk = bulk_of(connection)
        events = sorted((i for i in items if isinstance(i, IncomingEvent)), key=lambda i: i.at)
        runs: dict[bytes, tuple[int, str, int]] = {}
        edges: dict[tuple[int, Direction, int], int] = {}
        rows = [self._thin(item, runs, edges) for item in events]
        self._jobs.save(bulk, _PUT_JOB)
        self._datasets.save(bulk, _PUT_DATASET)
        bulk.insert(_PUT_RUN, [(uuid, *run) for uuid, run in sorted(runs.items())])
        bulk.insert(_PUT_EDGE, [(*key, at) for key, at in sorted(edges.items())])
        bulk.append(_NEW_EVENT, rows)
        return [Accepted()] * len(items)

    def _thin(
        self,
        item: IncomingEvent,
        runs: dict[bytes, tuple[int, str, int]],
        edges: dict[tuple[int, Direction, int], int],
    ) -> tuple[int, int, int, bytes]:
        event = item.event
        assert event.job is not None
        job = self._jobs.see(event.job.name, item.at)
        for name, uuid, state in _runs(event):
            runs[uuid] = (self._jobs.see(name, item.at), state, item.at)
        for dataset in event.datasets:
            number = self._datasets.see(dataset.name, item.at)
            edges[job, dataset.direction or Direction.INPUT, number] = item.at
        return next(self._numbers), item.at, job, item.payload

    def committed(self) -> None:
        """Nothing was learned that is not known yet."""


def _runs(event: LineageEvent) -> Iterable[tuple[EntityName, bytes, str]]:
    """The run and its parent."""
    if event.run is not None and event.job is not None:
        if event.run.parent is not None:
            yield event.run.parent.job, event.run.parent.run_id, "NEW"
        yield event.job.name, event.run.run_id, event.event_type.value
