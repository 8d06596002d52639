"""Schedules are learned from when runs started, and none where there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from hub.model import Schedule
from hub.schedules.learning import learn
from hub.schedules.slots import timetable_of
from tests.support.starts import IRREGULAR, KINDS, ZONE, Irregular, history, same, some


@pytest.mark.parametrize("kind", KINDS)
def test_of_regular_jobs_nineteen_in_twenty_are_known_after_ten_runs(kind: str) -> None:
    random = Random(kind)
    good, wrong, jobs = 0, [], 40
    for _ in range(jobs):
        schedule = some(kind, random)
        starts, following = history(schedule, 10, random)
        learned = learn(starts, ZONE)
        if learned is not None and same(learned.schedule, schedule, following):
            good += 1
        elif learned is not None:
            wrong.append((schedule.expression, schedule.timezone, learned))
    assert good >= 0.95 * jobs, wrong


@pytest.mark.parametrize("irregular", IRREGULAR)
def test_of_irregular_jobs_none_is_thought_to_have_a_schedule(irregular: Irregular) -> None:
    random = Random(7)
    for _ in range(40):
        starts = irregular(random, 120)
        for count in (6, 8, 10, 14, 20, 40, 120):
            assert learn(starts[:count], ZONE) is None


def test_a_missing_and_a_late_run_among_many_do_not_hide_a_schedule() -> None:
    start = datetime(2026, 5, 1, 6, 0, 3, tzinfo=UTC)
    starts = [start + timedelta(days=n) for n in range(25) if n != 7]
    starts[12] += timedelta(hours=3)
    learned = learn(starts)
    assert learned
    assert learned.schedule == Schedule("cron", "0 6 * * *", "UTC")
    assert "23 of 24 runs" in learned.evidence


def test_an_interval_that_no_cron_has_is_learned_with_its_anchor() -> None:
    start = datetime(2026, 5, 1, 6, 40, tzinfo=UTC)
    learned = learn([start + n * timedelta(minutes=97) for n in range(12)])
    assert learned
    assert (learned.schedule.kind, learned.schedule.expression) == ("interval", "PT5820S")
    found = timetable_of(learned.schedule)
    assert found
    assert found.next(start - timedelta(seconds=1)).due_at == start  # type: ignore[union-attr]


def test_hours_of_work_are_learned_once_a_weekend_has_passed() -> None:
    table = timetable_of(Schedule("cron", "*/30 9-16 * * 1-5", ZONE))
    assert table
    begin = datetime(2026, 5, 4, tzinfo=UTC)
    starts = [slot.due_at for slot in table.between(begin, begin + timedelta(days=14))]
    assert learn(starts[:30], ZONE) is None
    learned = learn(starts, ZONE)
    assert learned
    assert same(learned.schedule, Schedule("cron", "*/30 9-16 * * 1-5", ZONE), starts[-1])


def test_a_few_runs_tell_nothing() -> None:
    assert learn([datetime(2026, 5, n, 6, tzinfo=UTC) for n in range(1, 6)]) is None


def test_a_zone_that_is_none_is_an_error() -> None:
    starts = [datetime(2026, 5, n, 6, tzinfo=UTC) for n in range(1, 8)]
    with pytest.raises(ValueError, match="no time zone"):
        learn(starts, "Mars/Olympus")
