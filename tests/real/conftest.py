"""The tests that wait for real slots to be missed, minutes of sleep, begin before all others."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "missed_slots" not in item.nodeid)
