"""The pictures of docs/screens, all of them made of the demo: `python -m tests.support.screens [NAME ...]`.

They show the demo as it is today, so that each making changes them; look at each before it is kept.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from tests.support.browser import Browser
from tests.support.demo_hub import Demo, demo
from tests.support.hub_process import HubProcess

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screens"
DWH: Final = "postgres://dwh:5432"
PHONE: Final = (390, 844)
WIDE: Final = (1280, 900)
WEEKS: Final = 4
#: What is empty, in a hub to which nothing has come.
EMPTY: Final = {"now": "", "jobs": "jobs", "triggers": "triggers", "settings": "settings"}
_LINEAGE: Final = "document.querySelector('#listed li')"


class Screen(Struct, frozen=True):
    """One page. also: how else it is shown; until: what must be true before it is."""

    place: Callable[[Demo], str]
    also: tuple[str, ...] = ()
    until: str = "true"


def _at(place: str) -> Callable[[Demo], str]:
    return lambda _: place


def _job(name: str, namespace: str = "af-prod") -> str:
    return f"job?namespace={quote(namespace, safe='')}&name={name}"


def _dataset(name: str) -> str:
    return f"dataset?namespace={quote(DWH, safe='')}&name={name}"


def _incident(kind: str) -> Callable[[Demo], str]:
    return lambda demo: f"incident?id={demo.incidents()[kind]}"


def _lineage(name: str, more: str = "") -> str:
    return f"lineage?node={quote(f'dataset:{DWH}:{name}', safe='')}&up=3&down=3{more}"


SCREENS: Final[Mapping[str, Screen]] = {
    "now": Screen(_at(""), ("dark", "phone")),
    "incidents": Screen(_at("incidents?open=true")),
    "incident": Screen(_incident("freshness"), ("dark", "phone")),
    "incident-failed": Screen(_incident("failed_run")),
    "jobs": Screen(_at("jobs")),
    "job": Screen(_at(_job("load_warehouse")), ("dark",)),
    "job-creeps": Screen(_at(_job("revenue_daily"))),
    "run": Screen(lambda demo: demo.run(), ("phone",)),
    "datasets": Screen(_at("datasets")),
    "dataset": Screen(_at(_dataset("dwh.reports.day_summary")), ("dark", "phone")),
    "lineage": Screen(_at(_lineage("dwh.core.orders")), ("dark",), _LINEAGE),
    "lineage-column": Screen(_at(_lineage("dwh.core.orders", "&column=amount")), until=_LINEAGE),
    "triggers": Screen(_at("triggers")),
    "subscription": Screen(_at("subscription?name=stock-alert"), ("phone",)),
    "editor": Screen(_at("subscription-edit?name=stock-alert")),
    "launches": Screen(_at("launches")),
    "launch": Screen(lambda demo: demo.launch("completed")),
    "backfills": Screen(_at("backfills")),
    "backfill": Screen(Demo.backfill),
    "backfill-plan": Screen(Demo.plan),
    "teams": Screen(_at("teams")),
    "team": Screen(_at("team?name=finance")),
    "rules": Screen(_at("rules")),
    "rule": Screen(_at("rule?name=failed-check")),
    "backtest": Screen(Demo.backtest),
    "quality": Screen(_at("quality")),
    "advice": Screen(_at("advice")),
    "orchestrators": Screen(_at("orchestrators")),
    "orchestrator": Screen(_at("orchestrator?name=af-prod")),
    "search": Screen(_at("search?q=orders")),
    "settings": Screen(_at("settings")),
    "tokens": Screen(_at("tokens")),
    "silences": Screen(_at("silences")),
    "maintenance": Screen(_at("maintenance")),
    "sign-in": Screen(_at("sign-in")),
    "shared": Screen(Demo.shared),
    "not-there": Screen(_at(_job("no_such_job"))),
}


def make(wanted: Collection[str] = ()) -> None:
    """Those that are named, or all."""
    names = [name for name in SCREENS if not wanted or name in wanted]
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder), WEEKS) as there:
        _prepare(there)
        with Browser(Path(folder)) as browser:
            browser.sign_in(there.url, there.token)
            for name in names:
                _take(browser, there, name, SCREENS[name])
    if not wanted or "empty" in wanted:
        _make_empty()


def _prepare(there: Demo) -> None:
    """A silence, so that the list of them has something."""
    form = {"say": "add", "team": "ml", "hours": "4", "why": "the model is trained anew"}
    there.client.post("/silences", data=form)
    window = {"say": "add", "name": "warehouse-upgrade", "namespace": "af-prod"}
    night = datetime.now(UTC).date() + timedelta(days=3)
    times = {"begin": f"{night}T01:00", "end": f"{night}T04:00", "reason": "PostgreSQL 18"}
    there.client.post("/maintenance", data=window | times)


def _take(browser: Browser, there: Demo, name: str, screen: Screen) -> None:
    for how in ("", *screen.also):
        wide, high = PHONE if how == "phone" else WIDE
        browser.look(dark=how == "dark", width=wide, height=high)
        browser.open(f"{there.url}/{screen.place(there)}", until=screen.until)
        browser.picture(FOLDER / f"{'-'.join(filter(None, (name, how)))}.png")
    browser.look()


def _make_empty() -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        HubProcess(Path(name)) as hub,
        Browser(Path(name)) as browser,
    ):
        browser.look()
        for page, place in EMPTY.items():
            browser.open(f"{hub.url}/{place}")
            browser.picture(FOLDER / f"empty-{page}.png")


if __name__ == "__main__":
    make(sys.argv[1:])
