"""`trackside exec` stands in front of a command, and nobody notices: real processes, no hub."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.doors import FakeDoor, fake_door
from tests.support.hub_process import ROOT

PATIENCE_S = 60
NOBODY = "http://127.0.0.1:1"
pytestmark = pytest.mark.timeout(180)


class Exec:
    """Runs commands through it, with a spool of their own."""

    def __init__(self, folder: Path) -> None:
        self.spool = folder / "spool"
        self.url = NOBODY

    def environment(self, **more: str) -> dict[str, str]:
        told = {"PYTHONPATH": str(ROOT), "TRACKSIDE_SPOOL": str(self.spool)}
        return {**os.environ, **told, "TRACKSIDE_URL": self.url, **more}

    def line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "hub.entry", "exec", *arguments]

    def __call__(
        self, *arguments: str, stdin: bytes = b"", together: bool = False, **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.line(*arguments),
            input=stdin,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if together else subprocess.PIPE,
            timeout=PATIENCE_S,
            check=False,
        )

    def begun(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Signals do there what they do by default, whatever whoever runs these tests ignores."""
        told: dict[str, Any] = {"preexec_fn": _heed_signals} | options
        return subprocess.Popen(
            self.line(*arguments), env=self.environment(), stdout=subprocess.PIPE, **told
        )

    def kept(self) -> list[Path]:
        return sorted(self.spool.rglob("*.ndjson"))


def _heed_signals() -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def wrapped(tmp_path: Path) -> Exec:
    return Exec(tmp_path)


@pytest.fixture
def door(wrapped: Exec) -> Iterator[FakeDoor]:
    with fake_door() as door:
        wrapped.url = door.url
        yield door


def until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


def sh(script: str) -> tuple[str, ...]:
    return ("--", "sh", "-c", script)


# -- as if nobody stood in between ---------------------------------------------------------------


def test_input_output_and_errors_are_those_of_the_command(wrapped: Exec) -> None:
    done = wrapped(*sh("cat; echo wrong >&2"), stdin=b"in\0\xff")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"in\0\xff", b"wrong\n")


def test_output_and_errors_that_go_to_one_place_keep_their_order(
    wrapped: Exec, door: FakeDoor
) -> None:
    """As in a cron's mail, or a log of both."""
    lines = "".join(f"out {n}\nerr {n}\n" for n in range(50))
    done = wrapped(
        *sh("i=0; while [ $i -lt 50 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"),
        together=True,
    )
    assert done.stdout.decode() == lines
    assert door.events[-1]["run"]["facets"]["trackside_log"]["tail"] == lines


def test_much_output_passes_whole(wrapped: Exec) -> None:
    done = wrapped(*sh("head -c 5000000 /dev/zero; echo end"))
    assert (len(done.stdout), done.stdout[-4:]) == (5_000_004, b"end\n")


@pytest.mark.parametrize("status", [0, 1, 3, 255])
def test_the_exit_status_is_that_of_the_command(wrapped: Exec, status: int) -> None:
    assert wrapped(*sh(f"exit {status}")).returncode == status


@pytest.mark.parametrize("name", ["TERM", "KILL", "USR1"])
def test_of_a_command_that_a_signal_ends_it_is_128_and_the_signal(wrapped: Exec, name: str) -> None:
    number = getattr(signal, f"SIG{name}")
    assert wrapped(*sh(f"kill -{name} $$")).returncode == 128 + number


def test_a_command_that_is_not_there_or_no_program_is_told_as_a_shell_does(
    wrapped: Exec, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("no program")
    missing, text = wrapped("--", "no-such-command"), wrapped("--", str(tmp_path / "text"))
    assert (missing.returncode, text.returncode) == (127, 126)
    assert b"no-such-command" in missing.stderr


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1", "USR2", "QUIT"])
def test_signals_are_handed_on_and_the_command_decides(wrapped: Exec, name: str) -> None:
    script = f"trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.1; done"
    process = wrapped.begun(*sh(script), start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(getattr(signal, f"SIG{name}"))
    assert process.communicate(timeout=PATIENCE_S)[0] == f"got {name}\n".encode()
    assert process.returncode == 9


def test_what_we_were_told_to_ignore_the_command_ignores(wrapped: Exec) -> None:
    """As nohup does it."""
    process = wrapped.begun(
        *sh("kill -HUP $$; echo alive"),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.communicate(timeout=PATIENCE_S)[0] == b"alive\n"


def test_a_command_notices_that_nobody_reads_its_output(wrapped: Exec) -> None:
    process = wrapped.begun(*sh("yes; echo $? >&2"), stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    process.wait(PATIENCE_S)
    assert process.stderr.read().strip() in {b"141", b"1"}
    process.stderr.close()


def test_a_terminal_stays_a_terminal(wrapped: Exec) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        wrapped.line(*sh("test -t 1 && echo yes")), env=wrapped.environment(), stdout=theirs
    )
    os.close(theirs)
    assert process.wait(PATIENCE_S) == 0
    assert b"yes" in os.read(ours, 100)
    os.close(ours)


# -- what the hub is told ------------------------------------------------------------------------


def test_the_hub_hears_when_it_began_how_it_ended_and_what_it_said(
    wrapped: Exec, door: FakeDoor
) -> None:
    done = wrapped(
        "--name", "load", "--namespace", "web1", "--input", "postgres://dwh:5432:core.orders",
        "--output=s3://lake:orders", *sh("echo copying; echo no space left >&2; exit 3"),
    )  # fmt: skip
    assert (done.returncode, door.kinds()) == (3, ["START", "FAIL"])
    start, end = door.events
    assert (start["job"]["namespace"], start["job"]["name"]) == ("web1", "load")
    assert start["run"]["runId"] == end["run"]["runId"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                        start["run"]["runId"])  # fmt: skip
    assert start["inputs"] == [{"namespace": "postgres://dwh:5432", "name": "core.orders"}]
    assert end["outputs"] == [{"namespace": "s3://lake", "name": "orders"}]
    facets = end["run"]["facets"]
    assert facets["trackside_exit"]["status"] == 3
    assert facets["trackside_exit"]["durationS"] > 0
    assert set(facets["trackside_log"]["tail"].split("\n")) == {"copying", "no space left", ""}
    assert facets["errorMessage"]["message"].startswith("exit status 3: ")
    assert not wrapped.kept()


def test_of_the_output_only_the_end_is_told_or_nothing(wrapped: Exec, door: FakeDoor) -> None:
    wrapped("--tail", "4", *sh("echo abcdef"))
    wrapped("--tail", "0", *sh("echo abcdef"))
    tails = [event["run"]["facets"].get("trackside_log") for event in door.events[1::2]]
    assert tails[0]["tail"] == "def\n"
    assert tails[1] is None


def test_a_long_run_gives_signs_of_life(wrapped: Exec, door: FakeDoor, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    process = wrapped.begun("--heartbeat", "1", *sh(f"until test -e {gate}; do sleep 0.1; done"))
    until(lambda: door.kinds().count("RUNNING") >= 2)
    gate.touch()
    process.communicate(timeout=PATIENCE_S)
    assert door.kinds()[0] == "START"
    assert door.kinds()[-1] == "COMPLETE"


def test_what_runs_within_is_told_whose_part_it_is(wrapped: Exec, door: FakeDoor) -> None:
    inner = " ".join(wrapped.line("--name", "inner", "--", "true"))
    wrapped("--name", "outer", "--namespace", "web1", *sh(inner))
    outer = next(e for e in door.events if e["job"]["name"] == "outer")
    within = next(e for e in door.events if e["job"]["name"] == "inner")
    assert within["run"]["facets"]["parent"]["run"] == {"runId": outer["run"]["runId"]}


def test_the_token_is_shown_to_the_hub_and_nobody_else(
    wrapped: Exec, door: FakeDoor, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("tsk_secret\n")
    done = wrapped("--token-file", str(file), "-v", *sh(f"cat {file}"))
    wrapped(*sh("echo $TRACKSIDE_TOKEN"), TRACKSIDE_TOKEN="tsk_secret")
    assert door.tokens
    assert set(door.tokens) == {"Bearer tsk_secret"}
    assert "tsk_secret" not in repr(door.events)
    assert done.stderr == b""


# -- the hub is away -----------------------------------------------------------------------------


def test_a_hub_that_is_away_changes_nothing_and_hears_of_it_later(wrapped: Exec) -> None:
    done = wrapped(*sh("echo out; exit 4"))
    assert (done.returncode, done.stdout, done.stderr) == (4, b"out\n", b"")
    (file,) = wrapped.kept()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_hub_that_hangs_is_waited_for_a_bounded_time(wrapped: Exec) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        wrapped.url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        assert wrapped("--wait", "0.2", *sh("exit 5")).returncode == 5
    assert len(wrapped.kept()) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_what_may_be_taken_later_is_kept(wrapped: Exec, door: FakeDoor, status: int) -> None:
    door.status = status
    wrapped("--", "true")
    assert len(wrapped.kept()) == 1


def test_what_is_refused_for_good_is_not_kept(wrapped: Exec, door: FakeDoor) -> None:
    door.status = 422
    wrapped("--", "true")
    assert not wrapped.kept()


def test_the_next_run_sends_what_was_kept(wrapped: Exec, door: FakeDoor) -> None:
    door.status = 503
    wrapped("--name", "first", "--", "false")
    door.status = 200
    wrapped("--name", "second", "--", "true")
    told = [(event["job"]["name"], event["eventType"]) for event in door.events]
    assert sorted(told) == [
        ("first", "FAIL"), ("first", "START"), ("second", "COMPLETE"), ("second", "START"),
    ]  # fmt: skip
    assert not wrapped.kept()


def test_flush_sends_what_was_kept_and_says_how_much(wrapped: Exec, door: FakeDoor) -> None:
    door.status = 503
    for _ in range(2):
        wrapped("--", "true")
    away = wrapped("--flush")
    assert (away.returncode, away.stdout.split(b":")[0]) == (3, b"0 sent, 2 left")
    door.status = 200
    there = wrapped("--flush")
    assert (there.returncode, there.stdout) == (0, b"2 sent, 0 left\n")
    assert door.kinds() == ["START", "COMPLETE"] * 2


def test_no_place_to_keep_it_is_not_the_commands_trouble(wrapped: Exec, tmp_path: Path) -> None:
    wrapped.spool = tmp_path / "file" / "below"
    (tmp_path / "file").touch()
    done = wrapped(*sh("exit 6"))
    assert (done.returncode, done.stderr) == (6, b"")
    assert b"nor can it be kept" in wrapped("-v", *sh("exit 6")).stderr


# -- its own command line ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), b"expected a command"),
        (("--nam", "x", "--", "true"), b"--nam: there is no such option"),
        (("--name",), b"--name: expected a value"),
        (("--tail", "many", "--", "true"), b"--tail: expected a number"),
        (("--output", "orders", "--", "true"), b"--output: expected NAMESPACE:NAME"),
        (("--url", "hub:8080", "--", "true"), b"--url: expected http://"),
    ],
)
def test_a_wrong_command_line_is_told_and_nothing_runs(
    wrapped: Exec, arguments: tuple[str, ...], told: bytes
) -> None:
    done = wrapped(*arguments)
    assert done.returncode == 2
    assert told in done.stderr


def test_it_begins_without_what_takes_long_to_import() -> None:
    """Until the command runs little more is imported than Python itself imports."""
    script = "import sys, hub.wrap.main; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    heavy = {"typer", "rich", "pydantic", "msgspec", "httpx", "sqlalchemy", "structlog"}
    heavy |= {"argparse", "subprocess", "json", "http.client", "pathlib", "typing", "threading"}
    # What an editable install imports at the start of Python is not ours.
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    assert not heavy & (set(done.stdout.split()) - set(bare.stdout.split()))
