"""Sensors of rows, values, runs and times."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from hub.errors import ConfigError, Unavailable
from hub.ports.sensors import Success
from hub.sensors.http import Http, HttpConfig, found_at, steps_of
from hub.sensors.run import Run, RunConfig
from hub.sensors.sql import Sql, SqlConfig
from hub.sensors.time import Time, TimeConfig
from tests.support.outside import Outside

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)

# -- rows --------------------------------------------------------------------------------------


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A database outside, declared as `shop`."""
    monkeypatch.setenv("SHOP_URL", f"sqlite:///{tmp_path}/shop.db")
    connection = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    connection.execute("CREATE TABLE orders (id INTEGER, day TEXT)")
    yield connection
    connection.close()


def outside() -> Outside:
    return Outside(shop="env:SHOP_URL")


def test_a_watermark_that_rises_is_seen(rows: sqlite3.Connection) -> None:
    asks = SqlConfig(connection="shop", query="SELECT max(id) FROM orders", when="rises")
    sensor = Sql(asks, outside())
    assert sensor.look({}, NOW).waits_for == "a row"
    rows.execute("INSERT INTO orders VALUES (9, 'a')")
    first = sensor.look({}, NOW)
    assert [one.version for one in first.sightings] == ["9"]
    same = sensor.look(first.cursor, NOW)
    assert (same.sightings, same.waits_for) == ((), "a value greater than 9")
    rows.execute("DELETE FROM orders")
    rows.execute("INSERT INTO orders VALUES (5, 'a')")
    assert sensor.look(same.cursor, NOW).sightings == ()
    rows.execute("INSERT INTO orders VALUES (10, 'a')")
    assert [one.version for one in sensor.look(same.cursor, NOW).sightings] == ["10"]


def test_a_row_that_is_there_is_seen_once(rows: sqlite3.Connection) -> None:
    asks = SqlConfig(connection="shop", query="SELECT day FROM orders WHERE day = 'done'")
    sensor = Sql(asks, outside())
    assert sensor.look({}, NOW).sightings == ()
    rows.execute("INSERT INTO orders VALUES (1, 'done')")
    first = sensor.look({}, NOW)
    assert len(first.sightings) == 1
    assert sensor.look(first.cursor, NOW).sightings == ()


@pytest.mark.parametrize(
    ("url", "query", "said"),
    [
        ("sqlite:////no/such/folder/x.db", "SELECT 1", "the connection shop failed: Operational"),
        ("sqlite://", "SELECT nothing FROM nowhere", "the connection shop failed: Operational"),
        ("oracle+nothing://ada:s3cret@db/x", "SELECT 1", "the connection shop failed"),
        ("ada:s3cret@nonsense", "SELECT 1", "the connection shop failed"),
    ],
)
def test_what_goes_wrong_is_told_without_the_secret(
    monkeypatch: pytest.MonkeyPatch, url: str, query: str, said: str
) -> None:
    monkeypatch.setenv("SHOP_URL", url)
    sensor = Sql(SqlConfig(connection="shop", query=query), outside())
    with pytest.raises(Unavailable) as told:
        sensor.look({}, NOW)
    assert said in str(told.value)
    assert "s3cret" not in str(told.value)


# -- values ------------------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    """Answers what it is told to."""

    told: ClassVar[tuple[int, bytes]] = (200, b"{}")
    heard: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.heard.append(self.headers.get("X-Key"))
        status, body = self.told
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/state?key=s3cret"
    server.shutdown()
    thread.join()
    server.server_close()


LOCAL = Outside(networks=["127.0.0.0/8"])


def test_a_value_that_changes_is_seen(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "abc")
    asks = HttpConfig(url=url, value="$.data[0]['the version']", headers={"X-Key": "env:KEY"})
    sensor = Http(asks, LOCAL)
    Answers.told = (200, b'{"data": [{"the version": 7}]}')
    first = sensor.look({}, NOW)
    assert [one.version for one in first.sightings] == ["7"]
    assert Answers.heard[-1] == "abc"
    assert sensor.look(first.cursor, NOW).sightings == ()
    Answers.told = (200, b'{"data": [{"the version": 8}]}')
    assert len(sensor.look(first.cursor, NOW).sightings) == 1
    Answers.told = (200, b'{"data": []}')
    assert sensor.look(first.cursor, NOW).sightings == ()


@pytest.mark.parametrize(("when", "wanted"), [("equals", "ready"), ("matches", "^rea")])
def test_a_value_is_seen_each_time_that_it_becomes_as_wanted(
    url: str, when: Any, wanted: str
) -> None:
    sensor = Http(HttpConfig(url=url, value="$.state", when=when, wanted=wanted), LOCAL)
    cursor: dict[str, Any] = {}
    seen = []
    for state in ("busy", "ready", "ready", "busy", "ready"):
        Answers.told = (200, f'{{"state": "{state}"}}'.encode())
        found = sensor.look(cursor, NOW)
        cursor = found.cursor
        seen.append(len(found.sightings))
    assert seen == [0, 1, 0, 0, 1]


def test_private_addresses_are_out_of_reach_unless_allowed(url: str) -> None:
    with pytest.raises(Unavailable, match="private address") as told:
        Http(HttpConfig(url=url), Outside()).look({}, NOW)
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ((500, b"no"), "answers 500"),
        ((302, b""), "answers 302"),
        ((200, b"<html>"), "answers no JSON"),
        ((200, b"x" * (2**20 + 1)), "answers more than"),
    ],
)
def test_an_answer_that_is_none_is_told(url: str, told: tuple[int, bytes], said: str) -> None:
    Answers.told = told
    with pytest.raises(Unavailable, match=said) as error:
        Http(HttpConfig(url=url, value="$.x"), LOCAL).look({}, NOW)
    assert "s3cret" not in str(error.value)


def test_json_paths_lead_where_they_say() -> None:
    value = {"a": [{"b c": 1}, 2], "d": {"e": None}}
    for path, found in (
        ("$", value),
        ("$.a[1]", 2),
        ("$.a[0]['b c']", 1),
        ("$.a[9]", None),
        ("$.d.e.f", None),
    ):
        assert found_at(value, steps_of(path)) == found


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": "data"},
        {"value": "$.a[x]"},
        {"when": "equals"},
        {"wanted": "x"},
        {"when": "matches", "wanted": "("},
        {"url": "ftp://x"},
        {"headers": {"A": "the secret itself"}},
    ],
)
def test_settings_of_http_that_make_no_sense_are_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpConfig(**({"url": "https://x"} | wrong))


# -- runs --------------------------------------------------------------------------------------


def test_each_run_that_completes_from_now_on_is_seen_once() -> None:
    outside = Outside()
    sensor = Run(RunConfig(job={"namespace": "etl", "name": "load"}), outside)
    outside.ran = [Success("old", NOW - timedelta(hours=1))]
    first = sensor.look({}, NOW)
    assert first.sightings == []
    outside.ran += [Success("a", NOW + timedelta(seconds=1), "2026-11-30")]
    outside.ran += [Success("b", NOW + timedelta(seconds=1))]
    second = sensor.look(first.cursor, NOW + timedelta(seconds=5))
    assert [(one.version, one.partition) for one in second.sightings] == [
        ("a", "2026-11-30"),
        ("b", ""),
    ]
    outside.ran += [Success("c", NOW + timedelta(seconds=1))]
    third = sensor.look(second.cursor, NOW + timedelta(seconds=9))
    assert [one.version for one in third.sightings] == ["c"]
    assert sensor.look(third.cursor, NOW + timedelta(seconds=20)).sightings == []


# -- times -------------------------------------------------------------------------------------


def test_a_time_after_each_slot_is_seen_once_in_its_zone() -> None:
    asks = TimeConfig(
        cron="0 6 * * *", timezone="Europe/Berlin", after_s=3600, partition="%Y-%m-%d"
    )
    sensor = Time(asks, Outside())
    begin = sensor.look({}, NOW)
    assert begin.sightings == []
    day = sensor.look(begin.cursor, datetime(2026, 12, 2, 5, 59, tzinfo=UTC))
    assert [(one.at.isoformat(), one.partition) for one in day.sightings] == [
        ("2026-12-01T06:00:00+00:00", "2026-12-01")
    ]
    after = sensor.look(day.cursor, datetime(2026, 12, 2, 6, 0, tzinfo=UTC))
    assert [one.partition for one in after.sightings] == ["2026-12-02"]


@pytest.mark.parametrize("wrong", [{"cron": "often"}, {"cron": "0 6 * * *", "timezone": "Mars/B"}])
def test_a_time_that_never_comes_is_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Time(TimeConfig(**wrong), Outside())
