"""From an update to a launch: once per cause, with every update's fate to be seen."""

from __future__ import annotations

import random

import pytest

from hub.store.db import Database
from tests.support.recording import run_event, uuid
from tests.support.triggers import Station


@pytest.fixture
def it(db: Database) -> Station:
    return Station(db)


def test_an_update_launches_the_job_of_whoever_subscribed(it: Station) -> None:
    it.subscribe(team="sales", launch={"orchestrator": "airflow", "job": "mart", "conf": {"x": 1}})
    it.updated("a")
    it.at(1)
    (one,) = it.launches()
    assert (one["orchestrator"], one["job_namespace"], one["job_name"]) == (
        "airflow",
        "airflow",
        "mart",
    )
    assert (one["team"], one["conf"], one["partition_key"]) == ("sales", {"x": 1}, None)
    assert it.fates() == ["launched"]
    assert it.arrivals()[0].launch == one["id"]
    it.at(100)
    assert len(it.launches()) == 1


def test_all_inputs_are_waited_for_and_what_is_missing_is_told(it: Station) -> None:
    it.subscribe("all(db/a, db/b)")
    it.updated("a")
    it.at(1)
    assert it.launches() == []
    (one,) = it.arrivals()
    assert (one.fate, one.reason) == ("waiting", "waiting for db/b (1 of 2 there)")
    it.updated("b")
    it.at(2)
    assert it.fates() == ["launched", "launched"]
    assert len(it.launches()) == 1


def test_nothing_is_launched_of_what_nobody_subscribed_to(it: Station) -> None:
    it.subscribe("db/a")
    it.updated("b")
    it.at(1)
    assert (it.launches(), it.arrivals()) == ([], [])


def test_a_subscription_begins_with_the_updates_after_it(it: Station) -> None:
    it.updated("a")
    it.at(1)
    it.at(10)
    it.subscribe()
    it.at(20)
    assert (it.launches(), it.arrivals()) == ([], [])


# -- what Airflow's asset triggers lose, duplicate or fire early ---------------------------------


def test_sixteen_inputs_in_any_order_launch_once_and_not_with_fifteen(it: Station) -> None:
    names = [f"in{number}" for number in range(16)]
    it.subscribe(f"all({', '.join(f'db/{name}' for name in names)})")
    order = random.Random(56541).sample(names, 16)
    for second, name in enumerate(order[:15], 1):
        it.updated(name)
        it.at(second)
    for name in order[:15]:  # the same again: it is no sixteenth
        it.updated(name)
    it.at(20)
    assert it.launches() == []
    it.updated(order[15])
    it.at(21)
    (one,) = it.launches()
    assert len(one["cause"]["updates"]) == 31
    assert sorted(it.fates()) == ["coalesced"] * 15 + ["launched"] * 16
    it.at(100)
    assert len(it.launches()) == 1


def test_what_comes_for_a_paused_consumer_is_held_and_taken_together(it: Station) -> None:
    it.subscribe()
    it.pause()
    for second in (1, 2, 3):
        it.updated("a")
        it.at(second)
    assert (it.launches(), it.fates()) == ([], ["held"] * 3)
    it.resume(replay=False)
    it.at(10)
    (one,) = it.launches()
    assert len(one["cause"]["updates"]) == 3
    assert it.fates() == ["coalesced", "coalesced", "launched"]


def test_what_came_for_a_paused_consumer_is_replayed_launch_by_launch(it: Station) -> None:
    it.subscribe("all(db/a, db/b)")
    it.pause()
    for second, name in enumerate(["a", "b", "a", "a", "b", "b"], 1):
        it.updated(name)
        it.at(second)
    it.resume(replay=True)
    it.at(10)
    assert [len(cause) for cause in it.causes()] == [2, 3]
    assert it.fates()[-1] == "waiting"
    it.updated("a")
    it.at(11)
    assert [len(cause) for cause in it.causes()] == [2, 3, 2]


def test_a_replay_keeps_to_one_launch_at_a_time(it: Station) -> None:
    it.subscribe(limits={"concurrency": 1})
    it.pause()
    for second in (1, 2, 3):
        it.updated("a")
        it.at(second)
    it.resume(replay=True)
    for launches in (1, 2, 3):
        it.at(10 + 10 * launches)
        assert len(it.launches()) == launches
        it.end()
    it.at(100)
    assert [len(cause) for cause in it.causes()] == [1, 1, 1]


def test_with_one_run_at_a_time_updates_during_a_run_become_one_more(it: Station) -> None:
    it.subscribe(limits={"concurrency": 1})
    for second in range(1, 6):
        it.updated("a")
        it.at(second)
    assert len(it.launches()) == 1
    assert it.fates() == ["launched", *["held"] * 4]
    assert it.arrivals()[-1].reason == "1 of at most 1 launches of the subscription are under way"
    it.end()
    it.at(7)
    assert [len(cause) for cause in it.causes()] == [1, 4]
    it.end()
    it.at(20)
    assert len(it.launches()) == 2


def test_partitions_wait_for_room_and_go_out_one_by_one_the_oldest_first(it: Station) -> None:
    it.subscribe(partitions="identity", limits={"concurrency": 1})
    days = ["2026-11-22", "2026-11-23", "2026-11-24"]
    for second, day in enumerate(days, 1):
        it.updated("a", partition=day)
        it.at(second)
    for second in (10, 20, 30, 40):
        it.end()
        it.at(second)
    assert it.partitions() == days


def test_a_job_that_others_launch_too_is_launched_no_more_often_than_it_takes(it: Station) -> None:
    for name in ("s", "t"):
        it.subscribe(name=name, limits={"targetConcurrency": 1})
    it.updated("a")
    it.at(1)
    assert len(it.launches()) == 1
    it.end()
    it.at(3)
    assert [one["cause"]["subscription"] for one in it.launches()] == ["s", "t"]


def test_updates_of_the_same_partition_are_one_launch_and_of_others_their_own(it: Station) -> None:
    it.subscribe("all(db/a, db/b)", partitions="identity")
    for day in ("2026-11-22", "2026-11-23"):
        it.updated("a", partition=day)
        it.updated("a", partition=day)
    it.updated("b", partition="2026-11-23")
    it.at(1)
    assert it.partitions() == ["2026-11-23"]
    assert [(one.partition, one.updates) for one in it.stands()] == [("2026-11-22", 2)]


def test_a_changed_mapper_loses_and_doubles_nothing_that_waits(it: Station) -> None:
    it.subscribe("all(db/a, db/b)", partitions="identity")
    for hour in range(3):
        it.updated("a", partition=f"2026-11-23T0{hour}")
    it.updated("b", partition="2026-11-23T00")
    it.at(1)
    assert it.partitions() == ["2026-11-23T00"]
    it.subscribe("all(db/a, db/b)", partitions="day of hour")
    it.at(2)
    waiting = it.arrivals(fate="waiting")
    assert [(one.partition, one.target_partition) for one in waiting] == [
        ("2026-11-23T01", "2026-11-23"),
        ("2026-11-23T02", "2026-11-23"),
    ]
    it.updated("b", partition="2026-11-23T01")
    it.at(3)
    assert it.partitions() == ["2026-11-23T00", "2026-11-23"]
    assert len(it.causes()[1]) == 3
    it.at(100)
    assert len(it.launches()) == 2


def test_what_waits_for_an_input_that_is_none_any_more_is_ignored(it: Station) -> None:
    it.subscribe("all(db/a, db/b)")
    it.updated("a")
    it.at(1)
    it.subscribe("all(db/b, db/c)")
    it.at(2)
    (one,) = it.arrivals()
    assert (one.fate, one.reason) == ("ignored", "the subscription no longer names its dataset")


def test_a_rollup_waits_for_its_parts_and_a_day_without_an_hour_is_not_waited_for_it(
    it: Station,
) -> None:
    it.subscribe(partitions="day of hour in Europe/Berlin, all")
    hours = [hour for hour in range(24) if hour != 2]  # clocks go forward
    for hour in hours[:-1]:
        it.updated("a", partition=f"2027-03-28T{hour:02}")
    it.at(1)
    assert it.launches() == []
    (stand,) = it.stands()
    assert "22 of 23 parts" in stand.waiting_for[0].text
    it.updated("a", partition="2027-03-28T23")
    it.at(2)
    assert it.partitions() == ["2027-03-28"]
    it.updated("a", partition="2027-03-28T05")  # a part of a whole that is there
    it.at(3)
    assert it.partitions() == ["2027-03-28", "2027-03-28"]
    assert len(it.causes()[1]) == 1


def test_every_event_told_twice_launches_once(it: Station) -> None:
    it.subscribe("all(db/a, db/b)")
    events = [*it.updated("a"), *it.updated("b")]
    it.at(1)
    for event in events:
        it.hear(event)
        it.hear({**event, "producer": "https://example.org/another"})
    it.at(2)
    assert len(it.launches()) == 1
    assert it.fates() == ["launched", "launched"]


def test_a_partition_is_that_of_the_data_interval_where_a_task_tells_none(it: Station) -> None:
    """As Airflow does it: the task says what it wrote, the Dag run around it for which day."""
    it.subscribe("db/a gate(no open incident)", partitions="identity")
    facets = {
        "nominalTime": {
            "nominalStartTime": "2026-11-20T00:00:00Z",
            "nominalEndTime": "2026-11-21T00:00:00Z",
        }
    }
    parent = {"run": {"runId": uuid(1)}, "job": {"namespace": "prod", "name": "dag"}}
    it.hear(run_event("START", 0, 1, job="dag", run_facets=facets))
    of_it = {"parent": parent}
    it.hear(run_event("COMPLETE", 0, 2, job="dag.task", outputs=["a"], run_facets=of_it))
    it.at(1)
    assert it.partitions() == ["2026-11-20"]
