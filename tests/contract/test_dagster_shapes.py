"""Answers of another shape: whatever Dagster says is survived or named, never a mistake of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from hub.errors import Unavailable
from hub.model import EntityName
from hub.ports import BackfillPlan, LaunchRequest, RunName
from tests.support.fake_dagster import (
    NAMESPACE,
    NOW,
    FakeDagster,
    FakeKnown,
    Json,
    detail,
    pulse,
    recorded,
    run_row,
)

RUN = "20d8aa7a-219c-416e-901b-1bb826dfc1c0"
TAGS = [
    {"key": "dagster/schedule_name", "value": "nightly"},
    {"key": "dagster/tick", "value": "33"},
    {"key": "dagster/partition", "value": "2026-11-20"},
]


def whole() -> FakeDagster:
    """A Dagster with something of everything."""
    row = run_row(runId=RUN, status="FAILURE", tags=TAGS)
    stats = recorded("run_stats_dyn_success")["runOrError"]["stepStats"][:2]
    log = recorded("run_log_report")
    made = [e for e in log["logsForRun"]["events"] if e["__typename"] == "MaterializationEvent"]
    told = detail(row, stepStats=stats, assetMaterializations=made, assetChecks=[{}])
    instance = recorded("instance_queue_pools")["instance"]
    instance |= recorded("daemon_health")["instance"]
    workspace = recorded("workspace")["workspaceOrError"]
    state = {"__typename": "InstigationState", "tick": {"tickId": "33", "timestamp": 1795330000.0}}
    fake = FakeDagster(
        Pulse=pulse(
            workspaceOrError=workspace,
            instance=instance,
            waiting=recorded("backlog_queued_runs")["runsOrError"],
        ),
        Details={"runsOrError": {"__typename": "Runs", "results": [told]}},
        Log=log,
        Ticks={"tick0": state},
        Jobs=recorded("jobs"),
        Instigators=recorded("schedules") | recorded("sensors"),
        AssetKeys=recorded("asset_nodes_full"),
        Assets=recorded("asset_nodes_full"),
        Reports={"asset0": recorded("external_asset_events")["assetOrError"]},
    )
    fake.rows = [row]
    return fake


OTHERS: list[Any] = [None, 7, "x", [], {}, [None], 1e300, "\ud800"]


def wrong(value: Any) -> Iterator[Any]:
    """The value with one part of it replaced by something of another shape, each in turn."""
    for other in OTHERS:
        if type(other) is not type(value):
            yield other
    if isinstance(value, dict):
        for key, below in list(value.items())[:14]:
            yield {k: v for k, v in value.items() if k != key}
            yield from ({**value, key: other} for other in wrong(below))
    elif isinstance(value, list) and value:
        yield from ([other, *value[1:]] for other in wrong(value[0]))


def look_twice(fake: FakeDagster) -> None:
    adapter = fake.adapter()
    seen = adapter.observe({}, NOW, FakeKnown())
    fake.clock += timedelta(seconds=90)
    adapter.observe(seen.cursor, NOW + timedelta(seconds=90), FakeKnown())


def test_the_whole_is_read_without_complaint() -> None:
    fake = whole()
    look_twice(fake)
    assert set(fake.answers) == set(fake.names())


@pytest.mark.parametrize("query", sorted(set(whole().answers) - {"Runs"}))
def test_a_look_survives_or_names_what_it_can_not_read(query: str) -> None:
    shapes = list(wrong(whole().answers[query]))
    for shape in shapes[:: max(1, len(shapes) // 40)]:
        fake = whole()
        fake.answers[query] = lambda _, told=shape: told  # type: ignore[misc]
        with suppress(Unavailable):  # any other error fails the test
            look_twice(fake)


def test_a_look_survives_or_names_runs_that_it_can_not_read() -> None:
    row = run_row(runId=RUN, tags=TAGS)
    for shape in wrong({"runsOrError": {"__typename": "Runs", "count": 1, "results": [row]}}):
        fake = whole()
        fake.answers["Runs"] = lambda _, told=shape: told  # type: ignore[misc]
        with suppress(Unavailable):
            look_twice(fake)


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
