"""`trackside cron` with the `crontab` of Debian's cron: a user's lines are wrapped and put back."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.hub_process import ROOT

CRONTAB: Final = shutil.which("crontab") or ""
#: Nobody works as it, so that its crontab is free to be tried on.
USER: Final = "nobody"
TABLE: Final = "MAILTO=ann\n30 3 * * * /bin/echo 100\\% done\n"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CRONTAB, reason="no crontab: Debian's cron has it"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root may write another user's crontab"),
]


def table(*arguments: str, given: str = "") -> str:
    line = [CRONTAB, "-u", USER, *arguments]
    return subprocess.run(line, input=given, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with (Path(tempfile.gettempdir()) / "trackside-tests-crontab").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other workers try theirs on the same user
        if table("-l"):
            pytest.skip(f"{USER} has a crontab of its own here")
        table("-", given=TABLE)
        try:
            yield tmp_path
        finally:
            table("-r")


def cron(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hub.entry", "cron", *arguments, "--backups", str(folder / "kept")],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_lines_of_a_user_are_wrapped_and_put_back_as_they_were(folder: Path) -> None:
    mine = f"crontab:{USER}"
    wrap = ("wrap", mine, "--namespace", "web1", "--write")
    done = cron(folder, *wrap)
    assert done.returncode == 0, done.stderr
    after = table("-l")
    assert "exec --namespace web1 --name echo -- /bin/sh -c '/bin/echo 100\\% done'" in after
    assert cron(folder, *wrap).stdout == ""

    shown = cron(folder, "restore", mine)
    assert (shown.returncode, table("-l")) == (0, after)
    assert "+30 3 * * * /bin/echo" in shown.stdout
    done = cron(folder, "restore", mine, "--write")
    assert (done.returncode, table("-l")) == (0, TABLE), done.stderr
    # What was there before is kept as well: the other way round.
    cron(folder, "restore", mine, "--write")
    assert table("-l") == after


def test_what_crontab_refuses_is_told_and_nothing_is_changed(folder: Path) -> None:
    (folder / "bad").write_text("61 3 * * * /bin/true\n")
    done = cron(folder, "restore", f"crontab:{USER}", str(folder / "bad"), "--write")
    assert done.returncode != 0
    assert "crontab refuses it" in done.stderr
    assert table("-l") == TABLE


def test_a_user_that_is_not_there_is_told(folder: Path) -> None:
    done = cron(folder, "wrap", "crontab:no-such-user", "--namespace", "web1")
    assert done.returncode != 0
    assert "crontab:no-such-user can't be read" in done.stderr
