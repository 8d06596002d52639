"""What a batch adds besides its four main tables: collected in memory, written in one go.

Rows that several events of a batch write are folded here, by key, before they reach a statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from hub.store import tables
from hub.store.bulk import Bulk, Fetch, Insert, Row

EdgeKey = tuple[int, str, int]  # job, direction, dataset
IoKey = tuple[int, str, int]  # run, direction, dataset


class Io(Struct):
    """A run's dealing with a dataset."""

    at: int
    partition: str | None = None
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    schema_id: int | None = None


class UpdateRow(Struct):
    """A dataset (partition) was written."""

    dataset_id: int
    partition: str
    cause: int
    run_id: int | None
    at: int
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    schema_id: int | None = None
    lifecycle: str | None = None


class ChangeRow(Struct):
    """A transition, before it has its number."""

    at: int
    kind: str
    job_id: int | None = None
    run_id: int | None = None
    attempt_id: int | None = None
    dataset_id: int | None = None
    detail: str | None = None


def _keep(column: str, table: str, pick: str) -> str:
    """SQL that keeps the least (<) or greatest (>) of the held and the new value, over NULL."""
    held, new = f"{table}.{column}", f"excluded.{column}"
    return (
        f"{column} = CASE WHEN {held} IS NULL OR {new} {pick} {held} "
        f"THEN coalesce({new}, {held}) ELSE {held} END"
    )


def _upsert(table: str, keys: str, least: Iterable[str], greatest: Iterable[str]) -> str:
    sets = [_keep(c, table, "<") for c in least] + [_keep(c, table, ">") for c in greatest]
    return f"ON CONFLICT ({keys}) DO UPDATE SET {', '.join(sets)}"


_EDGE = Insert(
    tables.edge,
    ["job_id", "direction", "dataset_id", "first_at", "last_at"],
    _upsert("edge", "job_id, direction, dataset_id", ["first_at"], ["last_at"]),
)
_STATS = ["at", "partition_key", "rows", "bytes", "files", "schema_id"]
_IO = Insert(
    tables.run_dataset,
    ["run_id", "direction", "dataset_id", *_STATS],
    _upsert("run_dataset", "run_id, direction, dataset_id", [], _STATS),
)
IO_OF_RUN = Fetch(tables.run_dataset, ["run_id"], ["run_id", "direction", "dataset_id", *_STATS])
_UPDATE_KEY = ["dataset_id", "partition_key", "cause"]
_UPDATE_STATS = ["at", "rows", "bytes", "files", "schema_id", "lifecycle"]
_UPDATE = Insert(
    tables.dataset_update,
    ["id", *_UPDATE_KEY, "run_id", *_UPDATE_STATS],
    _upsert("dataset_update", ", ".join(_UPDATE_KEY), [], _UPDATE_STATS),
)
_UPDATE_EXISTS = Fetch(tables.dataset_update, _UPDATE_KEY, _UPDATE_KEY)
_EVENT = Insert(
    tables.lineage_event,
    [
        "id",
        "received_at",
        "event_time",
        "event_type",
        "orchestrator_id",
        "job_id",
        "run_id",
        "dataset_id",
        "payload",
    ],
)
_DIGEST = Insert(tables.event_digest, ["key"])
_DIGEST_EXISTS = Fetch(tables.event_digest, ["key"], ["key"])
_CHANGE = Insert(
    tables.change,
    [
        "writer_id",
        "seq",
        "at",
        "shard",
        "kind",
        "job_id",
        "run_id",
        "attempt_id",
        "dataset_id",
        "detail",
    ],
)
_WARNING = Insert(
    tables.job_warning,
    ["job_id", "path", "message", "first_at", "last_at"],
    _upsert("job_warning", "job_id, path, message", ["first_at"], ["last_at"]),
)
_ADD = "DO UPDATE SET value = {0}.value + excluded.value"
_COUNTER = Insert(
    tables.counter,
    ["name", "scope_id", "writer_id", "value"],
    "ON CONFLICT (name, scope_id, writer_id) " + _ADD.format("counter"),
)
_EVENT_COUNT = Insert(
    tables.event_count,
    ["hour", "event_type", "writer_id", "value"],
    "ON CONFLICT (hour, event_type, writer_id) " + _ADD.format("event_count"),
)
_TERM = Insert(
    tables.search_term, ["term", "kind", "entity_id", "origin"], "ON CONFLICT DO NOTHING"
)


def known_digests(bulk: Bulk, keys: Iterable[bytes]) -> set[bytes]:
    """Those of the digest keys that are recorded already."""
    return {row[0] for row in bulk.fetch(_DIGEST_EXISTS, [(k,) for k in keys])}


class Ledger:
    """The additions of one batch."""

    def __init__(self) -> None:
        self.edges: dict[EdgeKey, tuple[int, int]] = {}
        self.io: dict[IoKey, Io] = {}
        self.updates: dict[tuple[int, str, int], UpdateRow] = {}
        self.changes: list[ChangeRow] = []
        self.events: list[Row] = []
        self.digests: list[bytes] = []
        self.warnings: dict[tuple[int, str, str], tuple[int, int]] = {}
        self.counters: Counter[tuple[str, int]] = Counter()
        self.event_counts: Counter[tuple[int, str]] = Counter()
        self.terms: set[tuple[str, str, int, str]] = set()

    def touch_edge(self, job: int, direction: str, dataset: int, first: int, last: int) -> None:
        key = (job, direction, dataset)
        held = self.edges.get(key)
        if held is not None:
            first, last = min(first, held[0]), max(last, held[1])
        self.edges[key] = (first, last)

    def touch_io(self, key: IoKey, new: Io) -> None:
        held = self.io.get(key)
        if held is None:
            self.io[key] = new
            return
        for name in Io.__struct_fields__:
            ours, theirs = getattr(held, name), getattr(new, name)
            if theirs is not None and (ours is None or theirs > ours):
                setattr(held, name, theirs)

    def warn(self, job: int, path: str, message: str, at: int) -> None:
        key = (job, path, message)
        first, last = self.warnings.get(key, (at, at))
        self.warnings[key] = (min(first, at), max(last, at))

    def find(self, terms: Iterable[str], kind: str, entity: int, origin: str) -> None:
        self.terms.update((term, kind, entity, origin) for term in terms)

    def rename_run(self, old: int, new: int) -> None:
        """What was entered under run `old` belongs to run `new`."""
        for key in [k for k in self.io if k[0] == old]:
            self.touch_io((new, key[1], key[2]), self.io.pop(key))
        self.events = [(*e[:6], new, *e[7:]) if e[6] == old else e for e in self.events]
        for change in self.changes:
            if change.run_id == old:
                change.run_id = new

    def fresh_updates(self, bulk: Bulk) -> list[UpdateRow]:
        """The updates of this batch that nobody has reported before."""
        known = set(bulk.fetch(_UPDATE_EXISTS, sorted(self.updates)))
        return [self.updates[key] for key in sorted(self.updates) if key not in known]

    def save(self, bulk: Bulk, ids: Any, writer: int, next_seq: int) -> int:
        """Writes all of it; returns the sequence number after the last change."""
        bulk.insert(_EDGE, [(*k, *v) for k, v in sorted(self.edges.items())])
        bulk.insert(
            _IO,
            [
                (*k, v.at, v.partition, v.rows, v.bytes, v.files, v.schema_id)
                for k, v in sorted(self.io.items())
            ],
        )
        bulk.insert(_UPDATE, [_update_row(ids.take("dataset_update"), u) for u in self._sorted()])
        bulk.insert(_WARNING, [(*k, *v) for k, v in sorted(self.warnings.items())])
        bulk.insert(_TERM, sorted(self.terms))
        bulk.insert(_COUNTER, [(n, s, writer, v) for (n, s), v in sorted(self.counters.items())])
        bulk.insert(
            _EVENT_COUNT,
            [(hour, kind, writer, v) for (hour, kind), v in sorted(self.event_counts.items())],
        )
        bulk.insert(_DIGEST, [(key,) for key in sorted(self.digests)])
        bulk.append(_EVENT, self.events)
        return self._save_changes(bulk, writer, next_seq)

    def _sorted(self) -> list[UpdateRow]:
        return [self.updates[key] for key in sorted(self.updates)]

    def _save_changes(self, bulk: Bulk, writer: int, seq: int) -> int:
        rows = [
            (
                writer,
                seq + n,
                c.at,
                0,
                c.kind,
                c.job_id,
                c.run_id,
                c.attempt_id,
                c.dataset_id,
                c.detail,
            )
            for n, c in enumerate(self.changes)
        ]
        bulk.append(_CHANGE, rows)
        return seq + len(rows)


def _update_row(number: int, u: UpdateRow) -> Row:
    key = (number, u.dataset_id, u.partition, u.cause, u.run_id)
    return (*key, u.at, u.rows, u.bytes, u.files, u.schema_id, u.lifecycle)
