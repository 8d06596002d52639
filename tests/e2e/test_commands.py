"""The command line on a store of its own: what it does, says, and how it ends."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import yaml
import zstandard

from hub import cli
from hub.commands import ndjson
from hub.store import raw_events
from tests.support.hub_process import HubProcess, event


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


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


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """A file of three lineage events."""
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(json.dumps(event(run=number)) for number in (1, 2, 3)))
    return file


def recorded(store: Path) -> int:
    with closing(sqlite3.connect(store)) as connection:
        found: int = connection.execute("SELECT count(*) FROM lineage_event").fetchone()[0]
        return found


# -- help ----------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, ...]]:
    for group in cli.app.registered_groups:
        assert group.typer_instance is not None
        for each in group.typer_instance.registered_commands:
            assert each.callback is not None
            yield (str(group.name), each.name or each.callback.__name__.replace("_", "-"))
    for each in cli.app.registered_commands:
        yield (str(each.name),)


@pytest.mark.parametrize("words", sorted(commands()), ids=" ".join)
def test_every_command_explains_itself(run: Run, words: Sequence[str]) -> None:
    done = run(*words, "--help")
    assert done.code == 0
    assert "Usage: trackside" in done.out
    assert len(done.out.splitlines()) > 8


# -- events --------------------------------------------------------------------------------------


def test_events_go_in_and_out_and_in_again(run: Run, events: Path, tmp_path: Path) -> None:
    assert run("events", "import", str(events)).out == "3 lineage events: 3 recorded\n"
    assert run("events", "export", "out.ndjson.zst").out == "3 lineage events in out.ndjson.zst\n"
    assert run("events", "import", "out.ndjson.zst").out == "3 lineage events: 3 known before\n"
    other = ("--database-url", "sqlite:///other.db")
    assert run("events", "import", "out.ndjson.zst", *other).out == "3 lineage events: 3 recorded\n"
    assert recorded(tmp_path / "other.db") == 3


def test_an_event_that_is_not_understood_lies_among_the_dead_letters(
    run: Run, events: Path
) -> None:
    events.write_text(f'{events.read_text()}\n{{"eventType": "COMPLETE"}}\n')
    done = run("events", "import", str(events))
    assert (done.code, done.out) == (1, "4 lineage events: 3 recorded, 1 refused\n")
    assert "$.eventTime" in run("dead-letters", "list").out
    shown = run("dead-letters", "show", "1")
    assert json.loads(shown.out) == {"eventType": "COMPLETE"}
    assert shown.err.startswith("$.eventTime: expected")
    still = run("dead-letters", "replay", "1")
    assert (still.code, still.out) == (1, "0 recorded, 1 still dead\n")
    assert run("dead-letters", "drop", "--all", "--yes").out == "1 deleted\n"
    missing = run("dead-letters", "show", "1")
    assert (missing.code, missing.err) == (1, "error: Dead letter 1 not found.\n")


def test_a_dead_letter_that_is_understood_now_is_recorded_once(
    run: Run, events: Path, tmp_path: Path
) -> None:
    bad = {"eventType": "COMPLETE"}
    events.write_text(json.dumps(bad))
    run("events", "import", str(events))
    with closing(sqlite3.connect(tmp_path / "data" / "trackside.db")) as store:
        mended = zstandard.compress(json.dumps(event()).encode())
        store.execute("UPDATE dead_letter SET payload = ?", (mended,))
        store.commit()
    assert run("dead-letters", "replay", "--all").out == "1 recorded, 0 still dead\n"
    assert run("dead-letters", "replay", "--all").out == "0 recorded, 0 still dead\n"
    assert recorded(tmp_path / "data" / "trackside.db") == 1


def test_an_interrupted_import_says_how_to_go_on(run: Run, events: Path) -> None:
    whole = zstandard.compress(events.read_bytes() + b"\n")
    Path("cut.ndjson.zst").write_bytes(whole + whole[:-20])
    done = run("events", "import", "cut.ndjson.zst")
    assert done.code == 1
    assert "to go on: --skip 0" in done.err
    assert "cut.ndjson.zst: it is cut off" in done.err
    assert run("events", "import", str(events), "--skip", "2").out.startswith("1 lineage event")


def test_an_interrupted_export_goes_on_where_it_was(
    run: Run, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("events", "import", str(events))
    monkeypatch.setattr(raw_events, "PAGE", 2)
    write = ndjson.Resumable.write

    def fail_at_the_second(self: ndjson.Resumable, lines: list[bytes], last: int) -> None:
        if self.mark.events:
            self._out.write(b"half a frame")
            raise KeyboardInterrupt
        write(self, lines, last)

    monkeypatch.setattr(ndjson.Resumable, "write", fail_at_the_second)
    assert run("events", "export", "out.ndjson.zst").code == 130
    assert not Path("out.ndjson.zst").exists()
    monkeypatch.setattr(ndjson.Resumable, "write", write)
    done = run("events", "export", "out.ndjson.zst")
    assert "going on behind 2 events" in done.err
    runs = [json.loads(line)["run"]["runId"][-1] for line in ndjson.lines("out.ndjson.zst")]
    assert sorted(runs) == ["1", "2", "3"]
    assert not list(Path().glob("*.part*"))


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_files_are_read_by_their_ending(run: Run, events: Path, ending: str) -> None:
    program = {"": "cat", ".gz": "gzip -c", ".zst": "zstd -qc"}[ending].split()
    if ending == ".zst":
        content = zstandard.compress(events.read_bytes())
    else:
        content = subprocess.run([*program, events], capture_output=True, check=True).stdout
    Path(f"e.ndjson{ending}").write_bytes(content)
    assert len(list(ndjson.lines(f"e.ndjson{ending}"))) == 3


# -- a store -------------------------------------------------------------------------------------


def test_a_store_is_backed_up_restored_exported_and_imported(
    run: Run, events: Path, tmp_path: Path
) -> None:
    run("events", "import", str(events))
    assert run("store", "backup", "b.db").out.startswith("b.db (")
    assert run("store", "export", "all.trackside").code == 0
    done = run("store", "restore", "b.db", "--yes")
    assert done.out.startswith("restored; what was there is data/trackside.db.before-")
    done = run("store", "import", "all.trackside", "--database-url", "sqlite:///other.db")
    assert done.out.endswith("rows, counted, are in sqlite:///other.db\n")
    assert recorded(tmp_path / "other.db") == recorded(tmp_path / "data" / "trackside.db") == 3


@pytest.mark.postgres
def test_a_store_moves_to_postgresql_and_serves_there(
    run: Run, events: Path, tmp_path: Path, postgres_url: str
) -> None:
    run("events", "import", str(events))
    run("store", "export", "all.trackside")
    there = ("--database-url", postgres_url)
    assert run("store", "import", "all.trackside", *there).code == 0
    (tmp_path / "hub").mkdir()
    with HubProcess(tmp_path / "hub", *there) as hub:
        jobs = httpx.get(f"{hub.url}/api/v1/namespaces/first/jobs").json()["jobs"]
        assert [job["name"] for job in jobs] == ["hello"]
        assert hub.post(event(run=4)).status_code == 201
        stats = httpx.get(f"{hub.url}/api/v1/events/lineage").json()
        assert stats["totalCount"] == 4


def test_a_migration_is_looked_at_and_done(run: Run) -> None:
    assert run("migrate", "--check").code == 1
    assert not Path("data").exists()
    assert "applied 0001" in run("migrate").out
    assert run("migrate", "--check").code == 0


def test_retention_is_planned_and_run(run: Run, events: Path) -> None:
    run("events", "import", str(events))
    assert "lineage_event" in run("retention", "plan").out
    assert run("retention", "run").code == 0


# -- settings ------------------------------------------------------------------------------------


def test_settings_are_checked_shown_and_described(run: Run, tmp_path: Path) -> None:
    (tmp_path / "trackside.yaml").write_text("version: 1\nport: 9000\n")
    assert run("config", "check").out == "trackside.yaml: all right\n"
    assert yaml.safe_load(run("config", "show").out)["port"] == 9000
    assert json.loads(run("config", "schema").out)["properties"]["port"]
    assert "TRACKSIDE_RETENTION_RUNS" in run("config", "show", "--variables").out


def test_every_wrong_setting_is_named_in_a_line_of_its_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "trackside.yaml").write_text("port: many\nlog_format: xml\n")
    done = run("config", "check")
    assert done.code == 2
    lines = done.err.splitlines()
    assert lines[0].startswith("error: trackside.yaml:1: port: expected")
    assert lines[1].startswith("error: trackside.yaml:2: log_format: expected")


# -- beside a running hub ------------------------------------------------------------------------


def test_beside_a_running_hub_it_asks_that_hub(run: Run, events: Path, tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        assert run("events", "import", str(events)).out == "3 lineage events: 3 accepted\n"
        assert run("store", "backup", "b.db").code == 0
        assert run("store", "export", "all.trackside").code == 0
        assert run("retention", "plan").code == 0
        assert run("retention", "run").code == 1
        refused = run("store", "restore", "b.db", "--yes")
        assert (refused.code, hub.url in refused.err) == (2, True)
        doctor = run("doctor", "--send")
        assert doctor.code == 0, doctor.out
        assert "recorded in" in doctor.out


def test_the_doctor_finds_what_is_wrong(run: Run, tmp_path: Path) -> None:
    assert run("doctor").code == 0
    assert not (tmp_path / "data" / "trackside.db").exists()
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "trackside.db").write_bytes(b"Dear all, " * 1000)
    done = run("doctor")
    assert done.code == 1
    assert "file is not a database" in done.out


def test_a_store_with_nothing_in_it_is_told(run: Run) -> None:
    Path("data").mkdir()
    Path("data/trackside.db").touch()
    done = run("events", "export", "out.ndjson.zst")
    assert done.code == 3
    assert "there is nothing in this store; is it the right file?" in done.err


def test_without_a_store_or_a_hub_it_says_so_and_how_to_go_on(run: Run) -> None:
    done = run("migrate", "--database-url", "postgresql://u:geheim@127.0.0.1:1/x")
    assert done.code == 3
    assert "is the server running, and are host and port right?" in done.err
    assert "geheim" not in done.err
