"""Decisions are those of an evaluator that looks at every minute, every update and every window."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.triggers.conditions import Past, decide
from tests.support.naive_conditions import (
    LASTS,
    Driven,
    Maker,
    Naive,
    Scripted,
    World,
    instant,
    minute_of,
    without_time,
)

WORLDS = st.builds(
    lambda seed, size: Maker(seed, size).world(), st.integers(0, 2**60), st.integers(1, 4)
)


@settings(max_examples=300)
@given(WORLDS, st.integers(0, 99))
def test_who_looks_when_told_to_launches_what_one_does_who_always_looks(
    world: World, seed: int
) -> None:
    assert Driven(world, seed).launches() == Naive(world).launches(range(LASTS + 1))


@settings(max_examples=100)
@given(WORLDS, st.sets(st.integers(0, LASTS)))
def test_looking_more_often_changes_nothing(world: World, others: set[int]) -> None:
    assert Driven(world).launches(others) == Driven(world).launches()


@settings(max_examples=100)
@given(WORLDS, st.integers(2, 50))
def test_looking_too_seldom_launches_late_what_is_there_then(world: World, step: int) -> None:
    looks = range(0, LASTS + step, step)
    assert Driven(world).launches(looks, only=True) == Naive(world).launches(looks)


@settings(max_examples=100)
@given(WORLDS)
def test_no_update_is_used_up_twice_or_lost(world: World) -> None:
    driven = Driven(world)
    used = [number for _, ids in driven.launches() for number in ids]
    assert len(used) == len(set(used))
    left = {one.update_id for one in driven.left()}
    assert left | driven.gone.keys() == {one.update_id for one in world.updates}
    assert not left & driven.gone.keys()


@settings(max_examples=100)
@given(WORLDS)
def test_time_that_is_told_is_when_it_launches(world: World) -> None:
    """Without gates and windows there is nothing else that time could do."""
    world = without_time(world)
    for now in sorted({minute_of(one.at) for one in world.updates}):
        heard = [one for one in world.updates if minute_of(one.at) <= now]
        made = decide(world.condition, heard, Past(), Scripted(world, now), instant(now))
        if made.satisfied or made.again_at is None:
            continue
        then = minute_of(made.again_at)
        for minute, launched in ((then - 1, False), (then, True)):
            if minute > now:
                facts = Scripted(world, minute)
                again = decide(world.condition, heard, Past(), facts, instant(minute))
                assert again.satisfied is launched
