"""Hours, days, weeks and months around each change of the clocks: none lost, none counted twice.

Here some zones are looked at, the oddest among them; `make soak` looks at all.
"""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from tests.support.every_zone import ZONES, changes_of, check_zone

#: By half an hour; by two; four times a year; with half-hours; none at all.
_ODD: Final = (
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "America/St_Johns",
    "Asia/Kathmandu",
)
_SOME: Final = sorted(Random(20261130).sample(sorted(set(ZONES) - set(_ODD)), 8))


@pytest.mark.parametrize("zone", [*_ODD, *_SOME])
def test_around_each_change_of_clocks_nothing_is_lost_or_counted_twice(zone: str) -> None:
    assert check_zone(zone) >= 1


def test_the_changes_are_those_that_there_are() -> None:
    assert [f"{at:%m-%dT%H:%M}" for at in changes_of("Europe/Berlin")][-2:] == [
        "03-31T01:00",
        "10-27T01:00",
    ]
    assert len(changes_of("America/New_York")) == 22
    assert len(changes_of("Asia/Kathmandu")) == 1
