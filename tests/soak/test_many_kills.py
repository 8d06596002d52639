"""Fifty times kill -9 under load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_kill import kill_often
from tests.support.survival import check_survival

pytestmark = pytest.mark.soak


def test_fifty_kills_lose_and_double_nothing(database_url: str, tmp_path: Path) -> None:
    storm = kill_often(database_url, tmp_path, times=50)
    assert check_survival(storm, database_url, tmp_path) > 1000
