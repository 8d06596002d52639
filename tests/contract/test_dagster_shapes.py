"""Answers of another shape, when Dagster is asked to act: survived or named, never a mistake of ours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from hub.errors import Unavailable
from hub.model import EntityName
from hub.ports import BackfillPlan, FailedRun, LaunchRequest, RunName, Span, Wish
from tests.support.fake_dagster import NAMESPACE, FakeDagster, Json, recorded
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
ACTS: dict[str, Json] = {
    "Targets": TARGETS,
    "Launch": {"launchRun": {"__typename": "LaunchRunSuccess", "run": {"runId": RUN}}},
    "Rerun": {"launchRunReexecution": {"__typename": "LaunchRunSuccess", "run": {"runId": RUN}}},
    "Check": {"version": "1.13", "permissions": [{"permission": "a", "value": True}]},
    "Backfills": {"partitionBackfillsOrError": {"__typename": "PartitionBackfills", "results": []}},
    "Backfill": {
        "launchPartitionBackfill": {"__typename": "LaunchBackfillSuccess", "backfillId": "b"}
    },
    "BackfillStatus": {
        "partitionBackfillOrError": {"__typename": "PartitionBackfill", "status": "REQUESTED"}
    },
    "CancelBackfill": {"cancelPartitionBackfill": {"__typename": "CancelBackfillSuccess"}},
    "Output": {"runOrError": {"__typename": "Run", "capturedLogs": {"stdout": "x", "stderr": ""}}},
}


def act(fake: FakeDagster) -> None:
    adapter, plan = fake.adapter(), BackfillPlan("k", JOB, [Span("2026-11-20")])
    acts: list[Callable[[], object]] = [
        lambda: adapter.launch(LaunchRequest("k", JOB)),
        lambda: adapter.launch(
            LaunchRequest("k", JOB, failed=FailedRun(RUN, datetime(2026, 11, 1, tzinfo=UTC)))
        ),
        lambda: adapter.backfill(plan),
        lambda: adapter.backfilled(plan, "b"),
        lambda: adapter.steer("b", Wish.CANCEL),
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
