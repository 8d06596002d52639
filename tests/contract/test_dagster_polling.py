"""Polling a Dagster loses nothing: pages, late updates, deleted runs, lost cursors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from adapters.dagster import Dagster
from adapters.dagster.events import step_run_id
from adapters.dagster.runs import PAGE
from hub.model import CheckStatus, EntityName, RunState, ScheduleObserved, WatermarkObserved
from hub.openlineage.decode import decode_event
from hub.ports import KnownRun, Observed, RunName
from tests.support.fake_dagster import (
    NAMESPACE,
    NOW,
    FakeDagster,
    FakeKnown,
    detail,
    pulse,
    recorded,
    run_row,
)

Json = dict[str, Any]
NOTHING = FakeKnown()


def run_id(number: int) -> str:
    return str(UUID(int=(number << 80) | 0x4000_8000_0000_0000_0000))


def row(number: int, **other: Any) -> Json:
    return run_row(**({"runId": run_id(number), "updateTime": 1795330000.0 + number} | other))


def look(
    adapter: Dagster, cursor: Json, known: FakeKnown = NOTHING, after_s: float = 0
) -> Observed:
    told = adapter.observe(cursor, NOW + timedelta(seconds=after_s), known)
    assert json.loads(json.dumps(told.cursor)) == told.cursor
    return told


def runs_in(told: Observed) -> set[str]:
    return {event["run"]["runId"] for event in told.events if "run" in event}


def watermarks(told: Observed) -> list[WatermarkObserved]:
    return [one for one in told.observations if isinstance(one, WatermarkObserved)]


def read_all(fake: FakeDagster, known: FakeKnown = NOTHING) -> tuple[list[Observed], Dagster]:
    adapter = fake.adapter()
    looks = [look(adapter, {}, known)]
    while looks[-1].more:
        assert len(looks) < 20
        looks.append(look(adapter, looks[-1].cursor, known))
    return looks, adapter


def test_all_pages_are_read_and_only_the_last_moves_the_watermark() -> None:
    fake = FakeDagster()
    fake.rows = [row(n) for n in range(2 * PAGE + 30, 0, -1)]
    looks, _ = read_all(fake)
    assert [one.more for one in looks] == [True, True, False]
    assert set().union(*(runs_in(one) for one in looks)) == {one["runId"] for one in fake.rows}
    assert [len(watermarks(one)) for one in looks] == [0, 0, 1]
    assert looks[0].progress == f"{PAGE} of {2 * PAGE + 30} runs"
    assert watermarks(looks[-1])[0].complete_to == NOW - timedelta(seconds=120)


def test_a_pass_that_ends_with_a_full_page_ends() -> None:
    fake = FakeDagster()
    fake.rows = [row(n) for n in range(PAGE, 0, -1)]
    looks, _ = read_all(fake)
    assert [one.more for one in looks] == [True, False]


def test_another_replica_goes_on_where_one_stopped() -> None:
    fake = FakeDagster()
    fake.rows = [row(n) for n in range(PAGE + 10, 0, -1)]
    first = look(fake.adapter(), {})
    second = look(fake.adapter(), first.cursor)
    assert runs_in(first) | runs_in(second) == {one["runId"] for one in fake.rows}


def test_a_pass_starts_again_when_the_run_it_had_come_to_was_deleted() -> None:
    fake = FakeDagster()
    fake.rows = [row(n) for n in range(PAGE + 10, 0, -1)]
    adapter = fake.adapter()
    first = look(adapter, {})
    del fake.rows[PAGE - 1]
    again = look(adapter, first.cursor)
    assert again.more
    third = look(adapter, again.cursor)
    last = look(adapter, third.cursor)
    assert not last.more
    told = runs_in(first) | runs_in(third) | runs_in(last)
    assert {one["runId"] for one in fake.rows} <= told


def test_what_is_new_is_seen_while_the_past_is_still_read() -> None:
    fake = FakeDagster()
    fake.rows = [row(n, updateTime=NOW.timestamp() - 90_000 - n) for n in range(2 * PAGE)]
    adapter = fake.adapter()
    first = look(adapter, {})
    assert first.more
    assert first.progress == f"{PAGE} of {2 * PAGE} runs"
    fake.rows.insert(0, row(1_000))
    assert run_id(1_000) in runs_in(look(adapter, first.cursor))


def test_nothing_is_called_complete_before_the_past_is_read() -> None:
    """Or slots whose runs are not there yet would be called missed."""
    fake = FakeDagster()
    fake.rows = [row(n, updateTime=NOW.timestamp() - 90_000 - n) for n in range(PAGE + 10)]
    looks, _ = read_all(fake)
    assert [len(watermarks(one)) for one in looks] == [0, 1]


def test_health_is_not_asked_for_with_every_page() -> None:
    fake = FakeDagster()
    fake.rows = [row(n) for n in range(2 * PAGE + 30, 0, -1)]
    read_all(fake)
    assert fake.names().count("Pulse") == 1


def test_an_update_that_is_committed_late_is_seen() -> None:
    fake = FakeDagster()
    fake.rows = [row(200)]
    (first,), adapter = read_all(fake)
    fake.rows.append(row(100))  # its time is 100 s before the latest that was seen
    assert run_id(100) in runs_in(look(adapter, first.cursor))


def test_a_worker_whose_clock_is_ahead_does_not_hide_the_others() -> None:
    fake = FakeDagster()
    fake.rows = [row(1, updateTime=NOW.timestamp() + 86_400)]
    (first,), adapter = read_all(fake)
    fake.rows.insert(0, row(2, updateTime=NOW.timestamp() + 5))
    assert run_id(2) in runs_in(look(adapter, first.cursor))


def test_a_lost_cursor_repeats_the_same_bytes() -> None:
    fake = FakeDagster()
    fake.rows = [row(n) for n in (2, 1)]
    (first,), adapter = read_all(fake)
    again = look(adapter, {})
    assert [json.dumps(e) for e in again.events] == [json.dumps(e) for e in first.events]


def test_a_cursor_that_is_not_ours_begins_anew() -> None:
    fake = FakeDagster()
    fake.rows = [row(1)]
    assert runs_in(look(fake.adapter(), {"watermark": "yesterday"})) == {run_id(1)}


def test_only_so_much_history_is_read() -> None:
    fake = FakeDagster()
    old = (NOW - timedelta(days=40)).timestamp()
    fake.rows = [row(2), row(1, updateTime=old)]
    assert runs_in(look(fake.adapter(), {})) == {run_id(2)}
    assert runs_in(look(fake.adapter(history_days=60), {})) == {run_id(1), run_id(2)}


def test_details_of_an_ended_run_are_asked_for_once_they_are_durable_no_more() -> None:
    fake = FakeDagster()
    fake.rows = [row(1)]
    (first,), adapter = read_all(fake)
    again = look(adapter, first.cursor, after_s=20)
    assert not runs_in(again)
    assert fake.names().count("Details") == 1
    lost = look(adapter, first.cursor, after_s=40)  # what came after was never recorded
    assert runs_in(lost) == {run_id(1)}


def test_an_ended_run_that_changes_is_read_again() -> None:
    fake = FakeDagster()
    fake.rows = [row(1)]
    (first,), adapter = read_all(fake)
    fake.rows[0]["updateTime"] += 10
    assert runs_in(look(adapter, first.cursor)) == {run_id(1)}


# -- runs that the hub believes open ---------------------------------------------------------------


def open_run(number: int, **other: Any) -> KnownRun:
    name = RunName(EntityName(NAMESPACE, "orders"), run_id(number))
    known = KnownRun(name, UUID(run_id(number)).bytes, 0, RunState.RUNNING)
    return KnownRun(**{field: getattr(known, field) for field in known.__struct_fields__} | other)


def of_step(number: int, key: str, *, pushed: bool = False) -> KnownRun:
    uuid = UUID(step_run_id(run_id(number), key))
    natural = uuid.bytes.hex() if pushed else f"{run_id(number)}/{key}"
    name = RunName(EntityName(NAMESPACE, f"orders.{key}"), natural)
    return KnownRun(name, uuid.bytes, 1, RunState.RUNNING)


def test_an_open_run_whose_end_was_missed_is_told() -> None:
    fake = FakeDagster()
    old = (NOW - timedelta(days=60)).timestamp()  # before all that is polled
    fake.rows = [row(1, updateTime=old)]
    told = look(fake.adapter(), {}, FakeKnown(open_run(1)))
    assert [event["eventType"] for event in told.events] == ["COMPLETE"]


def test_a_run_of_the_push_reporter_is_found_by_its_id() -> None:
    fake = FakeDagster()
    fake.rows = [row(1, updateTime=1.0)]
    pushed = RunName(EntityName(NAMESPACE, "orders"), UUID(run_id(1)).hex)
    told = look(fake.adapter(), {}, FakeKnown(open_run(1, name=pushed)))
    assert runs_in(told) == {run_id(1)}


def test_an_open_run_that_was_deleted_is_aborted_with_its_steps() -> None:
    fake = FakeDagster()
    known = FakeKnown(open_run(1), of_step(1, "load"))
    told = look(fake.adapter(), {}, known)
    found = {event["job"]["name"]: event for event in told.events}
    assert set(found) == {"orders", "orders.load"}
    for event in found.values():
        assert event["eventType"] == "ABORT"
        assert event["run"]["facets"]["trackside_answer"]["state"] == "deleted"


def test_what_others_pushed_is_never_taken_for_deleted() -> None:
    """A step whose run we can't tell, and runs of another namespace."""
    elsewhere = RunName(EntityName("other", "orders"), run_id(2))
    known = FakeKnown(of_step(1, "load", pushed=True), open_run(2, name=elsewhere))
    assert not look(FakeDagster().adapter(), {}, known).events


def test_an_open_run_that_was_just_read_is_not_asked_for_again() -> None:
    fake = FakeDagster()
    fake.rows = [row(1, status="STARTED", endTime=None)]
    look(fake.adapter(), {}, FakeKnown(open_run(1)))
    assert not [v for name, v in fake.asked if name == "Runs" and "runIds" in v["filter"]]


# -- inventory and schedules -----------------------------------------------------------------------


def declaring(**location: Any) -> FakeDagster:
    entry = recorded("workspace")["workspaceOrError"]["locationEntries"][0] | location
    told = pulse(workspaceOrError={"__typename": "Workspace", "locationEntries": [entry]})
    return FakeDagster(
        Pulse=told,
        Jobs=recorded("jobs"),
        Instigators=recorded("schedules") | recorded("sensors"),
        AssetKeys=recorded("asset_nodes_full"),
        Assets=recorded("asset_nodes_full"),
        Reports={"asset0": recorded("external_asset_events")["assetOrError"]},
    )


def test_the_inventory_is_taken_once_for_the_same_code() -> None:
    fake = declaring()
    adapter = fake.adapter()
    first = look(adapter, {})
    look(adapter, first.cursor, after_s=20)
    assert [fake.names().count(name) for name in ("Jobs", "Assets", "Instigators")] == [1, 1, 1]
    fake.answers["Pulse"] = declaring(updatedTimestamp=1795339999.0).answers["Pulse"]
    look(adapter, first.cursor, after_s=20)
    assert fake.names().count("Jobs") == 2


def test_schedules_are_asked_for_each_minute_and_told_when_they_change() -> None:
    fake = declaring()
    adapter = fake.adapter()
    told = look(adapter, {})
    assert any(isinstance(one, ScheduleObserved) for one in told.observations)
    state = json.loads(json.dumps(told.cursor)) | {"asked_at": 0.0, "pulsed_at": 0.0}
    same = look(adapter, state)
    assert not any(isinstance(one, ScheduleObserved) for one in same.observations)
    paused = recorded("schedules")
    paused["schedulesOrError"]["results"][1]["scheduleState"]["status"] = "STOPPED"
    fake.answers["Instigators"] = paused | recorded("sensors")
    changed = look(adapter, state)
    found = [one for one in changed.observations if isinstance(one, ScheduleObserved)]
    assert [one.schedule.paused for one in found if one.job.name == "report_job"] == [True]


def test_reports_from_outside_are_updates_of_their_dataset() -> None:
    fake = declaring()
    adapter = fake.adapter()
    first = look(adapter, {})
    fake.clock += timedelta(seconds=70)
    second = look(adapter, first.cursor, after_s=70)
    told = {event["dataset"]["name"]: event for event in second.events if "dataset" in event}
    change = told["ext_source"]["dataset"]["facets"]["lifecycleStateChange"]
    assert change["lifecycleStateChange"] == "OVERWRITE"
    asked = [variables for name, variables in fake.asked if name == "Reports"]
    assert asked[0]["key0"] == {"path": ["ext_source"]}
    since = datetime.fromtimestamp(int(asked[0]["after"]) / 1000, UTC)
    assert since == NOW - timedelta(seconds=120)


def reporting(**asset: Any) -> list[Json]:
    """The second look at a Dagster that tells this of the asset that others make."""
    fake = declaring()
    fake.answers["Reports"] = {"asset0": {"__typename": "Asset"} | asset}
    adapter = fake.adapter()
    first = look(adapter, {})
    fake.clock += timedelta(seconds=70)
    second = look(adapter, first.cursor, after_s=70)
    return [event for event in second.events if "dataset" in event]


def test_an_observation_without_a_run_is_no_update() -> None:
    told = recorded("external_asset_events")["assetOrError"]["assetObservations"]
    key = {"assetKey": {"path": ["ext_source"]}}
    of_a_run = told[0] | key | {"runId": run_id(1)}
    events = reporting(assetObservations=[one | key for one in told] + [of_a_run])
    read = [decode_event(json.dumps(event).encode()) for event in events]
    assert [one.datasets[0].lifecycle for one in read] == [None, None]
    assert read[0].event_time == datetime.fromtimestamp(1795330551.101, UTC)


def result_of(seconds: float, run: str = "") -> Json:
    evaluation = {
        "timestamp": seconds,
        "checkName": "rows_arrived",
        "assetKey": {"path": ["ext_source"]},
        "success": False,
        "severity": "ERROR",
    }
    return {"executionForLatestMaterialization": {"runId": run, "evaluation": evaluation}}


def test_the_result_of_a_check_without_a_run_is_told_of_its_dataset() -> None:
    fresh, stale = NOW.timestamp() - 5, NOW.timestamp() - 5_000
    checks = [result_of(fresh), result_of(stale), result_of(fresh, run_id(1))]
    checks.append({"executionForLatestMaterialization": None})
    (event,) = reporting(
        definition={"assetChecksOrError": {"__typename": "AssetChecks", "checks": checks}}
    )
    read = decode_event(json.dumps(event).encode())
    assert read.warnings == ()
    assert read.event_time == datetime.fromtimestamp(fresh, UTC)
    (dataset,) = read.datasets
    assert dataset.name.name == "ext_source"
    assert [(one.name, one.status) for one in dataset.checks] == [
        ("rows_arrived", CheckStatus.FAILED)
    ]


def test_the_slot_of_a_scheduled_run_is_asked_of_its_tick() -> None:
    state = {"__typename": "InstigationState"}
    fake = FakeDagster(Ticks={"tick0": state | {"tick": {"timestamp": 1795330000.0}}})
    tags = [
        {"key": "dagster/schedule_name", "value": "nightly"},
        {"key": "dagster/tick", "value": "33"},
    ]
    fake.rows = [row(1, tags=tags)]
    (event,) = look(fake.adapter(), {}).events
    nominal = event["run"]["facets"]["nominalTime"]["nominalStartTime"]
    assert nominal == "2026-11-22T06:46:40.000000Z"
    asked = next(variables for name, variables in fake.asked if name == "Ticks")
    assert asked["instigator0"]["name"] == "nightly"
    assert asked["tick0"] == "33"


def test_ticks_that_are_purged_are_not_asked_for_again() -> None:
    """The three oldest are gone; one that is gone fails the query for all."""
    gone = {"1", "2", "3"}

    def told(variables: Json) -> Json | httpx.Response:
        numbers = range(len(variables) // 2)
        errors = [
            {
                "message": f"InstigatorTick {variables[f'tick{n}']} is not present in storage",
                "path": [f"tick{n}", "tick"],
            }
            for n in numbers
            if variables[f"tick{n}"] in gone
        ]
        if errors:
            return httpx.Response(500, json={"data": None, "errors": errors[:1]})
        tick = {"timestamp": 1795330000.0}
        return {f"tick{n}": {"__typename": "InstigationState", "tick": tick} for n in numbers}

    fake = FakeDagster(Ticks=told)
    for number in range(1, 7):
        tags = [
            {"key": "dagster/schedule_name", "value": "nightly"},
            {"key": "dagster/tick", "value": str(number)},
        ]
        fake.rows.insert(0, row(number, tags=tags, creationTime=1795320000.0 + number))
    adapter = fake.adapter()
    first = look(adapter, {})
    found = {e["run"]["runId"] for e in first.events if "nominalTime" in e["run"]["facets"]}
    assert found == {run_id(number) for number in (4, 5, 6)}
    asked = fake.names().count("Ticks")
    again = look(adapter, {})
    assert fake.names().count("Ticks") == asked + 1
    assert [json.dumps(e) for e in again.events] == [json.dumps(e) for e in first.events]


def test_the_log_is_read_only_where_it_tells_more() -> None:
    def details(variables: Json) -> Json:
        steps = [{"stepKey": "load", "status": "SUCCESS", "endTime": 1795330015.0}]
        found = [detail(one, stepStats=steps) for one in fake.rows]
        return {"runsOrError": {"__typename": "Runs", "results": found}}

    fake = FakeDagster(Details=details)
    fake.rows = [row(2), row(1, status="FAILURE")]
    look(fake.adapter(), {})
    assert [v["run"] for name, v in fake.asked if name == "Log"] == [run_id(1)]
