"""A real Airflow whose scheduler stands still: its slots are missed, and heal when it goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.airflow import VENV, Airflow
from tests.support.hub_process import HubProcess
from tests.support.missed import MINUTE, Slots, at_clock, minute_after, unanswered, until
from tests.support.ports import free_port

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not Airflow.installed(), reason=f"no Airflow in {VENV.name}: make {VENV.name} installs it"
    ),
]

MISSED = 3


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


def test_the_slots_of_a_scheduler_that_stands_still_are_missed_and_heal(
    airflow: Airflow, hub: HubProcess
) -> None:
    """It goes on right after one more slot was due, which it still answers in time."""
    slots = Slots(hub, "af", "minutely")
    answered = until(lambda: [at for at, run in slots.all().items() if run])
    airflow.freeze("scheduler")
    stopped = datetime.now(UTC)
    due = [minute_after(stopped) + n * MINUTE for n in range(MISSED)]
    until(lambda: slots.known_to() >= due[-1])
    found = slots.all()
    assert [found[at] for at in due] == [None] * MISSED
    assert found[answered[0]]
    at_clock(due[-1] + MINUTE + timedelta(seconds=1))
    airflow.thaw("scheduler")
    until(lambda: any(run and at > due[-1] for at, run in slots.all().items()))
    until(lambda: slots.healed_since(due[0]) >= MISSED)

    began = begun(airflow)
    assert unanswered([*due, due[-1] + MINUTE], began) == due
    still = slots.all()
    assert [still[at] is not None for at in due] == [at in began for at in due]
    assert sum(at in began for at in due) < MISSED  # without catchup, or this shows nothing
    missed = slots.missed()
    assert sorted(at for at in missed if at >= due[0]) == due
    for one in (missed[at] for at in due):
        assert (one["state"], one["resolution"]) == ("RESOLVED", "healed")
        steps = slots.history(one)
        assert (steps[0], steps.count("opened"), steps[-1]) == ("opened", 1, "resolved")
        assert slots.cause(one) in {None, "orchestrator_silent"}


def begun(airflow: Airflow) -> dict[datetime, datetime]:
    """When Airflow made its runs, by the times they are called by."""
    runs = airflow.get("/dags/minutely/dagRuns?limit=100")["dag_runs"]
    return {
        datetime.fromisoformat(run["logical_date"]): datetime.fromisoformat(run["queued_at"])
        for run in runs
        if run["logical_date"]
    }
