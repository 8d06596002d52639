"""What dashboards ask PostgreSQL itself is answered by a store of this release."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy import text

from dashboards import GENERATED
from dashboards.asking import panels_of
from hub.store.db import Database
from hub.store.migrate import migrate
from tests.support.recording import Recording, incoming, run_event

pytestmark = pytest.mark.postgres
#: The 23rd of November 2026, 10:00 UTC: minute 0 of the events.
BEGIN = 1_795_428_000


def queries() -> dict[str, str]:
    return {
        panel["title"]: target["rawSql"]
        for path in sorted(GENERATED.glob("*.json"))
        for panel in panels_of(json.loads(path.read_text()))
        for target in panel["targets"]
        if "rawSql" in target
    }


def filled_in(query: str, job: str, hours: int) -> str:
    """As Grafana sends it; nothing of its own may be left."""
    told = {"one_namespace": "prod", "one_job": job}
    for name, value in told.items():
        quoted = "'" + value.replace("'", "''") + "'"
        query = query.replace(f"${{{name}:sqlstring}}", quoted)
    query = query.replace("$__unixEpochFrom()", str(BEGIN))
    query = query.replace("$__unixEpochTo()", str(BEGIN + hours * 3600))
    assert not re.search(r"\$\w|\$\{", query), query
    return query


def asked(db: Database, job: str, hours: int = 24) -> list[Any]:
    (query,) = queries().values()
    with db.reading() as connection:
        return list(connection.execute(text(filled_in(query, job, hours).replace("::", "\\:\\:"))))


@pytest.fixture
def db(postgres_url: str) -> Any:
    database = Database(postgres_url, durable=False)
    migrate(database)
    yield database
    database.close()


def test_the_runs_of_one_job_in_the_time_that_is_shown_are_told(db: Database) -> None:
    odd = "it's \\ odd"
    events = [
        run_event("START", 0, 1), run_event("COMPLETE", 5, 1),
        run_event("START", 60, 2), run_event("FAIL", 62, 2),
        run_event("START", 70, 3, job=odd),
    ]  # fmt: skip
    Recording(db).batch([incoming(one) for one in events])
    failed, completed = asked(db, "load")
    assert (completed.state, completed.seconds, completed.attempt) == ("COMPLETED", 300, 0)
    assert (failed.state, failed.seconds) == ("FAILED", 120)
    assert completed.run == events[0]["run"]["runId"]
    assert completed.started.timestamp() == BEGIN
    assert [one.state for one in asked(db, odd)] == ["RUNNING"]
    assert len(asked(db, "load", hours=0)) == 1
    assert asked(db, "none") == []
