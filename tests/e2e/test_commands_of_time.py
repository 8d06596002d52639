"""`trackside maintenance` and `trackside schedules`, of a hub at work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub import cli
from tests.support.hub_process import HubProcess, event
from tests.support.tokens import make_token

FILE = """
schedules:
  - {select: {namespace: first, name: hello}, cron: "0 3 * * *"}
maintenance:
  - {name: patching, days: [sat], at: "22:00", duration: PT4H, select: {orchestrator: airflow}}
"""

Run = Callable[..., str]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, str]]:
    folder: Path = tmp_path_factory.mktemp("hub")
    (folder / "trackside.yaml").write_text(FILE)
    token = make_token(folder, "me", "admin")
    with HubProcess(folder) as hub:
        yield hub, token


@pytest.fixture
def run(
    hub: tuple[HubProcess, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a command beside the hub; what it says."""
    monkeypatch.chdir(hub[0].folder)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TRACKSIDE_TOKEN", hub[1])

    def command(*words: str, good: bool = True) -> str:
        monkeypatch.setattr(sys, "argv", ["trackside", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        assert (not ended.value.code) is good, told
        return told.out if good else told.err

    return command


def test_a_window_is_added_listed_and_ended(run: Run) -> None:
    assert "move" in run("maintenance", "add", "move", "--for", "2h", "--namespace", "prod")
    listed = run("maintenance", "list")
    assert "namespace prod" in listed
    assert "open" in listed
    assert "trackside.yaml" in listed
    run("maintenance", "end", "move")
    assert "move" not in run("maintenance", "list")
    assert "move" in run("maintenance", "list", "--over")


def test_one_that_comes_again_and_again_is_added(run: Run) -> None:
    words = ("--cron", "0 2 * * *", "--duration", "90m", "--timezone", "Europe/Berlin")
    told = run("maintenance", "add", "nightly", *words)
    assert "0 2 * * * (Europe/Berlin), for PT5400S" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("maintenance end patching", "managed by trackside.yaml"),
        ("maintenance add move --for long", "90m, 2h, 1d"),
        ("maintenance add move", "needs begin and end"),
        ("schedules upcoming hello", "the namespace of the job"),
    ],
)
def test_what_is_wrong_is_told(run: Run, words: str, told: str) -> None:
    assert told in run(*words.split(), good=False)


def test_upcoming_slots_are_shown_of_all_and_of_one_job(
    run: Run, hub: tuple[HubProcess, str]
) -> None:
    hub[0].post(event(run=1), headers={"Authorization": f"Bearer {hub[1]}"})
    end = time.monotonic() + 30
    # The round that finds the new job's schedule has to pass.
    while "hello" not in (every := run("schedules", "upcoming", "--hours", "30")):
        assert time.monotonic() < end, "no schedule"
        time.sleep(0.2)
    one = run("schedules", "upcoming", "hello", "--namespace", "first", "--hours", "30")
    for shown in (every, one):
        assert "03:00:00" in shown
        assert "file" in shown
