"""Pages are read by everybody: with a keyboard, read out, in the dark, on a phone.

axe-core judges the pages of the demo and those on which people act.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.support import axe
from tests.support.browser import CHROMIUM, Browser
from tests.support.hub_process import HubProcess

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: Debian's chromium has it"),
]

JOB: Final = "namespace=af-prod&name=load_warehouse"
DATASET: Final = "namespace=postgres%3A%2F%2Fdwh%3A5432&name=dwh.core.orders"
PLACES: Final = (
    "", "incidents", "jobs", "datasets", "orchestrators", "search?q=load", "sign-in", "triggers",
    "launches", "backfills", "subscription-edit?when=all(", "teams", "team?name=ingest", "rules",
    "rule?name=failed-run", "quality", "advice", "settings", "silences", "maintenance", f"job?{JOB}",
    f"dataset?{DATASET}", "lineage", "lineage?node=dataset:postgres://dwh:5432:dwh.core.orders",
    "incident?id=404",
)  # fmt: skip
PHONE: Final = (390, 844)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    folder: Path = tmp_path_factory.mktemp("demo")
    with HubProcess(folder, "--weeks", "1", verb="demo") as hub:
        yield hub


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def looked_at(hub: HubProcess, browser: Browser, place: str) -> list[str]:
    """What keeps somebody from the page, by light and in the dark, and what the console says."""
    found = []
    for dark in (False, True):
        browser.look(dark=dark)
        found += browser.open(f"{hub.url}/{place}")
        found += axe.violations(browser)
    return [line for line in found if "404 (Not Found)" not in line]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_keeps_anybody_from_a_page(hub: HubProcess, browser: Browser, place: str) -> None:
    assert looked_at(hub, browser, place) == []


def test_nothing_keeps_anybody_from_incidents_of_each_kind(
    hub: HubProcess, browser: Browser
) -> None:
    found = httpx.get(f"{hub.url}/api/v1/incidents?limit=100").json()["incidents"]
    kinds = {one["kind"]: one["id"] for one in found}
    assert {"freshness", "failed_check", "failed_run"} <= set(kinds)
    for key in kinds.values():
        assert looked_at(hub, browser, f"incident?id={key}") == []


def test_nothing_keeps_anybody_from_a_run(hub: HubProcess, browser: Browser) -> None:
    path = "/api/v1/namespaces/af-prod/jobs/load_warehouse/runs"
    run = httpx.get(f"{hub.url}{path}").json()["runs"][0]["id"]
    assert looked_at(hub, browser, f"run?id={run}") == []


def test_on_a_phone_now_and_incidents_need_no_sideways_scrolling(
    hub: HubProcess, browser: Browser
) -> None:
    browser.look(width=PHONE[0], height=PHONE[1])
    found = httpx.get(f"{hub.url}/api/v1/incidents?limit=100").json()["incidents"]
    places = ["", "incidents", *(f"incident?id={key}" for key in _one_of_each(found))]
    for place in places:
        browser.open(f"{hub.url}/{place}")
        assert browser.evaluate("document.documentElement.scrollWidth") <= PHONE[0], place


def _one_of_each(found: list[dict[str, object]]) -> set[object]:
    return set({one["kind"]: one["id"] for one in found}.values())
