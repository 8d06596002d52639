"""How often a hub is killed in a test: TRACKSIDE_TEST_KILLS says so, else the test."""

from __future__ import annotations

import os
from typing import Final

#: What a person sets; a hub that is started by a test would take it for a setting.
ASKED: Final = "TRACKSIDE_TEST_KILLS"
_KEPT: Final = "TESTS_KILLS"


def keep() -> None:
    """Before the variables of hubs are taken out of the environment."""
    if (asked := os.environ.get(ASKED)) is not None:
        os.environ[_KEPT] = asked


def kills(usual: int) -> int:
    return int(os.environ.get(_KEPT, usual))
