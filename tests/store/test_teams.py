"""What a team owns and kept, what rules opened, and the schemas of a dataset, on either engine."""

from __future__ import annotations

from typing import Any

from hub.model import RunState, Viewer
from hub.store.db import Database
from hub.store.incident_counts import Opened, opened_by_rule
from hub.store.schema_history import list_schemas
from hub.store.teams import owned_by, promises_of, team_names
from tests.support.build import EVERYBODY, Build, at

STRANGER = Viewer()
DAY = 24 * 60


def test_promises_are_counted_by_the_day_on_which_they_were_kept_or_broken(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        job = build.job("load", team="sales")
        part = build.job("load.task", team="sales", parent_job_id=job)
        for key, minute, state in (
            (job, 0, RunState.COMPLETED),
            (job, DAY, RunState.COMPLETED),
            (job, DAY + 1, RunState.FAILED),
            (part, DAY, RunState.FAILED),
        ):
            build.run(key, state=state, start=minute, end=minute)
        table = build.dataset("mart", team="sales")
        common: dict[str, Any] = {"of": table, "team": "sales", "opened_at": at(DAY)}
        build.incident("freshness", **common)
        build.incident("failed_run", **common)
    with db.reading() as connection:
        found = promises_of(connection, EVERYBODY, "sales", at(DAY + 60), 3)
        owned = owned_by(connection, EVERYBODY, "sales", 10)
        counted = opened_by_rule(connection, EVERYBODY, at(0))
    told = [(one.day, one.kept, one.failed, one.late) for one in found]
    first, second = at(0).date(), at(DAY).date()
    assert told[1:] == [(first, 1, 0, 0), (second, 1, 1, 1)]
    assert ([one.name for one in owned.jobs], owned.dataset_count) == (["load"], 1)
    assert counted == {
        "freshness": {second: Opened(1, 0)},
        "failed_run": {second: Opened(1, 0)},
    }


def test_a_private_team_is_nobodys_business(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        secret = build.team("secret")
        build.job("hush", team=secret)
        build.job("loud", team="sales")
    with db.reading() as connection:
        assert team_names(connection, EVERYBODY) == ["sales", "secret"]
        assert team_names(connection, STRANGER) == ["sales"]
        assert owned_by(connection, STRANGER, "secret", 10).job_count == 0


def test_schemas_come_the_latest_first(db: Database) -> None:
    with db.writing() as connection:
        build = Build(connection)
        orders = build.dataset("orders", fields=[["id", "INT", None]])
        build.schema(orders, [["id", "BIGINT", "key"]])
    with db.reading() as connection:
        found = list_schemas(connection, orders, 10)
    assert [one.columns for one in found] == [{"id": "BIGINT"}, {"id": "INT"}]
