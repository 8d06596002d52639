"""An adapter that watches a real Airflow, what it told, and that Airflow's own database."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

from adapters.airflow import Airflow as Adapter
from adapters.airflow.config import Config
from hub.ports import Asked, RunName
from tests.support.airflow import Airflow
from tests.support.known import Memory

SPACE = "af-pull"


class Watch:
    """The adapter, what it told, and the Airflow it looks at."""

    def __init__(self, airflow: Airflow, **login: Any) -> None:
        self.airflow = airflow
        config = Config.model_validate({"url": airflow.url, **login})
        self.adapter = Adapter(config, Asked("af", SPACE))
        self.memory = Memory()
        self.cursor: dict[str, Any] = {}
        self.requests: list[int] = []

    def poll(self) -> None:
        more = True
        while more:
            seen = self.adapter.observe(self.cursor, datetime.now(UTC), self.memory)
            self.memory.take(seen)
            self.cursor, more = seen.cursor, seen.more
            self.requests.append(seen.requests)

    def until_ended(self, *dags: str, timeout_s: float = 300) -> None:
        """Polls until Airflow says that all runs of the Dags have ended, and once more."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            self.cursor.get("due", {}).pop("backlog", None)  # a pool may be full for a moment only
            self.poll()
            rows = [
                row for dag in dags for row in self.airflow.get(f"/dags/{dag}/dagRuns")["dag_runs"]
            ]
            if all(row["state"] in {"success", "failed"} for row in rows):
                break
            time.sleep(2)
        else:
            raise TimeoutError(str(dags))
        self.poll()

    def database(self, statement: str) -> list[dict[str, Any]]:
        connection = sqlite3.connect(f"file:{self.airflow.home}/airflow.db?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(statement)]
        finally:
            connection.close()

    def state(self, name: RunName) -> tuple[str, str]:
        """Ours and Airflow's own word for the latest attempt."""
        attempt = self.memory.latest(name)
        assert attempt is not None, name
        return attempt.state.value, attempt.own_state

    def seen(self, kind: type) -> list[Any]:
        return [one for one in self.memory.observations if isinstance(one, kind)]


def moment(text: str | None) -> datetime | None:
    """A time as SQLite has it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
