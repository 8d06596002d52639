"""`trackside serve` from an empty folder, and what it says where it can't."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from hub.access import new_token
from tests.support.hub_process import HubProcess, event, trackside


def test_from_an_empty_folder_it_serves_and_says_what_to_do_next(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        assert httpx.get(f"{hub.url}/healthz").json() == {"status": "alive"}
        assert httpx.get(f"{hub.url}/readyz").status_code == 200
        assert f"data     {tmp_path}/data/trackside.db" in hub.said
        figures = httpx.get(f"{hub.url}/metrics").text
        assert "trackside_build_info" in figures
        assert 'trackside_loop_lag_seconds{loop="requests"}' in figures


def test_elsewhere_it_begins_with_the_token_that_a_setting_names(tmp_path: Path) -> None:
    token = new_token()
    told = {"TRACKSIDE_HOST": "0.0.0.0", "TRACKSIDE_FIRST_TOKEN": "env:FIRST", "FIRST": token}
    with HubProcess(tmp_path, environment=told) as hub:
        url = hub.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(f"{url}/api/v1/jobs").status_code == 401
        asked = httpx.get(f"{url}/api/v1/whoami", headers={"Authorization": f"Bearer {token}"})
        assert (asked.json()["name"], asked.json()["scopes"]) == ("first", ["admin"])
    assert token not in hub.said


def test_the_curl_line_that_it_prints_is_taken(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        line = re.search(r"curl -i .*?}'$", hub.said, re.DOTALL | re.MULTILINE)
        assert line
        done = subprocess.run(["bash", "-c", line[0]], capture_output=True, text=True, check=True)
        assert "201 Created" in done.stdout
        look = re.search(r"curl (http\S+/jobs)", hub.said)
        assert look
        jobs = httpx.get(look[1]).json()["jobs"]
        assert [job["name"] for job in jobs] == ["hello"]


def test_out_of_a_checkout_it_names_its_commands_by_their_path(tmp_path: Path) -> None:
    program = str(Path(sys.executable).with_name("trackside"))
    hub = HubProcess(tmp_path, environment={"PATH": "/usr/bin:/bin"})
    hub._command[:3] = [program]
    with hub:
        assert f"Is all well: {program} doctor." in hub.said
        assert f"({program} token create makes it ask)" in hub.said
    with HubProcess(tmp_path) as hub:
        assert "Is all well: trackside doctor." in hub.said


def test_a_second_hub_on_the_same_file_is_refused(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        second = trackside("serve", "--port", "0", folder=tmp_path)
        assert second.returncode == 2
        assert "in use by another hub (process" in second.stderr
        assert hub.url in second.stderr
        assert hub.post(event()).status_code == 201


def test_a_hub_that_was_killed_leaves_no_lock(tmp_path: Path) -> None:
    with HubProcess(tmp_path):
        pass
    with HubProcess(tmp_path) as hub:
        assert hub.post(event()).status_code == 201


def test_a_port_in_use_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = trackside("serve", "--port", str(port), folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: port: {port} on 127.0.0.1 is taken by another program")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"TRACKSIDE_PORT": "many"}, "TRACKSIDE_PORT: port: expected a valid integer"),
        ({"TRACKSIDE_DATABASE_URL": "mysql://x/y"}, "TRACKSIDE_DATABASE_URL: database_url: "),
        ({"TRACKSIDE_HOST": "0.0.0.0"}, "host: 0.0.0.0 can be reached from other computers"),
        ({"TRACKSIDE_HOST": "192.0.2.1"}, "host: 192.0.2.1 is not an address of this computer"),
        ({"TRACKSIDE_CONFIG": "none.yaml"}, "none.yaml can't be read: No such file or directory"),
        (
            {"TRACKSIDE_DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"},
            "database_url: postgresql+psycopg://u:***@127.0.0.1:1/x: connection",
        ),
    ],
)
def test_a_bad_setting_is_named_in_one_line_without_a_traceback(
    tmp_path: Path, environment: dict[str, str], told: str
) -> None:
    done = (
        trackside("serve", "--port", "0", folder=tmp_path, environment=environment)
        if ("TRACKSIDE_PORT" not in environment)
        else trackside("serve", folder=tmp_path, environment=environment)
    )
    assert done.returncode in {2, 3}
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "letter.db").write_text("Dear all, " * 1000)
    done = trackside("serve", "--database-url", "sqlite:///letter.db", folder=tmp_path)
    assert done.returncode == 3
    assert "file is not a database" in done.stderr


@pytest.mark.postgres
def test_two_hubs_share_one_postgresql(tmp_path: Path, bare_postgres_url: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    flags = ("--database-url", bare_postgres_url)
    with HubProcess(tmp_path / "a", *flags) as a, HubProcess(tmp_path / "b", *flags) as b:
        assert a.post(event(run=1)).status_code == 201
        assert b.post(event(run=1)).status_code == 200
        assert httpx.get(f"{b.url}/readyz").status_code == 200
