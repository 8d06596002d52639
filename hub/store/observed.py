"""Rows that observations write. Each `put` keeps the latest and says whether the content is new."""

from __future__ import annotations

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


def add_backlog(bulk: Bulk, row: Row) -> None:
    bulk.insert(_BACKLOG, [row])


def put_health(bulk: Bulk, row: Row) -> bool:
    return _put(bulk, _HEALTH_HELD, _HEALTH, row, keys=2, told=1)


def put_watermark(bulk: Bulk, row: Row) -> bool:
    return _put(bulk, _WATERMARK_HELD, _WATERMARK, row, keys=2, told=1)


def put_policy(bulk: Bulk, row: Row) -> bool:
    return _put(bulk, _POLICY_HELD, _POLICY, row, keys=1, told=3)


def _put(bulk: Bulk, held: Fetch, insert: Insert, row: Row, *, keys: int, told: int) -> bool:
    """Keeps the row with the later `at` (its last value); `told` values after the keys are content."""
    before = next(iter(bulk.fetch(held, [row[:keys]])), None)
    if before is not None and (row[-1], row[keys:-1]) <= (before[-1], before[keys:-1]):
        return False
    bulk.insert(insert, [row])
    return before is None or before[keys : keys + told] != row[keys : keys + told]
