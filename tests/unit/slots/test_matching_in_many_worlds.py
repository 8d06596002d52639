"""Over many made-up histories no slot is said to be missing that is not, and none is passed over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.model import Schedule
from hub.schedules.matching import Origin, Start, match
from hub.schedules.slots import Slot, timetable_of
from tests.unit.slots.worlds import Fate, sensible, starts_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SCHEDULES = [
    Schedule("cron", "*/5 * * * *", "Asia/Kolkata"),
    Schedule("cron", "30 2 * * *", "Europe/Berlin"),
    Schedule("cron", "0 9,17 * * 1-5", "America/New_York", timing="interval"),
    Schedule("cron", "0 6 1 * *", "Australia/Sydney", timing="tick"),
    Schedule("cron", "15,45 * * * 1-5\n0 7 * * 6", "Europe/London"),
    Schedule("interval", "PT97M", anchor=NOW),
    Schedule("interval", "PT20S", timing="interval", anchor=NOW),
]


@cache
def slots_of(schedule: Schedule, count: int) -> list[Slot]:
    timetable = timetable_of(schedule)
    assert timetable
    found: list[Slot] = []
    after = NOW
    while len(found) < count:
        found += timetable.between(after, after + 200 * timetable.gap(after))
        after = found[-1].due_at
    return found[:count]


def judge(slots: list[Slot], fates: list[Fate], seed: int, *, named: bool) -> None:
    random = Random(seed)
    world = starts_of(slots, fates, random, named=named)
    starts = [start for some in world.values() for start in some]
    by_hand = [
        Start(-place - 1, slot.due_at + timedelta(seconds=3), None, Origin.MANUAL)
        for place, slot in enumerate(slots)
        if fates[place] is not Fate.MISSING and random.random() < 0.1
    ]
    random.shuffle(starts)
    found = match(slots, starts + by_hand)
    missing = [slot for slot, fate in zip(slots, fates, strict=True) if fate is Fate.MISSING]
    assert found.open == missing
    assert len(found.extra) == len(starts) + len(by_hand) - len(slots) + len(missing)
    answers = [(slot, start) for slot in slots if (start := found.of(slot))]
    if named:
        assert all(start.run // 10 == slots.index(slot) for slot, start in answers[:300])
    else:
        times = [start.at for _, start in answers]
        assert times == sorted(times)


@given(
    schedule=st.sampled_from(SCHEDULES),
    fates=st.lists(st.sampled_from(Fate), min_size=1, max_size=60),
    seed=st.integers(0, 1000),
    named=st.booleans(),
)
@settings(max_examples=150)
def test_in_any_order_of_fates_the_missing_slots_are_those_that_are_missing(
    schedule: Schedule, fates: list[Fate], seed: int, named: bool
) -> None:
    judge(slots_of(schedule, len(fates)), fates if named else sensible(fates), seed, named=named)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda it: it.expression.replace("\n", "; "))
def test_over_a_hundred_thousand_slots_none_is_false_and_none_missed(
    schedule: Schedule, named: bool
) -> None:
    count = 7_500 if schedule.kind == "interval" or "5" in schedule.expression[:4] else 1_000
    slots = slots_of(schedule, count)
    for seed in range(53_000 // (7 * count) + 1):
        random = Random(seed)
        weights = [random.random() for _ in Fate]
        fates = random.choices(list(Fate), weights, k=count)
        judge(slots, fates if named else sensible(fates), seed, named=named)
