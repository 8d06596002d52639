"""Sensors of a hub at work: declared in the file, shown by the API and the command line."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from hub import cli
from tests.support.hub_process import HubProcess
from tests.support.tokens import make_token


class Place:
    """A hub with one sensor, the file it looks for, and a token."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "in" / "orders.csv"
        self.file.parent.mkdir()
        sensor = {
            "name": "orders",
            "kind": "file",
            "dataset": {"namespace": "file", "name": "/in/orders"},
            "every_s": 1,
            "settings": {"path": str(self.file)},
        }
        declared = {"sensors": [sensor], "sensor_roots": [str(self.file.parent)]}
        (folder / "trackside.yaml").write_text(yaml.safe_dump(declared))
        self.token = make_token(folder, "ada", "admin")
        self.hub = HubProcess(folder)

    def ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.hub.url}/api/v1{path}"
        return httpx.request(method, url, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("hub"))
    try:
        place.hub.start(90)
        yield place
    finally:
        place.hub.stop()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_file_that_comes_is_an_update_that_the_gate_sees(place: Place) -> None:
    def orders() -> Any:
        return place.ask("GET", "/sensors").json()["sensors"][0]

    until(lambda: orders()["waitsFor"] == f"a file at file://{place.file}")
    assert place.ask("GET", "/gates/file:%2Fin%2Forders").status_code == 404
    place.file.write_text("1,2,3")
    until(lambda: orders()["sightedAt"] is not None)
    gate = place.ask("GET", "/gates/file:%2Fin%2Forders").json()
    assert gate["passed"] is True
    assert gate["reasons"][0].startswith("/in/orders was last updated at")


def test_it_looks_at_once_when_it_is_told_to(place: Place) -> None:
    assert place.ask("POST", "/sensors/orders/look").json()["name"] == "orders"
    answer = place.ask("POST", "/sensors/ordrs/look")
    assert answer.status_code == 404
    assert "declared: orders" in answer.json()["detail"]


def test_the_command_line_lists_and_tries_sensors(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TRACKSIDE_URL", place.hub.url)
    monkeypatch.setenv("TRACKSIDE_TOKEN", place.token)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["trackside", "sensors", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return ended.value.code or 0, told.out + told.err  # type: ignore[return-value]

    assert "file:/in/orders" in run("list")[1]
    assert json.loads(run("list", "--json")[1])["sensors"][0]["kind"] == "file"
    place.file.write_text("1,2,3")
    os.utime(place.file, (1_795_478_400, 1_795_478_400))
    assert run("test", "orders")[1].startswith("seen: at 2026-11-24 00:00:00 UTC, version ")
    place.file.unlink()
    assert run("test", "orders")[1].startswith("waits for a file at")
    code, told = run("test", "ordrs")
    assert (code, "declared: orders" in told) == (1, True)
