"""A real Dagster whose sensor fetches launches: each is one run, though daemon and hub are killed."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support.dagster import CODE, ROOT, VENV, DagsterSplit
from tests.support.hub_process import HubProcess
from tests.support.ports import free_port
from tests.support.tokens import make_token

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not DagsterSplit.installed(),
        reason=f"no Dagster in {VENV.name}: make {VENV.name} installs it",
    ),
]

KILLS: Final = 4
LEASE_S: Final = 15
Json = dict[str, Any]


class World:
    """A hub, and a Dagster with nothing but what fetches launches."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        home = folder / "dagster"
        home.mkdir()
        self._headers = {"Authorization": f"Bearer {make_token(folder, 'ada', 'admin')}"}
        self.dagster = DagsterSplit(
            home,
            {"launched": CODE / "launched.py"},
            TRACKSIDE_URL=f"http://127.0.0.1:{self._port}",
            TRACKSIDE_TOKEN=make_token(folder, "dagster", "ingest"),
            TRACKSIDE_ORCHESTRATOR="dg",
            TRACKSIDE_LEASE_S=str(LEASE_S),
            PYTHONPATH=str(ROOT / "examples" / "dagster"),
        )
        settings = f'{{url: "{self.dagster.url}", launch: pull, poll_every_s: 2}}'
        (folder / "trackside.yaml").write_text(
            f"orchestrators: [{{name: dg, kind: dagster, namespaces: [dg], settings: {settings}}}]\n"
        )
        self.hub = self._hub()

    def _hub(self) -> HubProcess:
        return HubProcess(self._folder, "--port", str(self._port)).start()

    def kill_hub(self) -> None:
        self.hub.stop(signal.SIGKILL)
        self.hub = self._hub()

    def launch(self, job: str, **more: Any) -> int:
        wish = {"orchestrator": "dg", "job": {"namespace": "dg", "name": job}, **more}
        url = f"{self.hub.url}/api/v1/launches"
        told = httpx.post(url, json=wish, headers=self._headers, timeout=30)
        assert told.status_code == 201, told.text
        return int(told.json()["launch"]["id"])

    def launched(self, number: int) -> Json:
        url = f"{self.hub.url}/api/v1/launches/{number}"
        return dict(httpx.get(url, headers=self._headers, timeout=30).json()["launch"])

    def runs(self) -> list[Json]:
        """All runs of this Dagster, with their tags."""
        told = self.dagster.graphql(
            "{ runsOrError(limit: 500) { ... on Runs { results { runId jobName status "
            "tags { key value } } } } }"
        )
        rows: list[Json] = told["runsOrError"]["results"]
        return [row | {"tags": {tag["key"]: tag["value"] for tag in row["tags"]}} for row in rows]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    with world.dagster:
        yield world
    world.hub.stop(signal.SIGKILL)


def until(holds: Callable[[], bool], what: str, timeout_s: float = 240) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, f"no {what} after {timeout_s:g} s"
        time.sleep(0.5)


def test_each_launch_is_one_run_whatever_is_killed(world: World) -> None:
    chance = random.Random(20261130)
    wanted = []
    for number in range(KILLS):
        wanted.append(world.launch("mart_job", partition=f"2026-11-{10 + number}"))
        conf = {"ops": {"counts": {"config": {"number": number}}}}
        wanted.append(world.launch("plain", conf=conf, key=f"plain-{number}"))
        time.sleep(chance.uniform(0.5, 6))
        (world.dagster.kill_daemon if number % 2 else world.kill_hub)()
    nowhere = world.launch("mart_job", partition="2031-01-01")

    ended = {"completed", "failed"}
    until(lambda: {world.launched(one)["state"] for one in wanted} <= ended, "end of all runs")
    until(lambda: world.launched(nowhere)["state"] == "dead", "end of what can't be run")
    assert "no partition '2031-01-01'" in (world.launched(nowhere)["reason"] or "")
    runs = world.runs()
    keys = Counter(run["tags"]["trackside/launch_key"] for run in runs)
    assert set(keys.values()) == {1}
    assert len(runs) == len(wanted)
    by_id = {run["runId"]: run for run in runs}
    for one in map(world.launched, wanted):
        run = by_id[one["naturalId"]]
        assert (run["jobName"], run["tags"]["trackside/launch_key"]) == (
            one["job"]["name"],
            one["key"],
        )
        assert run["tags"].get("dagster/partition") == one["partition"]
