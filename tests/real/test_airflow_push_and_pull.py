"""A real Airflow pushes and is polled, while the hub is killed and both lines are cut: one truth."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.airflow import VENV, Airflow
from tests.support.connecting import OURS, RUNS, TRIES, rows, told_by
from tests.support.cut_line import CutLine
from tests.support.hub_process import HubProcess
from tests.support.ports import free_port

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not Airflow.installed(), reason=f"no Airflow in {VENV.name}: make {VENV.name} installs it"
    ),
]

SPACE = "af-both"
DAGS = ("ways", "one_at_a_time")
LEAST_ROUNDS = 3
AT_ONCE = 3  # runs of a Dag that have not ended: more would only pile up
HALF_AN_HOUR_S = 1800


class Both:
    """A hub, an Airflow, and the two lines between them."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.push = CutLine(self.port)
        self.airflow = Airflow(folder, self.push.url, "none", SPACE)
        self.pull = CutLine(self.airflow.port)
        settings = f'{{url: "{self.pull.url}", poll_every_s: 1}}'
        (folder / "trackside.yaml").write_text(
            f"orchestrators: [{{name: af, kind: airflow, namespaces: [{SPACE}], "
            f"settings: {settings}}}]\n"
        )
        self.hub = self._hub()

    def _hub(self) -> HubProcess:
        return HubProcess(self.folder, "--port", str(self.port))

    def kill_hub(self) -> None:
        self.hub.stop(signal.SIGKILL)
        self.hub = self._hub().start()

    def mishap(self, chance: random.Random) -> None:
        what = chance.choice(["kill", "push", "pull"])
        if what == "kill":
            self.kill_hub()
        else:
            (self.push if what == "push" else self.pull).cut(chance.uniform(0.5, 4))

    def rounds(self, length_s: float, chance: random.Random) -> None:
        """Runs and mishaps, for so long and at least a few."""
        end, number = time.monotonic() + length_s, 0
        while number < LEAST_ROUNDS or time.monotonic() < end:
            for dag in DAGS:
                if self.airflow.unfinished(dag) < AT_ONCE:
                    self.airflow.trigger(dag, f"{dag}-{number}")
            for _ in range(3):
                time.sleep(chance.uniform(1, 4))
                self.mishap(chance)
            number += 1

    def poll(self) -> dict[str, Any]:
        answer = httpx.get(f"{self.hub.url}/api/v1/orchestrators/af", timeout=30)
        return dict(answer.json().get("poll") or {})

    def settle(self, timeout_s: float = 240) -> None:
        """Returns when two whole polls have begun after now, and an open run was looked for."""
        asked, end = datetime.now(UTC), time.monotonic() + timeout_s
        while time.monotonic() < end:
            done = self.poll().get("completeAt")
            if done and (datetime.fromisoformat(done) - asked).total_seconds() > 5:
                return
            time.sleep(0.5)
        raise TimeoutError(f"{self.poll()}\n{self.hub.said[-3000:]}")

    def ours(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        return {row[:4]: row[4:] for row in rows(self.folder / "data/trackside.db", OURS)}

    def theirs(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        return {row[:4]: row[4:] for row in told_by(self.airflow, *TRIES)}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(0, id="a few rounds"),
        pytest.param(
            HALF_AN_HOUR_S, id="half an hour", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]
        ),
    ],
)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    both = Both(tmp_path_factory.mktemp("both"))
    with both.push, both.pull, both.airflow:
        both.hub.start()
        try:
            both.airflow.post("/pools", {"name": "tiny", "slots": 1})
            both.rounds(request.param, random.Random(20261125))
            for dag in DAGS:
                both.airflow.await_runs(dag)
            both.settle()
            yield both
        finally:
            both.hub.stop(signal.SIGKILL)


def test_every_try_is_one_attempt_with_airflows_own_state_and_times(both: Both) -> None:
    theirs, ours = both.theirs(), both.ours()
    assert len(theirs) > 30
    tasks = {key: row for key, row in ours.items() if "." in key[0]}
    assert set(tasks) == set(theirs)
    for key, (state, started, ended) in theirs.items():
        assert tasks[key][0] in {state, "up_for_retry"}, key
        if state in {"success", "failed"}:
            assert tasks[key][1:] == (started, ended), key


def test_every_dag_run_is_one_run_with_airflows_own_state_and_times(both: Both) -> None:
    runs = told_by(both.airflow, RUNS)
    ours = {key: row for key, row in both.ours().items() if "." not in key[0]}
    assert {row[:4] for row in runs} == set(ours)
    for dag, run, _, _, state, started, ended in runs:
        assert ours[dag, run, -1, 1][0] == state, (dag, run)
        assert ours[dag, run, -1, 1][1:] == (started, ended), (dag, run)


def test_something_was_pushed_and_something_was_polled(both: Both) -> None:
    """Else it would show nothing of how the two meet."""
    url = f"{both.hub.url}/api/v1/events/lineage?limit=1000"
    events = httpx.get(url, timeout=30).json()["events"]
    polled = ["trackside_answer" in e.get("run", {}).get("facets", {}) for e in events]
    runs = [e["eventType"] for e in events if e.get("run")]
    assert polled.count(True) > 20
    assert polled.count(False) > 20
    assert len(runs) > 40
