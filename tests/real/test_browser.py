"""A real browser shows the hub's pages, and their policy forbids nothing that they need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.support.browser import CHROMIUM, Browser
from tests.support.hub_process import HubProcess
from tests.support.recording import run_event
from tests.support.tokens import make_token

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: Debian's chromium has it"),
]

JOB: Final = "namespace=prod&name=load"
DATASET: Final = "namespace=db&name=revenue"
PLACES: Final = (
    "", "incidents", "jobs", "datasets", "orchestrators", "search?q=load", "sign-in", "triggers",
    "launches", "backfills", "subscription-edit?when=all(", "teams", "rules",
    "rule?name=failed-run", "quality", "settings", "silences", "maintenance", "orchestrator?name=prod", f"job?{JOB}",
    f"dataset?{DATASET}", "incident?id=404",
)  # fmt: skip


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with HubProcess(tmp_path_factory.mktemp("hub")) as hub:
        for minute, kind in enumerate(("START", "FAIL")):
            event = run_event(kind, minute, inputs=["orders"], outputs=["revenue"])
            httpx.post(f"{hub.url}/api/v1/lineage", json=event).raise_for_status()
        yield hub


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def test_the_page_of_the_api_is_drawn_under_its_policy(hub: HubProcess, browser: Browser) -> None:
    there = "document.getElementById('operations-tag-lineage')"
    complaints = browser.open(f"{hub.url}/docs", until=there)
    assert not [line for line in complaints if "Content Security Policy" in line]


@pytest.mark.parametrize("place", PLACES)
def test_a_page_is_drawn_without_a_complaint(hub: HubProcess, browser: Browser, place: str) -> None:
    complaints = browser.open(f"{hub.url}/{place}")
    assert "</footer>" in browser.text()
    assert [line for line in complaints if "404 (Not Found)" not in line] == []


def test_the_page_of_a_run_is_drawn_without_a_complaint(hub: HubProcess, browser: Browser) -> None:
    run = httpx.get(f"{hub.url}/api/v1/jobs").json()["jobs"][0]["latestRun"]["id"]
    assert browser.open(f"{hub.url}/run?id={run}") == []
    assert "FAILED" in browser.text().upper()


def test_lineage_is_drawn(hub: HubProcess, browser: Browser) -> None:
    there = "!document.body.innerText.includes('Reading …')"
    node = "dataset:db:revenue"
    assert browser.open(f"{hub.url}/lineage?node={node}", until=there) == []
    drawn = """(() => { const c = document.querySelector('canvas');
        return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x); })()"""
    assert browser.evaluate(drawn) is True


def test_a_page_that_is_open_tells_what_goes_wrong_meanwhile(
    hub: HubProcess, browser: Browser
) -> None:
    browser.open(f"{hub.url}/")
    assert "freight" not in browser.text()
    for minute, kind in enumerate(("START", "FAIL")):
        event = run_event(kind, minute, run=77, job="freight")
        httpx.post(f"{hub.url}/api/v1/lineage", json=event).raise_for_status()
    browser.wait("document.body.innerText.includes('freight')")


def test_a_job_that_is_open_shows_its_next_run_where_one_has_scrolled(
    hub: HubProcess, browser: Browser
) -> None:
    browser.look(width=500)
    browser.open(f"{hub.url}/job?{JOB}")
    scrolled = "Math.max(...[...document.querySelectorAll('main .scroll')].map(b => b.scrollLeft))"
    browser.evaluate(
        "for (const box of document.querySelectorAll('main .scroll')) box.scrollLeft = 40"
    )
    before = browser.evaluate(scrolled)
    assert before > 0
    event = run_event("RUNNING", 30, run=99, inputs=["orders"])
    httpx.post(f"{hub.url}/api/v1/lineage", json=event).raise_for_status()
    browser.wait("document.body.innerText.includes('a0000000000000000000000000000063')")
    browser.wait(f"{scrolled} == {before}")
    browser.look()


def test_back_leads_where_one_was(hub: HubProcess, browser: Browser) -> None:
    browser.open(f"{hub.url}/jobs?text=load")
    browser.click(f"main a[href='job?{JOB}']")
    browser.wait("location.pathname.endsWith('/job')")
    browser.click("main a[href^='lineage?']")
    browser.wait("document.querySelector('#listed li')")
    browser.evaluate("document.getElementById('lineage').focus()")
    for key in ("ArrowRight", "Enter"):
        browser.evaluate(
            "document.getElementById('lineage')"
            f".dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', cancelable: true}}))"
        )
    browser.wait("location.search.includes('open=')")
    for shown in ("!location.search.includes('open=')", "location.pathname.endsWith('/job')"):
        browser.evaluate("history.back()")
        browser.wait(shown)
    browser.evaluate("history.back()")
    browser.wait("location.search == '?text=load' && document.querySelector('input[name=text]')")
    assert browser.evaluate("document.querySelector('input[name=text]').value") == "load"


def test_somebody_signs_in_with_a_form_and_does_something_with_another(
    tmp_path: Path, browser: Browser
) -> None:
    token = make_token(tmp_path, "me", "read", "operate")
    with HubProcess(tmp_path) as hub:
        browser.sign_in(hub.url, token)
        browser.open(f"{hub.url}/silences")
        browser.evaluate("document.querySelector('input[name=job]').value = 'freight'")
        browser.click("main form.form button")
        assert "job freight" in browser.evaluate("document.querySelector('main td + td').innerText")
