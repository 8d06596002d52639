"""Rows that observations write. Each `put` keeps the latest and says whether the content is new."""

from __future__ import annotations

from typing import Any

from hub.store import tables
from hub.store.bulk import Bulk, Fetch, Insert, Row

_BACKLOG_VALUES = ["queued", "running", "capacity", "oldest_wait_s"]


def _replace(columns: list[str]) -> str:
    return "DO UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in columns)


_BACKLOG = Insert(
    tables.backlog_sample,
    ["orchestrator_id", "pool", "at", *_BACKLOG_VALUES],
    "ON CONFLICT (orchestrator_id, pool, at) " + _replace(_BACKLOG_VALUES),
)
_HEALTH_ROW = ["orchestrator_id", "part", "status", "detail", "at"]
_HEALTH = Insert(
    tables.health,
    _HEALTH_ROW,
    "ON CONFLICT (orchestrator_id, part) " + _replace(["status", "detail", "at"]),
)
_HEALTH_HELD = Fetch(tables.health, ["orchestrator_id", "part"], _HEALTH_ROW)
_WATERMARK_ROW = ["orchestrator_id", "stream", "complete_to", "at"]
_WATERMARK = Insert(
    tables.watermark,
    _WATERMARK_ROW,
    "ON CONFLICT (orchestrator_id, stream) " + _replace(["complete_to", "at"]),
)
_WATERMARK_HELD = Fetch(tables.watermark, ["orchestrator_id", "stream"], _WATERMARK_ROW)
_POLICY_ROW = ["dataset_id", "max_lag_s", "cron", "timezone", "at"]
_POLICY = Insert(
    tables.freshness_policy,
    _POLICY_ROW,
    "ON CONFLICT (dataset_id) " + _replace(["max_lag_s", "cron", "timezone", "at"]),
)
_POLICY_HELD = Fetch(tables.freshness_policy, ["dataset_id"], _POLICY_ROW)
_BACKFILL_ROW = [
    "orchestrator_id",
    "natural_id",
    "state",
    "about",
    "partitions",
    "begun_at",
    "ended_at",
    "at",
]
_BACKFILL = Insert(
    tables.backfill_told,
    _BACKFILL_ROW,
    "ON CONFLICT (orchestrator_id, natural_id) " + _replace(_BACKFILL_ROW[2:]),
)
_BACKFILL_HELD = Fetch(tables.backfill_told, ["orchestrator_id", "natural_id"], _BACKFILL_ROW)
_PARTITIONS_ROW = ["dataset_id", "definition", "truncated", "statuses", "at"]
_PARTITIONS = Insert(
    tables.partitions_told,
    _PARTITIONS_ROW,
    "ON CONFLICT (dataset_id) " + _replace(_PARTITIONS_ROW[1:]),
)
_PARTITIONS_HELD = Fetch(tables.partitions_told, ["dataset_id"], _PARTITIONS_ROW)


def add_backlog(bulk: Bulk, row: Row) -> None:
    bulk.insert(_BACKLOG, [row])


def put_health(bulk: Bulk, row: Row) -> bool:
    return _put(bulk, _HEALTH_HELD, _HEALTH, row, keys=2, told=1)


def put_watermark(bulk: Bulk, row: Row) -> bool:
    return _put(bulk, _WATERMARK_HELD, _WATERMARK, row, keys=2, told=1)


def put_policy(bulk: Bulk, row: Row) -> bool:
    return _put(bulk, _POLICY_HELD, _POLICY, row, keys=1, told=3)


def put_backfill(bulk: Bulk, row: Row) -> bool:
    return _put(bulk, _BACKFILL_HELD, _BACKFILL, row, keys=2, told=5)


def put_partitions(bulk: Bulk, row: Row) -> bool:
    return _put(bulk, _PARTITIONS_HELD, _PARTITIONS, row, keys=1, told=3)


def _put(bulk: Bulk, held: Fetch, insert: Insert, row: Row, *, keys: int, told: int) -> bool:
    """Keeps the row with the later `at` (its last value); `told` values after the keys are content."""
    before = next(iter(bulk.fetch(held, [row[:keys]])), None)
    if before is not None and _order(row, keys) <= _order(before, keys):
        return False
    bulk.insert(insert, [row])
    return before is None or before[keys : keys + told] != row[keys : keys + told]


def _order(row: Row, keys: int) -> list[tuple[bool, Any]]:
    return [(value is not None, value) for value in (row[-1], *row[keys:-1])]
