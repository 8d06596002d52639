"""What a batch learns about jobs and datasets themselves: facets, tags, schemas, columns, schedules.

Each entry here has already won against what the store held (by event time, then digest), so it
simply takes the place of the old one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from hub.model import Schedule, Tag
from hub.store import tables
from hub.store.bulk import Bulk, Delete, Fetch, Insert, Row, Update
from hub.store.ids import Ids
from hub.store.lattice import join, upsert
from hub.store.types import to_micros


def _replace(columns: list[str]) -> str:
    return "DO UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in columns)


_JOB_FACET = Insert(
    tables.job_facet,
    ["job_id", "name", "at", "payload"],
    "ON CONFLICT (job_id, name) " + _replace(["at", "payload"]),
)
_DATASET_FACET = Insert(
    tables.dataset_facet,
    ["dataset_id", "name", "at", "payload"],
    "ON CONFLICT (dataset_id, name) " + _replace(["at", "payload"]),
)
_JOB_TAG = Insert(tables.job_tag, ["job_id", "tag", "value", "origin"], "ON CONFLICT DO NOTHING")
_DATASET_TAG = Insert(
    tables.dataset_tag,
    ["dataset_id", "field", "tag", "value", "origin"],
    "ON CONFLICT DO NOTHING",
)
_TAG = Insert(tables.tag, ["name", "updated_at"], "ON CONFLICT DO NOTHING")
_SOURCE = Insert(
    tables.source,
    ["name", "kind", "uri", "created_at", "updated_at"],
    "ON CONFLICT (name) "
    + _replace(["kind", "uri", "updated_at"])
    + " WHERE (excluded.updated_at, excluded.uri) > (source.updated_at, source.uri)",
)
_COLUMN_EDGE = Insert(
    tables.column_edge,
    [
        "dataset_id",
        "job_id",
        "to_field",
        "from_dataset_id",
        "from_field",
        "kind",
        "subtype",
        "description",
        "masking",
        "at",
    ],
    "ON CONFLICT DO NOTHING",
)
_SCHEDULE = Insert(
    tables.schedule,
    [
        "job_id",
        "kind",
        "expression",
        "timezone",
        "start_at",
        "end_at",
        "at",
        "origin",
        "timing",
        "anchor",
        "data_interval_s",
        "grace_s",
    ],
    "ON CONFLICT (job_id) "
    + _replace(
        [
            "kind",
            "expression",
            "timezone",
            "start_at",
            "end_at",
            "at",
            "origin",
            "timing",
            "anchor",
            "data_interval_s",
            "grace_s",
        ]
    ),
)
_LIMITS = Update(tables.schedule, ["job_id"], ["paused", "catchup", "max_active_runs"])
#: What of a schedule is no part of when the job is meant to run.
NO_LIMITS: Final[dict[str, None]] = dict.fromkeys(("paused", "catchup", "max_active_runs"))
Limits = tuple[bool | None, bool | None, int | None]
_CHECK_KEY = ["dataset_id", "name", "column_name", "partition_key", "run_id"]
_CHECK_VALUES = ["at", "status", "severity", "expected", "actual"]
_CHECK = Insert(
    tables.check_result,
    ["id", *_CHECK_KEY, *_CHECK_VALUES],
    f"ON CONFLICT ({', '.join(_CHECK_KEY)}) " + _replace(_CHECK_VALUES),
)
_CHECK_HELD = Fetch(tables.check_result, _CHECK_KEY, [*_CHECK_KEY, *_CHECK_VALUES])
_DEPENDENCY = Insert(
    tables.run_dependency,
    ["run_id", "job_id", "upstream", "uuid", "kind"],
    upsert("run_dependency", ["run_id", "job_id", "upstream"], greatest=["uuid", "kind"]),
)
_JOB_TAG_CLEAR = Delete(tables.job_tag, ["job_id"], "AND origin = 'event'")
_DATASET_TAG_CLEAR = Delete(tables.dataset_tag, ["dataset_id"], "AND origin = 'event'")
_COLUMN_CLEAR = Delete(tables.column_edge, ["dataset_id", "job_id"])

CheckKey = tuple[int, str, str, str, int]


class CheckRow(Struct, order=True):
    """A check's result on a dataset (partition) in a run; the latest, then the worst, holds."""

    at: int
    status: str
    severity: str
    expected: str | None = None
    actual: str | None = None


class Needed(Struct):
    """Control flow between two runs."""

    uuid: bytes | None
    kind: str | None


class Descriptions:
    """The descriptions a batch changes."""

    def __init__(self) -> None:
        self.job_facets: dict[tuple[int, str], tuple[int, bytes]] = {}
        self.dataset_facets: dict[tuple[int, str], tuple[int, bytes]] = {}
        self.job_tags: dict[int, tuple[Tag, ...]] = {}
        self.dataset_tags: dict[int, tuple[Tag, ...]] = {}
        self.sources: dict[str, tuple[int, str]] = {}
        self.column_edges: dict[tuple[int, int], list[Row]] = {}
        self.schedules: dict[int, tuple[Schedule, int, str]] = {}
        self.limits: dict[int, Limits] = {}
        self.checks: dict[CheckKey, CheckRow] = {}
        self.dependencies: dict[tuple[int, int, bool], Needed] = {}

    def depend(self, key: tuple[int, int, bool], needed: Needed) -> None:
        held = self.dependencies.get(key)
        self.dependencies[key] = needed if held is None else join(held, needed)

    def come_from(self, source: str, uri: str, at: int) -> None:
        """A dataset says where its source is; the latest word on each source holds."""
        self.sources[source] = max((at, uri), self.sources.get(source, (at, uri)))

    def held_checks(self, bulk: Bulk) -> dict[CheckKey, CheckRow]:
        rows = bulk.fetch(_CHECK_HELD, sorted(self.checks))
        return {(r[0], r[1], r[2], r[3], r[4]): CheckRow(*r[5:]) for r in rows}

    def save(self, bulk: Bulk, ids: Ids, now: int) -> None:
        bulk.insert(_JOB_FACET, [(*k, *v) for k, v in sorted(self.job_facets.items())])
        bulk.insert(_DATASET_FACET, [(*k, *v) for k, v in sorted(self.dataset_facets.items())])
        self._save_tags(bulk, now)
        bulk.insert(
            _SOURCE,
            [(n, _scheme(uri), uri, at, at) for n, (at, uri) in sorted(self.sources.items())],
        )
        self._save_columns(bulk)
        bulk.insert(_SCHEDULE, [_schedule_row(j, *s) for j, s in sorted(self.schedules.items())])
        bulk.update(_LIMITS, [(j, *limits) for j, limits in sorted(self.limits.items())])
        bulk.insert(
            _CHECK,
            [
                (ids.take("check_result"), *k, c.at, c.status, c.severity, c.expected, c.actual)
                for k, c in sorted(self.checks.items())
            ],
        )
        bulk.insert(
            _DEPENDENCY, [(*k, n.uuid, n.kind) for k, n in sorted(self.dependencies.items())]
        )

    def _save_tags(self, bulk: Bulk, now: int) -> None:
        bulk.delete(_JOB_TAG_CLEAR, [(j,) for j in sorted(self.job_tags)])
        bulk.delete(_DATASET_TAG_CLEAR, [(d,) for d in sorted(self.dataset_tags)])
        job_rows = {
            (j, t.key, t.value, "event"): None
            for j, ts in sorted(self.job_tags.items())
            for t in ts
        }
        dataset_rows = {
            (d, t.field or "", t.key, t.value, "event"): None
            for d, ts in sorted(self.dataset_tags.items())
            for t in ts
        }
        names = {row[1] for row in job_rows} | {row[2] for row in dataset_rows}
        bulk.insert(_TAG, [(name, now) for name in sorted(names)])
        bulk.insert(_JOB_TAG, list(job_rows))
        bulk.insert(_DATASET_TAG, list(dataset_rows))

    def _save_columns(self, bulk: Bulk) -> None:
        keys = sorted(self.column_edges)
        bulk.delete(_COLUMN_CLEAR, keys)
        bulk.insert(_COLUMN_EDGE, [row for key in keys for row in self.column_edges[key]])


def _schedule_row(job: int, s: Schedule, at: int, origin: str) -> Row:
    start, end, anchor = _micros(s.start_at), _micros(s.end_at), _micros(s.anchor)
    clock = (s.timing, anchor, s.data_interval_s, s.grace_s)
    return (job, s.kind, s.expression, s.timezone, start, end, at, origin, *clock)


def limits_of(schedule: Schedule) -> Limits:
    return (schedule.paused, schedule.catchup, schedule.max_active_runs)


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)


def _scheme(uri: str) -> str:
    return uri.split(":", 1)[0].upper() if ":" in uri else "UNKNOWN"
