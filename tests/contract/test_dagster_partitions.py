"""How Dagster's partitions and its own backfills stand is told, without flooding."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx

from adapters.dagster import Dagster
from adapters.dagster.partitions import AT_ONCE, MOST
from hub.model import (
    BackfillObserved,
    EntityName,
    HealthObserved,
    HealthStatus,
    PartitionsObserved,
)
from hub.ports import Observed
from tests.support.fake_dagster import (
    NAMESPACE,
    NO_BACKFILLS,
    NOW,
    FakeDagster,
    FakeKnown,
    detail,
    pulse,
    recorded,
    run_row,
)

Json = dict[str, Any]
DAYS = [f"2026-11-{day:02}" for day in range(1, 22)]


def served(*assets: str, **other: Any) -> FakeDagster:
    """A Dagster with these partitioned assets, of which it answers what was recorded of one."""
    nodes = [
        {"assetKey": {"path": name.split("/")}, "isExecutable": True, "isPartitioned": True}
        for name in assets
    ]

    def asked(variables: Json) -> Json:
        (like,) = recorded("partition_statuses")["assetNodes"]
        return {"assetNodes": [like | {"assetKey": key} for key in variables["keys"]]}

    def keys(variables: Json) -> Json:
        told = {"results": DAYS[::-1], "hasMore": False}
        return {
            "assetNodes": [
                {"assetKey": key, "partitionKeyConnection": told} for key in variables["keys"]
            ]
        }

    answers: Json = {
        "Pulse": lambda _: pulse(workspaceOrError=recorded("workspace")["workspaceOrError"]),
        "Instigators": recorded("schedules") | recorded("sensors"),
        "AssetKeys": {"assetNodes": nodes},
        "Assets": {"assetNodes": []},
        "Partitions": asked,
        "PartitionKeys": keys,
    }
    return FakeDagster(**answers | other)


def look(fake: FakeDagster, adapter: Dagster, cursor: Json, after_s: float = 0) -> Observed:
    fake.clock = NOW + timedelta(seconds=after_s)
    return adapter.observe(cursor, NOW + timedelta(seconds=after_s), FakeKnown())


def settled(fake: FakeDagster, adapter: Dagster) -> tuple[list[Observed], Json]:
    """The looks until nothing is left to read, and the cursor after them."""
    looks = [look(fake, adapter, {})]
    while looks[-1].more:
        looks.append(look(fake, adapter, looks[-1].cursor))
    return looks, looks[-1].cursor


def told(*looks: Observed) -> dict[str, PartitionsObserved]:
    found = [one for each in looks for one in each.observations]
    return {one.dataset.name: one for one in found if isinstance(one, PartitionsObserved)}


def test_what_dagster_knows_of_each_partition_is_told() -> None:
    fake = served("raw/orders")
    looks, _ = settled(fake, fake.adapter())
    (found,) = told(*looks).values()
    assert found.dataset == EntityName(NAMESPACE, "raw/orders")
    assert found.definition == "Daily, starting 2026-11-01 Europe/Berlin."
    assert (found.complete, found.failed, found.running) == (("2026-11-20",), (), ())
    assert found.missing == tuple(day for day in DAYS if day != "2026-11-20")
    assert not found.truncated


def test_ranges_are_told_key_by_key() -> None:
    ranges = [
        {"startKey": "2026-10-28", "endKey": "2026-11-02", "status": "MATERIALIZED"},
        {"startKey": "2026-11-03", "endKey": "2026-11-04", "status": "FAILED"},
        {"startKey": "2026-11-21", "endKey": "2026-11-21", "status": "MATERIALIZING"},
        {"startKey": "2026-11-05", "endKey": "2026-11-05", "status": "NEW_WORD"},
    ]
    node = {
        "assetKey": {"path": ["a"]},
        "assetPartitionStatuses": {"__typename": "TimePartitionStatuses", "ranges": ranges},
    }
    fake = served("a", Partitions={"assetNodes": [node]})
    looks, _ = settled(fake, fake.adapter())
    found = told(*looks)["a"]
    assert found.complete == ("2026-11-01", "2026-11-02")  # what of the range is among the keys
    assert found.failed == ("2026-11-03", "2026-11-04")
    assert found.running == ("2026-11-21",)
    assert found.missing == tuple(DAYS[4:20])


def test_partitions_of_two_dimensions_are_told_as_dagster_writes_them() -> None:
    second = {"__typename": "DefaultPartitionStatuses", "materializedPartitions": ["de"]}
    second |= {"failedPartitions": ["fr"], "materializingPartitions": []}
    one = {"primaryDimStartKey": "2026-11-01", "primaryDimEndKey": "2026-11-02"}
    statuses = {
        "__typename": "MultiPartitionStatuses",
        "primaryDimensionName": "time",
        "ranges2d": [one | {"secondaryDim": second}],
    }
    keys = [f"{country}|{day}" for day in DAYS[:3] for country in ("de", "fr")]
    dimensions = [
        {"name": "time", "partitionKeys": DAYS[:3]},
        {"name": "country", "partitionKeys": ["de", "fr"]},
    ]
    key = {"assetKey": {"path": ["a"]}}
    connection = {"results": keys[::-1], "hasMore": False}
    answer = key | {"partitionKeyConnection": connection, "partitionKeysByDimension": dimensions}
    fake = served(
        "a",
        Partitions={"assetNodes": [key | {"assetPartitionStatuses": statuses}]},
        DimensionKeys={"assetNodes": [answer]},
    )
    looks, _ = settled(fake, fake.adapter())
    found = told(*looks)["a"]
    assert found.complete == ("de|2026-11-01", "de|2026-11-02")
    assert found.failed == ("fr|2026-11-01", "fr|2026-11-02")
    assert found.missing == ("de|2026-11-03", "fr|2026-11-03")


def test_what_stands_as_before_is_not_told_again_but_each_hour() -> None:
    fake = served("a")
    adapter = fake.adapter()
    _, cursor = settled(fake, adapter)
    again = look(fake, adapter, cursor, 61)
    assert fake.names().count("Partitions") == 2
    assert not told(again)
    assert fake.names().count("PartitionKeys") == 1
    later = look(fake, adapter, again.cursor, 3600)
    assert told(later)


def test_what_was_told_is_told_again_when_its_cursor_was_lost() -> None:
    fake = served("a")
    adapter = fake.adapter()
    settled(fake, adapter)
    looks, _ = settled(fake, adapter)
    assert told(*looks)


def test_a_minute_goes_by_between_two_questions_and_few_assets_are_asked_for_at_once() -> None:
    fake = served(*(f"a{number:03}" for number in range(60)))
    adapter = fake.adapter()
    looks, cursor = settled(fake, adapter)
    seen = told(*looks)
    assert len(seen) == AT_ONCE
    assert not told(look(fake, adapter, cursor, 20))
    for minute in (1, 2):
        found = look(fake, adapter, cursor, minute * 61)
        assert not seen.keys() & told(found).keys()
        seen, cursor = seen | told(found), found.cursor
    assert len(seen) == 60


def test_an_asset_that_was_just_written_is_asked_for_before_the_others() -> None:
    fake = served(*(f"a{number:03}" for number in range(60)))
    row = run_row(tags=[{"key": "dagster/partition", "value": DAYS[0]}])
    written = {"assetKey": {"path": ["a059"]}, "runId": row["runId"], "stepKey": "a059"}
    done = {"stepKey": "a059", "status": "SUCCESS", "endTime": row["endTime"]}
    full = detail(row, stepStats=[done], assetMaterializations=[written | {"partition": DAYS[0]}])
    fake.answers["Details"] = {"runsOrError": {"__typename": "Runs", "results": [full]}}
    fake.rows = [row]
    looks, _ = settled(fake, fake.adapter())
    assert "a059" in told(*looks)


def test_a_dagster_that_tells_no_keys_tells_what_it_lists() -> None:
    lists = {"__typename": "DefaultPartitionStatuses", "materializedPartitions": ["de"]}
    node = {"assetKey": {"path": ["a"]}, "assetPartitionStatuses": lists}
    fake = served(
        "a",
        Partitions={"assetNodes": [node]},
        PartitionKeys={"assetNodes": [{"assetKey": {"path": ["a"]}}]},
    )
    looks, _ = settled(fake, fake.adapter())
    found = told(*looks)["a"]
    assert (found.complete, found.missing, found.truncated) == (("de",), (), True)


def test_of_many_keys_the_latest_are_told() -> None:
    fake = served("a")
    looks, _ = settled(fake, fake.adapter())
    assert told(*looks)
    (asked,) = [given for name, given in fake.asked if name == "PartitionKeys"]
    assert asked["limit"] == MOST
    fake = served("a", PartitionKeys=_capped)
    looks, _ = settled(fake, fake.adapter())
    assert told(*looks)["a"].truncated


def _capped(variables: Json) -> Json:
    told = {"results": DAYS[::-1], "hasMore": True}
    return {
        "assetNodes": [
            {"assetKey": key, "partitionKeyConnection": told} for key in variables["keys"]
        ]
    }


def test_an_asset_of_which_dagster_cannot_tell_hides_no_other() -> None:
    fake = served("bad", "good")
    right = fake.answers["Partitions"]

    def failing(variables: Json) -> Json | httpx.Response:
        if {"path": ["bad"]} in variables["keys"]:
            return httpx.Response(200, json={"data": None, "errors": [{"message": "broken"}]})
        assert callable(right)
        return right(variables)

    fake.answers["Partitions"] = failing
    looks, _ = settled(fake, fake.adapter())
    assert set(told(*looks)) == {"good"}
    health = [one for each in looks for one in each.observations if isinstance(one, HealthObserved)]
    (found,) = [one for one in health if one.part == "partitions"]
    assert found.status is HealthStatus.DEGRADED
    assert "bad" in (found.detail or "")


# -- backfills -------------------------------------------------------------------------------------


def backfills(seen: Observed) -> dict[str, BackfillObserved]:
    return {one.natural_id: one for one in seen.observations if isinstance(one, BackfillObserved)}


def test_backfills_that_dagster_runs_are_told_with_their_state() -> None:
    latest = recorded("backfills")["partitionBackfillsOrError"]
    open_ = json.loads(json.dumps(latest))
    open_["results"] = [open_["results"][0] | {"id": "old", "status": "REQUESTED"}]
    open_["results"][0]["endTimestamp"] = None
    fake = served(OwnBackfills={"latest": latest, "open": open_})
    found = backfills(look(fake, fake.adapter(), {}))
    assert {key: one.state for key, one in found.items()} == {
        "faklzsqb": "COMPLETED_SUCCESS",
        "abockdfd": "COMPLETED_SUCCESS",
        "bykxoolp": "COMPLETED_SUCCESS",
        "old": "REQUESTED",
    }
    assert found["abockdfd"].about == "orders_job"
    assert found["bykxoolp"].about == "raw/orders, orders_clean"
    assert found["bykxoolp"].partitions == 3
    assert found["bykxoolp"].begun_at
    assert found["old"].ended_at is None


def test_a_dagster_that_cannot_tell_of_its_backfills_tells_the_rest() -> None:
    broken = {"__typename": "PythonError", "message": "a backfill can't be read"}
    fake = served("a", OwnBackfills={"latest": broken, "open": NO_BACKFILLS})
    adapter = fake.adapter()
    looks, cursor = settled(fake, adapter)
    assert told(*looks)
    health = [one for each in looks for one in each.observations if isinstance(one, HealthObserved)]
    (found,) = [one for one in health if one.part == "backfills"]
    assert found.status is HealthStatus.DEGRADED
    assert "a backfill can't be read" in (found.detail or "")
    latest = recorded("backfills")["partitionBackfillsOrError"]
    fake.answers["OwnBackfills"] = {"latest": latest, "open": NO_BACKFILLS}
    again = look(fake, adapter, cursor, 6000)
    assert backfills(again)  # which ended meanwhile
    assert HealthStatus.HEALTHY in {
        one.status
        for one in again.observations
        if isinstance(one, HealthObserved) and one.part == "backfills"
    }


def test_backfills_that_ended_long_ago_are_told_once() -> None:
    latest = recorded("backfills")["partitionBackfillsOrError"]
    fake = served(OwnBackfills={"latest": latest, "open": NO_BACKFILLS})
    adapter = fake.adapter()
    first = look(fake, adapter, {}, 600)
    assert backfills(first)
    assert not backfills(look(fake, adapter, first.cursor, 6000))


def test_the_runs_of_a_backfill_and_their_steps_tell_that_they_are() -> None:
    row = run_row(tags=[{"key": "dagster/backfill", "value": "bykxoolp"}])
    step = {"stepKey": "a", "status": "SUCCESS", "endTime": row["endTime"]}
    fake = served()
    fake.answers["Details"] = {
        "runsOrError": {"__typename": "Runs", "results": [detail(row, stepStats=[step])]}
    }
    fake.rows = [row]
    events = [event for event in look(fake, fake.adapter(), {}).events if "run" in event]
    answers = [event["run"]["facets"]["trackside_answer"] for event in events]
    assert {event["job"]["name"] for event in events} >= {"orders", "orders.a"}
    assert {answer.get("backfill") for answer in answers if answer["state"] != "skipped"} == {
        "bykxoolp"
    }
