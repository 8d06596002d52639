"""A real Airflow whose scheduler stands still: its slots are known as due and without a run."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.airflow import VENV, Airflow
from tests.support.hub_process import HubProcess
from tests.support.ports import free_port

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not Airflow.installed(), reason=f"no Airflow in {VENV.name}: make {VENV.name} installs it"
    ),
]

MISSED = 3
PATIENCE_S = 420


class ByTheClock(Airflow):
    dags = Path(__file__).parent / "dags_by_the_clock"


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[Airflow]:
    with ByTheClock(tmp_path) as airflow:
        yield airflow


@pytest.fixture
def hub(tmp_path: Path, airflow: Airflow) -> Iterator[HubProcess]:
    settings = f'{{url: "{airflow.url}", poll_every_s: 2}}'
    (tmp_path / "trackside.yaml").write_text(
        f"orchestrators: [{{name: af, kind: airflow, namespaces: [af], settings: {settings}}}]\n"
    )
    hub = HubProcess(tmp_path, "--port", str(free_port())).start()
    yield hub
    hub.stop(signal.SIGKILL)


def test_the_slots_of_a_scheduler_that_stands_still_have_no_run(
    airflow: Airflow, hub: HubProcess
) -> None:
    answered = until(lambda: [slot for slot in slots(hub) if slot["run"]])
    airflow.freeze("scheduler")
    stopped = datetime.now(UTC)
    due = [minute_after(stopped) + timedelta(minutes=n) for n in range(MISSED)]
    until(lambda: known_to(hub) >= due[-1])
    found = {datetime.fromisoformat(slot["dueAt"]): slot["run"] for slot in slots(hub)}
    assert [found[at] for at in due] == [None] * MISSED
    assert found[datetime.fromisoformat(answered[0]["dueAt"])]
    last = max(slot["dueAt"] for slot in slots(hub))
    airflow.thaw("scheduler")
    until(lambda: any(slot["run"] and slot["dueAt"] > last for slot in slots(hub)))
    still = {datetime.fromisoformat(slot["dueAt"]): slot["run"] for slot in slots(hub)}
    made_up_for = [at in called(airflow) for at in due]
    assert [still[at] is not None for at in due] == made_up_for
    assert made_up_for.count(True) < MISSED  # without catchup, or this shows nothing


def called(airflow: Airflow) -> set[datetime]:
    """By which times Airflow calls its runs."""
    runs = airflow.get("/dags/minutely/dagRuns?limit=100")["dag_runs"]
    return {datetime.fromisoformat(run["logical_date"]) for run in runs if run["logical_date"]}


def minute_after(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0) + timedelta(minutes=1)


def asked(hub: HubProcess) -> dict[str, Any]:
    answer = httpx.get(f"{hub.url}/api/v1/namespaces/af/jobs/minutely/slots", timeout=30)
    return dict(answer.json()) if answer.status_code == httpx.codes.OK else {"slots": []}


def slots(hub: HubProcess) -> list[dict[str, Any]]:
    return list(asked(hub)["slots"])


def known_to(hub: HubProcess) -> datetime:
    return datetime.fromisoformat(asked(hub)["knownTo"])


def until(holds: Any) -> Any:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(1)
    raise TimeoutError(f"not within {PATIENCE_S} s")
