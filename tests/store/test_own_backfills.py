"""Backfills by what orchestrators have of their own, each partition once whatever dies when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from hub.api.hub import Hub
from hub.main import writing
from hub.settings import Settings
from hub.store import backfills
from hub.store.launch_effects import list_effects
from hub.store.launch_views import Wanted, list_launches
from hub.store.reading import Page
from tests.support.backfills import EVERYBODY, LEVELS, Filling, Plant, days
from tests.support.launching import CrashError
from tests.support.recording import emptied

KNOWN = days("2026-10-30", 10)
MISSING = days("2026-08-01", 90)


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def plant(module_hub: Hub) -> Iterator[Plant]:
    """Ten days of all three levels are there."""
    plant = Plant(module_hub, own=True)
    plant.made(KNOWN)
    plant.following.round(plant.now, lambda _: None)
    yield plant
    plant.launching.close()
    module_hub.writer.call(emptied)


def ask(plant: Plant, partitions: list[str], dataset: str = "mart", **more: object) -> int:
    told = {"from": partitions[0], "to": partitions[-1], "concurrency": 30, "perJob": 20}
    return plant.ask(dataset={"namespace": "db", "name": dataset}, **(told | more))


def made(plant: Plant) -> Counter[tuple[str, str]]:
    return Counter(plant.begun)


def flow_of(plant: Plant) -> Filling:
    (flow, _) = plant.filling
    return flow


def launches(plant: Plant) -> list[Any]:
    with plant.hub.db.reading() as connection:
        page = Page(limit=1000)
        return list(list_launches(connection, EVERYBODY, Wanted(), page, plant.now).items)


def test_ninety_days_of_three_levels_are_made_once_though_the_hub_dies_again_and_again(
    plant: Plant,
) -> None:
    number = ask(plant, MISSING)
    while plant.view(number).ended_at is None:
        if plant.deaths < 20:
            plant.doing.left = plant.draw.randint(1, 12)
        try:
            plant.turn()
        except CrashError:
            plant.die()
    assert plant.deaths >= 10
    wanted = {(job, day) for _, job, _, _ in LEVELS for day in MISSING}
    assert made(plant) == dict.fromkeys(wanted, 1)
    assert (plant.view(number).state, plant.view(number).done) == ("completed", 1.0)
    place = {one: index for index, one in enumerate(plant.begun)}
    for day in MISSING:
        assert place["load", day] < place["build", day] < place["publish", day]


def test_a_range_is_one_call_where_the_orchestrator_throttles_it_itself(plant: Plant) -> None:
    number = ask(plant, MISSING, "raw", concurrency=3, perJob=2)
    plant.until_over(number)
    (plan,) = flow_of(plant).plans.values()
    assert [span.partition for span in plan.spans] == MISSING
    assert plan.at_once == 2
    assert all(one.end == other.begin for one, other in pairwise(plan.spans))
    (one,) = launches(plant)
    assert (one.kind, one.state, one.cause["backfill"]) == ("backfill", "completed", number)
    with plant.hub.db.reading() as connection:
        effects = list_effects(connection, one.id)
    assert [effect.partition for effect in effects] == MISSING
    assert all(effect.run_id for effect in effects)


def test_days_with_a_gap_between_them_are_two_calls(plant: Plant) -> None:
    first, second = MISSING[:3], MISSING[5:8]
    dataset = {"namespace": "db", "name": "raw"}
    number = plant.ask(dataset=dataset, partitions=[*first, *second], concurrency=30, perJob=20)
    plant.until_over(number)
    told = [[span.partition for span in plan.spans] for plan in flow_of(plant).plans.values()]
    assert told == [first, second]


def test_where_the_orchestrator_would_do_something_else_each_is_launched_by_itself(
    plant: Plant,
) -> None:
    flow_of(plant).declines = True
    number = ask(plant, MISSING[:5], "raw")
    plant.until_over(number)
    assert plant.view(number).state == "completed"
    assert made(plant) == {("load", day): 1 for day in MISSING[:5]}
    assert flow_of(plant).plans == {}
    assert Counter(one.kind for one in launches(plant)) == {"backfill": 1, "job": 5}


def test_what_the_orchestrator_leaves_out_is_launched_by_itself(plant: Plant) -> None:
    flow_of(plant).left_out = {MISSING[1]}
    number = ask(plant, MISSING[:3], "raw")
    plant.until_over(number)
    assert plant.view(number).state == "completed"
    assert made(plant) == {("load", day): 1 for day in MISSING[:3]}
    assert Counter(one.kind for one in launches(plant)) == {"backfill": 1, "job": 1}


def test_whoever_wants_it_apart_gets_launches_alone(plant: Plant) -> None:
    number = ask(plant, MISSING[:4], "raw", apart=True)
    plant.until_over(number)
    assert flow_of(plant).plans == {}
    assert made(plant) == {("load", day): 1 for day in MISSING[:4]}


def test_what_failed_is_tried_again_and_nothing_else(plant: Plant) -> None:
    few = MISSING[:4]
    plant.failing = {("load", few[1]), ("load", few[2])}
    number = ask(plant, few, "raw")
    plant.until_over(number)
    view = plant.view(number)
    assert (view.state, view.reason) == ("failed", "2 failed")
    plant.failing = set()
    assert plant.hub.writer.call(lambda it: backfills.resume(it, number, plant.now)) == 2
    plant.until_over(number)
    assert plant.view(number).state == "completed"
    assert made(plant) == {("load", day): 1 + (day in few[1:3]) for day in few}


def test_one_that_is_paused_resumed_and_cancelled_is_so_at_its_orchestrator(plant: Plant) -> None:
    call = plant.hub.writer.call
    number = ask(plant, MISSING[:20], "raw")
    plant.turn()
    plant.still = True
    call(lambda it: backfills.pause(it, number, "ann", "", plant.now))
    plant.turn()
    call(lambda it: backfills.resume(it, number, plant.now))
    plant.turn()
    call(lambda it: backfills.cancel_backfill(it, number, "ann", "", plant.now))
    plant.die()
    plant.until_over(number)
    (key,) = flow_of(plant).plans
    wishes = [(name, str(wish)) for name, wish in flow_of(plant).wishes]
    assert wishes == [(f"fill-{key}", wish) for wish in ("pause", "go", "cancel")]
    view = plant.view(number)
    assert (view.state, view.counts["completed"], view.counts["cancelled"]) == ("cancelled", 2, 18)


def test_a_backfill_that_its_orchestrator_has_lost_is_not_begun_again(plant: Plant) -> None:
    number = ask(plant, MISSING[:3], "raw")
    plant.turn()
    flow_of(plant).plans.clear()
    plant.until_over(number)
    assert plant.view(number).reason == "1 failed"
    assert flow_of(plant).plans == {}
