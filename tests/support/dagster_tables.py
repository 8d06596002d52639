"""What a Dagster's own tables say of partitions and backfills, for its adapter to be equal to."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

_ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
_ASSETS = """SELECT asset_key, partition, dagster_event_type, run_id FROM event_logs
    WHERE partition IS NOT NULL
    AND dagster_event_type IN ('ASSET_MATERIALIZATION', 'ASSET_MATERIALIZATION_PLANNED')
    ORDER BY id"""


def partitions(home: Path) -> dict[str, dict[str, str]]:
    """By asset and key: the last thing that happened to it, of those to which anything has."""
    states = dict(_rows(home / "history" / "runs.db", "SELECT run_id, status FROM runs"))
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for asset, key, kind, run in _rows(home / "history" / "runs" / "index.db", _ASSETS):
        name = "/".join(json.loads(asset))
        if kind == "ASSET_MATERIALIZATION":
            found[name][key] = "complete"
        elif states.get(run) not in _ENDED:
            found[name][key] = "running"
        elif states[run] == "FAILURE":
            found[name][key] = "failed"
    return dict(found)


def backfills(home: Path) -> dict[str, str]:
    """Their states by id."""
    path = home / "history" / "runs.db"
    return dict(_rows(path, "SELECT key, status FROM bulk_actions"))


def runs_of_backfills(home: Path) -> dict[str, str]:
    """The backfill of each run that is of one."""
    query = "SELECT run_id, value FROM run_tags WHERE key = 'dagster/backfill'"
    return dict(_rows(home / "history" / "runs.db", query))


def days_since(first: str, zone: str) -> set[str]:
    """The days that are over there."""
    begin, today = date.fromisoformat(first), datetime.now(ZoneInfo(zone)).date()
    return {f"{begin + timedelta(n):%Y-%m-%d}" for n in range((today - begin).days)}


def _rows(path: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
