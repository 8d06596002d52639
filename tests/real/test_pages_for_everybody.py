"""Pages are read by everybody: with a keyboard, read out, in the dark, on a phone without scrolling sideways.

axe-core judges the pages of the demo and those on which people act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support import axe
from tests.support.browser import CHROMIUM, Browser
from tests.support.demo_hub import Demo, demo

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: Debian's chromium has it"),
]

JOB: Final = "namespace=af-prod&name=load_warehouse"
DATASET: Final = "namespace=postgres%3A%2F%2Fdwh%3A5432&name=dwh.core.orders"
PLACES: Final = (
    "", "incidents", "jobs", "datasets", "orchestrators", "orchestrator?name=af-prod", "search?q=load", "sign-in", "triggers",
    "launches", "backfills", "subscription-edit?when=all(", "teams", "team?name=ingest", "rules",
    "rule?name=failed-run", "quality", "advice", "settings", "silences", "maintenance", f"job?{JOB}",
    f"dataset?{DATASET}", "lineage", "lineage?node=dataset:postgres://dwh:5432:dwh.core.orders",
    "incident?id=404",
)  # fmt: skip
PHONE: Final = (390, 844)


#: Pages of what the people of the demo have asked for, and of who may be there.
OF_WORK: Final[dict[str, Callable[[Demo], str]]] = {
    "subscription that waits": lambda _: "subscription?name=stock-alert",
    "subscription that is paused": lambda _: "subscription?name=rates-feed&days=7",
    "launch that is over": lambda demo: demo.launch("completed"),
    "launch that is dead": lambda demo: demo.launch("dead"),
    "launch that is held": lambda demo: demo.launch("held"),
    "backfill": Demo.backfill,
    "plan of a backfill": Demo.plan,
    "backtest": Demo.backtest,
    "tokens": lambda _: "tokens",
    "shared incident": Demo.shared,
    "run": Demo.run,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, Browser]]:
    folder: Path = tmp_path_factory.mktemp("demo")
    with demo(folder) as there, Browser(folder) as browser:
        browser.sign_in(there.url, there.token)
        yield there, browser


def looked_at(world: tuple[Demo, Browser], place: str) -> list[str]:
    """What keeps somebody from the page, by light, in the dark and on a phone, and what the
    console says.
    """
    there, browser = world
    found = []
    for dark in (False, True):
        browser.look(dark=dark)
        found += browser.open(f"{there.url}/{place}")
        found += axe.violations(browser)
    browser.look(width=PHONE[0], height=PHONE[1])
    wide = browser.evaluate("document.documentElement.scrollWidth")
    found += [f"{wide} px wide on a phone"] if wide > PHONE[0] else []
    return [line for line in found if "404 (Not Found)" not in line]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_keeps_anybody_from_a_page(world: tuple[Demo, Browser], place: str) -> None:
    assert looked_at(world, place) == []


@pytest.mark.parametrize("what", OF_WORK)
def test_nothing_keeps_anybody_from_what_people_work_with(
    world: tuple[Demo, Browser], what: str
) -> None:
    assert looked_at(world, OF_WORK[what](world[0])) == []


def test_nothing_keeps_anybody_from_incidents_of_each_kind(world: tuple[Demo, Browser]) -> None:
    kinds = world[0].incidents()
    assert {"freshness", "failed_check", "failed_run"} <= set(kinds)
    for key in kinds.values():
        assert looked_at(world, f"incident?id={key}") == []
