"""Sensors of a hub at work: declared in the file, shown by the API and the command line."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
import yaml
from starlette.testclient import TestClient

from hub import cli
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.commands import sensors
from hub.main import running
from hub.settings import Settings


class Place:
    """A hub with one sensor, the file it looks for, and somebody who may do everything."""

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
        declared = {
            "database_url": f"sqlite:///{folder}/hub.db",
            "sensors": [sensor],
            "sensor_roots": [str(self.file.parent)],
        }
        (folder / "trackside.yaml").write_text(yaml.safe_dump(declared))

    @contextmanager
    def opened(self, headers_of: Callable[[Hub], dict[str, str]]) -> Iterator[Place]:
        settings = Settings.load(self.folder / "trackside.yaml", environment={})
        with running(settings) as hub:
            app, base = create_app(hub), "http://127.0.0.1:8080"
            self.client = TestClient(app, base_url=base, headers=headers_of(hub))
            yield self

    def ask(self, method: str, path: str) -> Any:
        return self.client.request(method, f"/api/v1{path}")


@pytest.fixture
def place(tmp_path: Path, make_admin: Callable[[Hub], dict[str, str]]) -> Iterator[Place]:
    with Place(tmp_path).opened(make_admin) as place:
        yield place


class Asking:
    """What the command line asks a hub with, without a socket."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def json(self, method: str, path: str) -> Any:
        return self._place.client.request(method, path).json()


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
    monkeypatch.setattr(sensors, "hub_at_work", lambda _: Asking(place))

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
