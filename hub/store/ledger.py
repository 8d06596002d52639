"""What a batch adds besides its four main tables: collected in memory, written in one go.

Rows that several events of a batch write are folded here, by key, before they reach a statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import astuple

from hub.store import tables
from hub.store.bulk import Bulk, Delete, Fetch, Insert, Row
from hub.store.ids import Ids
from hub.store.lattice import join, raised, upsert

EdgeKey = tuple[int, str, int]  # job, direction, dataset
IoKey = tuple[int, str, int, int, str]  # run, direction, dataset, attempt, partition or ""
Mark = bytes  # event time and digest: the greatest holds
UpdateKey = tuple[int, int, str]  # dataset, cause, partition
Place = tuple[str, int, str]  # kind (job, dataset), id, origin: where search terms come from


class Io(Struct):
    """An attempt's dealing with a dataset (partition)."""

    at: int
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    schema_id: int | None = None
    schema_mark: Mark | None = None


class UpdateRow(Struct):
    """A dataset (partition) was written."""

    dataset_id: int
    cause: int
    partition_key: str
    run_id: int | None
    at: int
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None
    schema_id: int | None = None
    lifecycle: str | None = None

    @property
    def key(self) -> UpdateKey:
        return (self.dataset_id, self.cause, self.partition_key)


class ChangeRow(Struct):
    """A transition, before it has its number."""

    at: int
    kind: str
    job_id: int | None = None
    run_id: int | None = None
    attempt_id: int | None = None
    dataset_id: int | None = None
    detail: str | None = None


_EDGE = Insert(
    tables.edge,
    ["job_id", "direction", "dataset_id", "first_at", "last_at"],
    upsert("edge", ["job_id", "direction", "dataset_id"], least=["first_at"], greatest=["last_at"]),
)
_IO_KEY = ["run_id", "direction", "dataset_id", "attempt_id", "partition_key"]
_STATS = ["at", "rows", "bytes", "files"]
IO_UPSERT = (
    upsert("run_dataset", _IO_KEY, greatest=_STATS)
    + ", schema_id = CASE WHEN run_dataset.schema_mark IS NULL"
    " OR excluded.schema_mark > run_dataset.schema_mark"
    " THEN excluded.schema_id ELSE run_dataset.schema_id END, "
    + raised("run_dataset", "schema_mark")
)
_IO = Insert(tables.run_dataset, [*_IO_KEY, *Io.__struct_fields__], IO_UPSERT)
_IO_OF_RUN = Fetch(tables.run_dataset, ["run_id"], [*_IO_KEY, *Io.__struct_fields__])
_UPDATE_KEY = ["dataset_id", "cause", "partition_key"]
_UPDATE_REST = ["run_id", *_STATS, "schema_id", "lifecycle"]
_UPDATE = Insert(
    tables.dataset_update,
    ["id", *_UPDATE_KEY, *_UPDATE_REST],
    f"ON CONFLICT ({', '.join(_UPDATE_KEY)}) DO UPDATE SET "
    + ", ".join(f"{c} = excluded.{c}" for c in _UPDATE_REST),
)
_UPDATES_BY_CAUSE = Fetch(
    tables.dataset_update, ["dataset_id", "cause"], UpdateRow.__struct_fields__
)
_UPDATE_GONE = Delete(tables.dataset_update, _UPDATE_KEY)
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
    upsert("job_warning", ["job_id", "path", "message"], least=["first_at"], greatest=["last_at"]),
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
_TEAM_EVENT_COUNT = Insert(
    tables.team_event_count,
    ["team", "hour", "event_type", "writer_id", "value"],
    "ON CONFLICT (team, hour, event_type, writer_id) " + _ADD.format("team_event_count"),
)
_TERM = Insert(
    tables.search_term, ["kind", "entity_id", "origin", "term"], "ON CONFLICT DO NOTHING"
)
_TERMS_GONE = Delete(tables.search_term, ["kind", "entity_id", "origin"])


def known_digests(bulk: Bulk, keys: Iterable[bytes]) -> set[bytes]:
    """Those of the digest keys that are recorded already."""
    return {row[0] for row in bulk.fetch(_DIGEST_EXISTS, [(k,) for k in keys])}


class Ledger:
    """The additions of one batch."""

    def __init__(self) -> None:
        self.edges: dict[EdgeKey, tuple[int, int]] = {}
        self.io: dict[IoKey, Io] = {}
        self.updates: dict[UpdateKey, UpdateRow] = {}
        self.withdrawn: set[UpdateKey] = set()
        self.changes: list[ChangeRow] = []
        self.events: list[Row] = []
        self.digests: list[bytes] = []
        self.warnings: dict[tuple[int, str, str], tuple[int, int]] = {}
        self.counters: Counter[tuple[str, int]] = Counter()
        self.event_counts: Counter[tuple[int, str]] = Counter()
        self.team_event_counts: Counter[tuple[str, int, str]] = Counter()
        self.terms: dict[Place, set[str]] = {}
        self.outdated: set[Place] = set()

    def touch_edge(self, job: int, direction: str, dataset: int, first: int, last: int) -> None:
        key = (job, direction, dataset)
        held = self.edges.get(key)
        if held is not None:
            first, last = min(first, held[0]), max(last, held[1])
        self.edges[key] = (first, last)

    def touch_io(self, key: IoKey, new: Io) -> None:
        held = self.io.get(key)
        self.io[key] = new if held is None else join_io(held, new)

    def warn(self, job: int, path: str, message: str, at: int) -> None:
        key = (job, path, message)
        first, last = self.warnings.get(key, (at, at))
        self.warnings[key] = (min(first, at), max(last, at))

    def find(self, kind: str, entity: int, origin: str, terms: set[str]) -> None:
        """Something is found by these terms too."""
        self.terms.setdefault((kind, entity, origin), set()).update(terms)

    def find_anew(
        self, kind: str, entity: int, origin: str, terms: set[str], *, before: bool
    ) -> None:
        """As `find`, in the place of the terms that the origin gave `before`."""
        place = (kind, entity, origin)
        self.terms[place] = terms
        if before:
            self.outdated.add(place)

    # -- what is held ----------------------------------------------------------------------------

    def io_of(self, bulk: Bulk, runs: set[int], old: Iterable[int]) -> dict[int, dict[IoKey, Io]]:
        """What the attempts of each run did, by this batch and, of the `old` runs, before it."""
        found: dict[int, dict[IoKey, Io]] = {run: {} for run in runs}
        for row in bulk.fetch(_IO_OF_RUN, [(run,) for run in old]):
            found[row[0]][row[0], row[1], row[2], row[3], row[4]] = Io(*row[5:])
        for key, io in self.io.items():
            if key[0] in runs:
                before = found[key[0]].get(key)
                found[key[0]][key] = io if before is None else join_io(before, io)
        return found

    def held_updates(
        self, bulk: Bulk, causes: Iterable[tuple[int, int]]
    ) -> dict[UpdateKey, UpdateRow]:
        """The recorded updates of each (dataset, cause)."""
        rows = bulk.fetch(_UPDATES_BY_CAUSE, sorted(set(causes)))
        return {update.key: update for update in (UpdateRow(*row) for row in rows)}

    # -- saving ----------------------------------------------------------------------------------

    def save(self, bulk: Bulk, ids: Ids, writer: int, next_seq: int) -> int:
        """Writes all of it; returns the sequence number after the last change."""
        bulk.insert(_EDGE, [(*k, *v) for k, v in sorted(self.edges.items())])
        bulk.insert(_IO, [(*k, *astuple(v)) for k, v in sorted(self.io.items())])
        self._save_updates(bulk, ids)
        bulk.insert(_WARNING, [(*k, *v) for k, v in sorted(self.warnings.items())])
        self._save_terms(bulk)
        bulk.insert(_COUNTER, [(*k, writer, v) for k, v in sorted(self.counters.items())])
        bulk.insert(_EVENT_COUNT, [(*k, writer, v) for k, v in sorted(self.event_counts.items())])
        of_teams = sorted(self.team_event_counts.items())
        bulk.insert(_TEAM_EVENT_COUNT, [(*k, writer, v) for k, v in of_teams])
        bulk.insert(_DIGEST, [(key,) for key in sorted(self.digests)])
        bulk.append(_EVENT, self.events)
        bulk.append(
            _CHANGE,
            [(writer, seq, *_change(c)) for seq, c in enumerate(self.changes, next_seq)],
        )
        return next_seq + len(self.changes)

    def _save_updates(self, bulk: Bulk, ids: Ids) -> None:
        bulk.delete(_UPDATE_GONE, sorted(self.withdrawn))
        updates = [self.updates[key] for key in sorted(self.updates)]
        bulk.insert(_UPDATE, [(ids.take("dataset_update"), *astuple(u)) for u in updates])

    def _save_terms(self, bulk: Bulk) -> None:
        bulk.delete(_TERMS_GONE, sorted(self.outdated))
        rows = [(*place, term) for place, terms in self.terms.items() for term in terms]
        bulk.insert(_TERM, sorted(rows))


def join_io(a: Io, b: Io) -> Io:
    """What both say together: the greater numbers, the schema that was shown last."""
    joined = join(a, b)
    last = max(a, b, key=lambda io: io.schema_mark or b"")
    joined.schema_id = last.schema_id
    return joined


def _change(c: ChangeRow) -> Row:
    shard = 0
    return (c.at, shard, c.kind, c.job_id, c.run_id, c.attempt_id, c.dataset_id, c.detail)
