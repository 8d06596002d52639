"""Answers of another shape, when Dagster is asked to act: survived or named, never a mistake of ours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from hub.errors import Unavailable
from hub.model import EntityName
from hub.ports import BackfillPlan, LaunchRequest, RunName
from tests.support.fake_dagster import NAMESPACE, NOW, FakeDagster, Json, recorded
from tests.support.shapes import wrong

RUN = "20d8aa7a-219c-416e-901b-1bb826dfc1c0"
JOB = EntityName(NAMESPACE, "orders")
TARGETS = {
    "repositoriesOrError": {
        "__typename": "RepositoryConnection",
        "nodes": [
            {
                "name": "__repository__",
                "location": {"name": "shop"},
                "jobs": [{"name": "orders", "isAssetJob": False}],
            }
        ],
    }
}
STATUSES = {
    "__typename": "PartitionStatuses",
    "results": [{"partitionName": "2026-11-20", "runStatus": None}],
}
ACTS: dict[str, Json] = {
    "Targets": TARGETS,
    "Launch": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": RUN}}},
    "Check": {"version": "1.13", "permissions": [{"permission": "a", "value": True}]},
    "Backfills": {"partitionBackfillsOrError": {"__typename": "PartitionBackfills", "results": []}},
    "Partitions": {
        "partitionSetOrError": {"__typename": "PartitionSet", "partitionStatusesOrError": STATUSES}
    },
    "Backfill": {
        "launchPartitionBackfill": {"__typename": "LaunchBackfillSuccess", "backfillId": "b"}
    },
    "Output": {"runOrError": {"__typename": "Run", "capturedLogs": {"stdout": "x", "stderr": ""}}},
}


def act(fake: FakeDagster) -> None:
    adapter = fake.adapter()
    acts: list[Callable[[], object]] = [
        lambda: adapter.launch(LaunchRequest("k", JOB)),
        lambda: adapter.backfill(BackfillPlan("k", JOB, start=NOW - timedelta(days=9))),
        lambda: adapter.log_tail(RunName(JOB, RUN), 1, 10),
        adapter.check_connection,
    ]
    for one in acts:
        with suppress(Unavailable):
            one()


@pytest.mark.parametrize("query", sorted(ACTS))
def test_an_act_survives_or_names_what_it_can_not_read(query: str) -> None:
    for shape in wrong(ACTS[query]):
        answers = ACTS | {"Log": recorded("run_log_fail")}
        fake = FakeDagster(**answers)
        fake.answers[query] = lambda _, told=shape: told  # type: ignore[misc]
        act(fake)
