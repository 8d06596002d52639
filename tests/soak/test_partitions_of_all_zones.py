"""Every time zone that there is, around each change of its clocks from 2020 to 2030."""

from __future__ import annotations

import pytest

from tests.support.every_zone import ZONES, check_zone

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


def test_in_no_zone_is_time_lost_or_counted_twice() -> None:
    assert sum(map(check_zone, ZONES)) > 4000
