"""Commands and the files they are given: none is overwritten, made or misread by mistake."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hub import cli


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]

STORE = Path("data/trackside.db")
WRITING = (("events", "export"), ("store", "export"), ("store", "backup"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command as the console script does, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["trackside", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, told.out, told.err)

    return command


# -- what is written -----------------------------------------------------------------------------


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
def test_the_store_is_never_overwritten(run: Run, words: tuple[str, str], suffix: str) -> None:
    run("migrate")
    before = STORE.read_bytes()
    Path("link").symlink_to(f"{STORE}{suffix}")
    for target in (f"{STORE}{suffix}", "link"):
        done = run(*words, target, "--force")
        told = f"error: {target} belongs to the store itself; choose another file\n"
        assert (done.code, done.err) == (1, told)
    assert STORE.read_bytes() == before


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
def test_the_store_is_known_by_a_hard_link_and_behind_a_link(
    run: Run, words: tuple[str, str]
) -> None:
    run("migrate")
    Path("hard").hardlink_to(STORE)
    Path("soft.db").symlink_to(STORE)
    assert "belongs to the store itself" in run(*words, "hard", "--force").err
    there = ("--database-url", "sqlite:///soft.db")
    assert "belongs to the store itself" in run(*words, str(STORE), "--force", *there).err


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
def test_a_file_is_overwritten_only_by_force(run: Run, words: tuple[str, str]) -> None:
    run("migrate")
    Path("mine").write_text("precious")
    done = run(*words, "mine")
    assert (done.code, "mine is there already" in done.err) == (1, True)
    assert Path("mine").read_text() == "precious"
    assert run(*words, "mine", "--force").code == 0
    assert Path("mine").read_bytes() != b"precious"


@pytest.mark.parametrize("words", WRITING, ids=" ".join)
def test_a_target_that_cannot_be_is_named_in_one_line(run: Run, words: tuple[str, str]) -> None:
    run("migrate")
    done = run(*words, "nowhere/x")
    told = "nowhere/x can't be written: there is no folder nowhere; make it first"
    assert (done.code, done.err) == (1, f"error: {told}\n")
    assert run(*words, "data").err == "error: data is a folder; name a file in it\n"


# -- the store -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "token list",
        "token revoke 1",
        "team list",
        "dead-letters list",
        "dead-letters show 1",
        "dead-letters replay 1",
        "dead-letters drop 1 --yes",
        "events export x",
        "store export x",
        "store backup x",
        "store renew",
        "retention plan",
        "retention run",
    ],
)
def test_a_store_that_is_not_there_is_told_and_not_made(
    run: Run, tmp_path: Path, words: str
) -> None:
    done = run(*words.split(), "--database-url", "sqlite:///typo/mistyped.db")
    told = "no store at typo/mistyped.db; is it the right file? trackside migrate makes one"
    assert (done.code, done.err) == (3, f"error: database_url: {told}\n")
    assert not list(tmp_path.iterdir())


def test_the_doctor_makes_nothing(run: Run, tmp_path: Path) -> None:
    done = run("doctor", "--database-url", "sqlite:///typo/mistyped.db")
    assert "typo/mistyped.db is not there yet" in done.out
    assert not list(tmp_path.iterdir())


def test_the_doctor_tells_of_a_folder_that_cannot_be_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    done = run("doctor", "--database-url", f"sqlite:///{tmp_path}/data/trackside.db")
    assert done.code == 1
    assert f"can't be made: {tmp_path} is read-only for this user" in done.out


def test_the_first_token_may_be_older_than_the_first_start(run: Run) -> None:
    assert run("token", "create", "ann", "--scope", "read", "--namespace", "*").code == 0
    assert STORE.exists()


def test_a_data_folder_that_cannot_be_written_is_told_with_what_to_do(run: Run) -> None:
    Path("letter").write_text("Dear all,")
    for words in (("serve", "--port", "0"), ("demo", "--port", "0"), ("migrate",)):
        done = run(*words, "--database-url", "sqlite:///letter/trackside.db")
        assert done.code == 2
        assert done.err.startswith("error: database_url: the folder of letter/trackside.db can't")
        assert len(done.err.splitlines()) == 1


def test_a_lock_that_cannot_be_written_is_told_with_what_to_do(run: Run) -> None:
    Path("data/trackside.db.lock").mkdir(parents=True)
    done = run("serve", "--port", "0")
    assert done.code == 2
    assert "database_url: " in done.err
    assert "trackside.db.lock can't be written: Is a directory; give this user" in done.err


# -- what is read --------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["Dear all,\nbye\n", "[1, 2]\n", "SQLite format 3\0", "\x28"])
def test_a_file_of_something_else_is_not_imported(run: Run, content: str) -> None:
    Path("letter").write_text(content)
    done = run("events", "import", "letter")
    assert done.code == 1
    assert "file: expected lineage events, one JSON object a line, found " in done.err
    assert "letter holds something else" in done.err
    assert not STORE.exists()
