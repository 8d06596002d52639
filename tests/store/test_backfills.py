"""Backfills run step by step, and each partition is made once whatever dies when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub.api.hub import Hub
from hub.errors import Conflict
from hub.main import writing
from hub.settings import Settings
from hub.store import backfills
from tests.support.backfills import LEVELS, Plant, days
from tests.support.launching import CrashError
from tests.support.recording import emptied

MART = {"namespace": "db", "name": "mart"}
KNOWN = days("2026-10-30", 10)
MISSING = days("2026-08-01", 90)


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def plant(module_hub: Hub) -> Iterator[Plant]:
    """Ten days of all three levels are there."""
    plant = Plant(module_hub)
    plant.made(KNOWN)
    plant.following.round(plant.now, lambda _: None)
    yield plant
    plant.launching.close()
    module_hub.writer.call(emptied)


def ask(plant: Plant, partitions: list[str], **more: object) -> int:
    told = {"from": partitions[0], "to": partitions[-1], "concurrency": 30, "perJob": 20}
    return plant.ask(dataset=MART, **(told | more))


def runs_of(plant: Plant) -> Counter[tuple[str, str | None]]:
    """How many runs there are for each job and partition."""
    asked = {one.key: one for engine in (plant.flow, plant.mill) for one in engine.asked}
    found = Counter[tuple[str, str | None]]()
    for engine in (plant.flow, plant.mill):
        for key, count in engine.runs.items():
            found[asked[key].job.name, asked[key].partition] += count
    return found


def test_ninety_days_of_three_levels_are_made_once_though_the_hub_dies_again_and_again(
    plant: Plant,
) -> None:
    number = ask(plant, MISSING)
    assert plant.view(number).steps == 270
    half_way = False
    while plant.view(number).ended_at is None:
        if plant.deaths < 20:
            plant.doing.left = plant.draw.randint(1, 4)
        if not half_way and plant.view(number).done >= 0.5:
            half_way = True
            plant.die()
        try:
            plant.turn()
        except CrashError:
            plant.die()
    assert half_way
    assert plant.deaths >= 10
    wanted = {(job, day) for _, job, _, _ in LEVELS for day in MISSING}
    assert runs_of(plant) == dict.fromkeys(wanted, 1)
    view = plant.view(number)
    assert (view.state, view.done) == ("completed", 1.0)
    place = {one: index for index, one in enumerate(plant.begun)}
    for day in MISSING:
        assert place["load", day] < place["build", day] < place["publish", day]


def test_what_failed_blocks_what_needs_it_and_is_tried_again(plant: Plant) -> None:
    few = MISSING[:3]
    number = ask(plant, few)
    plant.failing = {("load", few[1])}
    plant.until_over(number)
    view = plant.view(number)
    assert (view.state, view.reason) == ("failed", "2 blocked, 1 failed")
    assert (view.counts["completed"], view.done) == (6, 0.6667)
    told = {(s.job.name, s.partition): (s.state, s.reason) for s in plant.steps(number)}
    assert told["build", few[1]] == ("blocked", "step 4 is failed")
    plant.failing = set()
    again = plant.hub.writer.call(lambda it: backfills.resume(it, number, plant.now))
    assert again == 3
    plant.until_over(number)
    assert (plant.view(number).state, plant.view(number).done) == ("completed", 1.0)
    assert runs_of(plant)["load", few[1]] == 2
    assert sum(runs_of(plant).values()) == 10
    with pytest.raises(Conflict, match="nothing of it is left to do"):
        plant.hub.writer.call(lambda it: backfills.resume(it, number, plant.now))


def test_no_more_run_at_once_than_are_allowed(plant: Plant) -> None:
    number = ask(plant, MISSING[:6], concurrency=3, perJob=2)
    while plant.view(number).ended_at is None:
        plant.backfilling.round(plant.now, lambda _: None)
        launched = [one for one in plant.steps(number) if one.state == "launched"]
        assert len(launched) <= 3
        assert max(Counter(one.job.name for one in launched).values(), default=0) <= 2
        plant.turn()
    assert plant.view(number).state == "completed"


def test_one_that_is_paused_releases_nothing_and_one_that_is_cancelled_neither(
    plant: Plant,
) -> None:
    number = ask(plant, MISSING[:6], concurrency=2)
    plant.turn()
    call = plant.hub.writer.call
    call(lambda it: backfills.pause(it, number, "ann", "lunch", plant.now))
    for _ in range(4):
        plant.turn()
    assert len(plant.begun) == 2
    assert plant.view(number).reason == "paused by ann: lunch"
    call(lambda it: backfills.resume(it, number, plant.now))
    plant.turn()
    plant.backfilling.round(plant.now, lambda _: None)  # two launches that nobody was asked for
    call(lambda it: backfills.cancel_backfill(it, number, "ann", "", plant.now))
    begun = len(plant.begun)
    plant.until_over(number)
    view = plant.view(number)
    assert (view.state, len(plant.begun)) == ("cancelled", begun)
    assert view.counts["cancelled"] == 18 - begun
    assert view.counts["launched"] == 0
    call(lambda it: backfills.resume(it, number, plant.now))
    plant.until_over(number)
    assert set(runs_of(plant).values()) == {1}
    assert len(plant.begun) == 18


def test_what_somebody_else_has_made_meanwhile_is_skipped(plant: Plant) -> None:
    few = MISSING[:2]
    number = ask(plant, few)
    call = plant.hub.writer.call
    call(lambda it: backfills.pause(it, number, "ann", "", plant.now))
    plant.now += timedelta(seconds=1)
    plant.tell("load", few[0], "99999999-0000-4000-8000-000000000000")
    call(lambda it: backfills.resume(it, number, plant.now))
    plant.until_over(number)
    first, *others = plant.steps(number)
    assert (first.state, first.job.name) == ("skipped", "load")
    assert first.reason is not None
    assert "made meanwhile" in first.reason
    assert {one.state for one in others} == {"completed"}
