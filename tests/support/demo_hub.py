"""`trackside demo` as a process in which somebody is signed in, and the pages of what it has."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from tests.support.hub_process import HubProcess
from tests.support.tokens import make_token

FILE: Final = """
version: 1
database_url: sqlite:///data/demo.db
sign_in:
  signing_key: file:{folder}/key
"""
COMES_S: Final = 120.0
SUMMARY: Final = {"namespace": "postgres://dwh:5432", "name": "dwh.reports.day_summary"}


class Demo:
    """A demo at work, and whoever is signed in there as an admin."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        headers = {"authorization": f"Bearer {token}", "origin": url}
        self.client = httpx.Client(base_url=url, headers=headers, timeout=60)

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api/v1/{path}")
        answer.raise_for_status()
        return answer.json()

    def until_done(self) -> None:
        """Returns when the people of the demo have done what there was to do."""
        end = time.monotonic() + COMES_S
        while not self._done():
            assert time.monotonic() < end, "they never came to an end"
            time.sleep(0.5)

    def _done(self) -> bool:
        states = {one["state"] for one in self.get("launches?limit=100")["launches"]}
        filled = self.get("backfills")["backfills"]
        told = self.get("alerting/quality")["teams"]
        taken = self.get("incidents?state=ACKNOWLEDGED")["incidents"]
        done = filled and filled[0]["endedAt"] and told and taken
        return "completed" in states and bool(done)

    # -- addresses -----------------------------------------------------------------------------

    def run(self, job: str = "load_warehouse") -> str:
        found = self.get(f"namespaces/af-prod/jobs/{job}/runs")["runs"][0]["id"]
        return f"run?id={found}"

    def launch(self, state: str) -> str:
        return f"launch?id={self.get(f'launches?state={state}')['launches'][0]['id']}"

    def backfill(self) -> str:
        return f"backfill?id={self.get('backfills')['backfills'][0]['id']}"

    def plan(self) -> str:
        """A backfill that could be asked for, of the last two weeks."""
        today = datetime.now(UTC).date()
        days = {"first": str(today - timedelta(days=14)), "last": str(today)}
        return f"backfill-plan?{urlencode(SUMMARY | days)}"

    def backtest(self) -> str:
        """One that is over, of a rule that is set otherwise than it stands."""
        told = self.get("backtests")["backtests"]
        changed = {"settings": {"severities": ["ERROR", "WARN"]}}
        asked = {"rule": "failed-check", "weeks": 4, **changed}
        made = told[0] if told else self.client.post("/api/v1/backtests", json=asked).json()
        end = time.monotonic() + COMES_S
        while self.get(f"backtests/{made['id']}")["state"] == "running":
            assert time.monotonic() < end, "it never came to an end"
            time.sleep(0.2)
        return f"backtest?id={made['id']}"

    def incidents(self) -> dict[str, int]:
        """The number of the latest incident of each kind."""
        found = self.get("incidents?limit=100")["incidents"]
        return {one["kind"]: one["id"] for one in reversed(found)}

    def shared(self) -> str:
        """The link to an incident for whoever has it."""
        told = self.client.post(f"/share?id={next(iter(self.incidents().values()))}").text
        (link,) = re.findall(r"shared\?key=[\w.%-]+", told)
        return str(link)


@contextmanager
def demo(folder: Path, weeks: int = 1) -> Iterator[Demo]:
    """A demo whose people have done their work."""
    (folder / "trackside.yaml").write_text(FILE.format(folder=folder.resolve()))
    (folder / "key").write_text(secrets.token_urlsafe(48))
    token = make_token(folder, "ada", "admin")
    with HubProcess(folder, "--weeks", str(weeks), verb="demo") as hub:
        there = Demo(hub.url, token)
        with there.client:
            there.until_done()
            yield there
