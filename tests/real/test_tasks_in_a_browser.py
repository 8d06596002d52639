"""What people come for is a few clicks from the page Now, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support.browser import CHROMIUM, Browser
from tests.support.hub_process import HubProcess
from tests.support.recording import dataset, output, run_event
from tests.support.tokens import make_token

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: Debian's chromium has it"),
]

FILE: Final = """
version: 1
orchestrators:
  - {name: engine, kind: engine, namespaces: [jobs], settings: {launch: pull}}
rules:
  - {name: report-is-fresh, kind: freshness, select: {name: report}, settings: {max_lag_s: 60}}
"""
OWNED: Final = {"ownership": {"owners": [{"name": "team:sales"}]}}
COMES_S: Final = 90.0
NOW: Final = datetime.now(UTC)
#: Partitions were written up to a fortnight ago: those of the last week are missing.
DAYS: Final = range(14, 34)


class Person:
    """Somebody in front of the browser, who begins at Now and counts clicks."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.clicks = browser, 0
        browser.open(f"{url}/")

    def click(self, selector: str) -> None:
        """Once it is there and can be clicked."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.browser.wait(f"{found} && !{found}.disabled", COMES_S)
        self.browser.evaluate("window.before = true")
        self.browser.click(selector)
        self.browser.wait("!window.before && document.readyState == 'complete'", COMES_S)
        self.clicks += 1

    def reads(self, words: str) -> None:
        self.browser.wait(f"document.body.innerText.includes({json.dumps(words)})", COMES_S)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, Browser]]:
    folder: Path = tmp_path_factory.mktemp("tasks")
    (folder / "trackside.yaml").write_text(FILE)
    token = make_token(folder, "ada", "admin")
    with HubProcess(folder) as hub, Browser(folder) as browser:
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=hub.url, headers=headers, timeout=60) as client:
            _play(client)
        browser.sign_in(hub.url, token)
        yield hub, browser


def _play(client: httpx.Client) -> None:
    """A report is late because what it is made from was not loaded; a subscription waits."""
    launch = {"orchestrator": "engine", "job": "mart"}
    spec = {"name": "mart", "when": "all(db/orders, db/never)", "launch": launch}
    client.post("/api/v1/subscriptions", json=spec).raise_for_status()
    price = [{"name": "price", "type": "int"}, {"name": "note", "type": "text"}]
    orders = dataset("orders", schema={"fields": price})
    source = {"namespace": "db", "name": "orders", "field": "price"}
    total = {"columnLineage": {"fields": {"total": {"inputFields": [source]}}}}
    events: list[dict[str, Any]] = []
    for n, (job, inputs, outputs) in enumerate(
        (
            ("load", ["raw"], [orders]),
            ("sum", ["orders"], [dataset("revenue", **total)]),
            ("write", ["revenue"], ["report"]),
        )
    ):
        for kind in ("START", "COMPLETE"):
            told: dict[str, Any] = {"inputs": inputs, "outputs": outputs, "job_facets": OWNED}
            events.append(run_event(kind, n, n + 1, job=job, **told))
    error = {"errorMessage": {"message": "disk full", "programmingLanguage": "python"}}
    for kind in ("START", "FAIL"):
        event = run_event(kind, 0, 9, job="load", inputs=["raw"], run_facets=error)
        events.append(event | {"eventTime": (NOW - timedelta(minutes=5)).isoformat()})
    events += [event for n in DAYS for event in _partition(n)]
    for event in events:
        client.post("/api/v1/lineage", json=event).raise_for_status()


def _partition(ago: int) -> list[dict[str, Any]]:
    """A run that wrote the partition of a day, so many days ago."""
    day = (NOW - timedelta(days=ago)).replace(hour=0, minute=0, second=0, microsecond=0)
    more = {"nominalTime": {"nominalStartTime": day.isoformat()}}
    written = [output("visits", rows=10)]
    told: dict[str, Any] = {
        "job": "visits",
        "namespace": "jobs",
        "outputs": written,
        "run_facets": more,
    }
    at = (day + timedelta(days=1, hours=1)).isoformat()
    return [
        run_event(kind, 0, 100 + ago, **told) | {"eventTime": at} for kind in ("START", "COMPLETE")
    ]


@pytest.fixture
def person(world: tuple[HubProcess, Browser]) -> Iterator[Person]:
    """Whose way no page has complained of."""
    hub, browser = world
    yield Person(browser, hub.url)
    assert browser.complaints() == []


def _row(words: str) -> str:
    """A script that marks the link of the row on Now that tells of something."""
    return (
        "(() => { for (const row of document.querySelectorAll('main tr')) "
        f"if (row.innerText.includes({json.dumps(words)})) {{ "
        "const link = row.querySelector('a[href^=\"incident?\"]'); "
        "if (link) { link.dataset.mine = ''; return true; } } return false; })()"
    )


def test_the_root_cause_of_a_late_report_is_two_clicks_away(person: Person) -> None:
    person.browser.wait(_row("because of another"), COMES_S)
    person.click("[data-mine]")
    person.reads("report")
    person.click(".verdict a[href^='incident?']")
    person.reads("disk full")
    assert person.clicks == 2


def test_an_incident_of_a_team_is_silenced_for_an_hour_with_two_clicks(person: Person) -> None:
    person.browser.wait(_row("load"), COMES_S)
    person.click("[data-mine]")
    person.click("form[action=silences] button")
    assert person.clicks == 2
    person.browser.open(person.browser.evaluate("new URL('silences', location).href"))
    person.reads("team sales")
    person.reads("silent")


def test_why_a_subscription_did_not_launch_is_two_clicks_away(person: Person) -> None:
    person.click("nav a[href=triggers]")
    person.click("main a[href='subscription?name=mart']")
    person.reads("db/never")
    person.reads("waiting for db/never")
    assert person.clicks == 2


def test_who_is_hit_if_a_column_is_dropped_is_three_clicks_away(person: Person) -> None:
    person.click("nav a[href=datasets]")
    person.click("main a[href='dataset?namespace=db&name=orders']")
    person.click("main a[href*='column=price']")
    person.browser.wait("document.getElementById('hit-list').innerText.includes('revenue')")
    assert "total" in person.browser.evaluate("document.getElementById('hit-list').innerText")
    assert person.clicks == 3


def test_the_missing_partitions_of_last_week_are_backfilled_with_four_clicks(
    person: Person,
) -> None:
    person.click("nav a[href=datasets]")
    person.click("main a[href='dataset?namespace=db&name=visits']")
    person.click("form.range button")
    person.reads("missing")
    person.click("form[action=backfills] button")
    person.browser.wait("location.pathname.endsWith('/backfill')")
    assert person.clicks == 4


def test_what_a_rule_would_have_told_of_the_past_is_three_clicks_away(person: Person) -> None:
    person.click("nav a[href=rules]")
    person.click("main a[href='rule?name=failed-run']")
    person.click("form[action=backtests] button")
    person.reads("as it stands")
    person.browser.wait("document.querySelector('svg[aria-label^=\"incidents by week\"]')", COMES_S)
    person.reads("Precision")
    assert person.clicks == 3
