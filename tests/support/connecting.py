"""A hub in a folder that a person connects to a real Airflow from the command line."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support.airflow import Airflow
from tests.support.hub_process import HubProcess, trackside

PATIENCE_S: Final = 180
TEAM: Final = "teams: [{name: ways, secrets: ['env:AF2_*']}]\n"
OURS: Final = """SELECT j.name, r.natural_id, r.map_index, a.no, a.own_state, a.started_at, a.ended_at
    FROM attempt a JOIN run r ON r.id = a.run_id JOIN job j ON j.id = r.job_id"""
_TRIES: Final = """SELECT dag_id || '.' || task_id, run_id, map_index, try_number, state, start_date, end_date
    FROM {table} WHERE state IS NOT NULL"""
TRIES: Final = [_TRIES.format(table=table) for table in ("task_instance_history", "task_instance")]
RUNS: Final = "SELECT dag_id, run_id, -1, 1, state, start_date, end_date FROM dag_run"


class Place:
    """The hub, its operator's commands, and the Airflow beside it. secrets: its environment's."""

    def __init__(self, folder: Path, airflow: Airflow, **secrets: str) -> None:
        self.folder = folder
        self.airflow = airflow
        (folder / "trackside.yaml").write_text(TEAM)
        made = trackside("token", "create", "ada", "--scope", "admin", folder=folder)
        token = next(word for word in made.stdout.split() if word.startswith("tsk_"))
        self.environment = {"TRACKSIDE_TOKEN": token, "COLUMNS": "200", **secrets}
        self.headers = {"Authorization": f"Bearer {token}"}
        self.hub = HubProcess(folder, environment=self.environment)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return trackside("orchestrators", *words, folder=self.folder, environment=self.environment)

    def add(self, **settings: str) -> subprocess.CompletedProcess[str]:
        given = {"url": self.airflow.url, **settings}
        pairs = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
        named = ("add", "af2", "--kind", "airflow", "--namespace", "af2", "--team", "ways")
        return self.command(*named, *pairs)

    def asked(self) -> dict[str, Any]:
        url = f"{self.hub.url}/api/v1/orchestrators/af2"
        return dict(httpx.get(url, headers=self.headers, timeout=30).json())

    def until_read(self) -> None:
        """Until a whole poll has begun after now."""
        now, end = datetime.now(UTC), time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            done = (self.asked().get("poll") or {}).get("completeAt")
            if done and (datetime.fromisoformat(done) - now).total_seconds() > 5:
                return
            time.sleep(0.5)
        raise TimeoutError(f"{self.asked()}\n{self.hub.said[-3000:]}")

    def ours(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        return {row[:4]: row[4:] for row in rows(self.folder / "data/trackside.db", OURS)}

    def theirs(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        return {row[:4]: row[4:] for row in told_by(self.airflow, *TRIES, RUNS)}


def told_by(airflow: Airflow, *statements: str) -> list[tuple[Any, ...]]:
    """Rows of its own database, times as the hub's store has them."""
    found = [row for one in statements for row in rows(airflow.home / "airflow.db", one)]
    return [(*row[:5], micros(row[5]), micros(row[6])) for row in found]


def rows(database: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def micros(text: str | None) -> int | None:
    if text is None:
        return None
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)
