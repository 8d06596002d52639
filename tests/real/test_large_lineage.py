"""A picture of thousands of nodes moves as a hand does, and a node in it is open at once."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support import picture
from tests.support.browser import CHROMIUM, Browser
from tests.support.hub_process import HubProcess

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: Debian's chromium has it"),
]

LAYERS: Final = 61
FRAME_MS: Final = 1000 / 30
OPEN_MS: Final = 300


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Browser]]:
    folder: Path = tmp_path_factory.mktemp("large")
    with HubProcess(folder) as hub, Browser(folder) as browser:
        picture.send(hub.url, LAYERS, 90)
        yield hub.url, browser


def test_five_thousand_nodes_move_at_thirty_frames_a_second(world: tuple[str, Browser]) -> None:
    url, browser = world
    assert picture.show(browser, url, LAYERS, 20) >= 5000
    for script in (picture.DRAG, picture.WHEEL):
        assert statistics.median(picture.frames(browser, script)) < FRAME_MS
    picture.go_close(browser)
    assert statistics.median(picture.frames(browser, picture.DRAG)) < FRAME_MS


def test_a_node_of_it_is_open_within_three_tenths_of_a_second(world: tuple[str, Browser]) -> None:
    url, browser = world
    took = []
    for _ in range(3):
        picture.show(browser, url, LAYERS, 20)
        took.append(picture.opened(browser))
    assert min(took) < OPEN_MS, took
