"""Two hundred times kill -9 of a hub that tells, a hundred on each engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_alerting_survives_kills import check_final_states
from tests.e2e.test_kill_while_telling import check_what_is_told
from tests.support.kills import kills

pytestmark = pytest.mark.soak

KILLS = kills(100)


def test_each_channel_holds_its_final_state_after_a_hundred_kills(
    database_url: str, tmp_path: Path
) -> None:
    check_final_states(database_url, tmp_path, KILLS)


def test_what_is_true_is_told_through_a_hundred_kills(database_url: str, tmp_path: Path) -> None:
    check_what_is_told(database_url, tmp_path, KILLS)
