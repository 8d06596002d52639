"""A real Airflow whose scheduler stands still: its slots are missed, and heal when it goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.airflow import VENV, Airflow
from tests.support.hub_process import HubProcess
from tests.support.missed import MINUTE, Slots, minute_after, unanswered, until
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
    """It goes on as soon as the hub has told of three, and makes up for the last two by itself."""
    slots = Slots(hub, "af", "minutely")
    answered = until(lambda: [at for at, run in slots.all().items() if run])
    airflow.freeze("scheduler")
    due = [minute_after(datetime.now(UTC)) + n * MINUTE for n in range(MISSED)]
    until(lambda: set(due) <= set(slots.missed()))
    thawed = datetime.now(UTC)
    airflow.thaw("scheduler")
    found = slots.all()
    assert [found[at] for at in due] == [None] * MISSED
    assert found[answered[0]]
    until(lambda: any(run and at > thawed for at, run in slots.all().items()))
    until(lambda: slots.healed_since(due[0]) >= MISSED)

    missed = {at: one for at, one in slots.missed().items() if at >= due[0]}
    between = [due[-1] + n * MINUTE for n in range(1, 9) if due[-1] + n * MINUTE <= thawed]
    began = begun(airflow)
    without = {at for at in (*due, *between) if at not in began}
    # A run that came after the grace, and before its slot was judged, may go for both.
    assert without <= set(missed) <= {*due, *unanswered(between, began)}
    for one in missed.values():
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
