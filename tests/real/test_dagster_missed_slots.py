"""A real Dagster whose daemon stands still: the slots of a schedule are missed, and heal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.support.dagster import VENV, DagsterSplit
from tests.support.hub_process import HubProcess
from tests.support.missed import MINUTE, Slots, at_clock, minute_after, unanswered, until
from tests.support.ports import free_port

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not DagsterSplit.installed(),
        reason=f"no Dagster in {VENV.name}: make {VENV.name} installs it",
    ),
]

MISSED = 3
SEEN_WITHIN = timedelta(minutes=3)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[DagsterSplit, HubProcess]]:
    home, port = tmp_path / "dagster", free_port()
    home.mkdir()
    # Its reporter is served too, and pushes to the hub.
    told = {"TRACKSIDE_URL": f"http://127.0.0.1:{port}", "TRACKSIDE_NAMESPACE": "dg"}
    with DagsterSplit(home, **told) as dagster:
        settings = f'{{url: "{dagster.url}", poll_every_s: 2}}'
        (tmp_path / "trackside.yaml").write_text(
            f"orchestrators: [{{name: dg, kind: dagster, namespaces: [dg], settings: {settings}}}]\n"
        )
        hub = HubProcess(tmp_path, "--port", str(port)).start()
        yield dagster, hub
        hub.stop(signal.SIGKILL)


def test_the_slots_of_a_daemon_that_stands_still_are_missed_and_heal(
    world: tuple[DagsterSplit, HubProcess],
) -> None:
    """It goes on right after one more slot was due, which it still answers in time."""
    dagster, hub = world
    slots = Slots(hub, "dg", "sleeping")
    until(lambda: any(slots.all().values()))
    dagster.freeze("daemon")
    stopped = datetime.now(UTC)
    due = [minute_after(stopped) + n * MINUTE for n in range(MISSED)]
    until(lambda: "DOWN" in scheduler_health(hub))
    assert datetime.now(UTC) - stopped <= SEEN_WITHIN
    at_clock(due[-1] + MINUTE + timedelta(seconds=1))
    dagster.thaw("daemon")
    until(lambda: any(run and at > due[-1] for at, run in slots.all().items()))
    until(lambda: slots.healed_since(due[0]) >= MISSED)

    until(lambda: scheduler_health(hub) in ({"HEALTHY"}, {"DEGRADED"}))  # one schedule is broken
    assert unanswered([*due, due[-1] + MINUTE], begun(dagster)) == due
    missed = slots.missed()
    assert sorted(at for at in missed if at >= due[0]) == due
    for one in (missed[at] for at in due):
        assert (one["state"], one["resolution"]) == ("RESOLVED", "healed")
        steps = slots.history(one)
        assert (steps[0], steps.count("opened"), steps[-1]) == ("opened", 1, "resolved")
        assert slots.cause(one) in {None, "orchestrator_silent"}


def scheduler_health(hub: HubProcess) -> set[str]:
    told = httpx.get(f"{hub.url}/api/v1/orchestrators/dg", timeout=30).json()
    return {one["status"] for one in told["health"] if one["part"] == "daemon SCHEDULER"}


def begun(dagster: DagsterSplit) -> dict[datetime, datetime]:
    """When Dagster made the runs of the schedule, by the times of their ticks."""
    told = dagster.graphql(
        "{ scheduleOrError(scheduleSelector: {repositoryLocationName: "
        '"shop", repositoryName: "__repository__", scheduleName: "minutely"}) '
        "{ ... on Schedule { scheduleState { ticks(limit: 100) "
        "{ timestamp runs { creationTime } } } } } }"
    )
    return {
        datetime.fromtimestamp(tick["timestamp"], UTC): datetime.fromtimestamp(
            min(run["creationTime"] for run in tick["runs"]), UTC
        )
        for tick in told["scheduleOrError"]["scheduleState"]["ticks"]
        if tick["runs"]
    }
