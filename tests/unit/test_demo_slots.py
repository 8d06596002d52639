"""When the jobs of the demo are due."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.demo.nouns import Cron, Every
from hub.demo.slots import slots

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.mark.parametrize(
    ("schedule", "count"),
    [
        (Cron("0 3 * * *"), 7),
        (Cron("15 */2 * * *"), 84),
        (Cron("0 8 * * 1-5", "America/New_York"), 5),
        (Cron("10 0 * * 0"), 1),
        (Cron("0 6 1 * *"), 0),
        (Cron("0,30 9 * * 1"), 2),
        (Every(180), 56),
    ],
)
def test_slots_of_a_week(schedule: Cron | Every, count: int) -> None:
    found = list(slots(schedule, MONDAY, MONDAY + WEEK))
    assert len(found) == count
    assert found == sorted(found)


def test_a_zone_is_heeded_through_the_change_of_clocks() -> None:
    start = datetime(2026, 10, 24, tzinfo=UTC)
    found = slots(Cron("0 3 * * *", "Europe/Berlin"), start, start + timedelta(days=3))
    assert [at.hour for at in found] == [1, 2, 2]


def test_the_end_is_not_within() -> None:
    assert not list(slots(Every(60), MONDAY, MONDAY))
    assert list(slots(Every(60), MONDAY, MONDAY + timedelta(hours=1))) == [MONDAY]
