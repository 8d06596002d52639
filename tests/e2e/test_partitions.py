"""How partitions stand, over HTTP and at the command line."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub import cli
from hub.api.hub import Hub
from hub.commands import common, partitions
from hub.commands.client import Client
from hub.settings import Settings
from tests.support.build import START, Build, at, uuid_of

API = "/api/v1/namespaces"
DAY = 1440


def day(number: int) -> str:
    return f"{START + timedelta(days=number):%Y-%m-%d}"


@pytest.fixture
def world(hub: Hub) -> Build:
    """`load` has written 19 of 20 days of `mart/orders`, of `raw`; one is older than its input."""
    with hub.db.writing() as connection:
        build = Build(connection)
        job = build.job("load")
        raw, mart = build.dataset("raw"), build.dataset("mart/orders")
        build.reads(job, raw)
        build.writes(job, mart)
        for number in range(20):
            if number != 4:
                when = (number + 1) * DAY
                run = build.run(
                    job, start=when - 5, end=when, partition_key=day(number),
                    uuid=uuid_of(number + 1),
                )  # fmt: skip
                build.update(mart, run, when=when, partition_key=day(number), rows=7)
        build.update(raw, when=25 * DAY, partition_key=day(2))
        return build


def get(client: TestClient, path: str, **asked: Any) -> dict[str, Any]:
    answer = client.get(f"{API}/{path}", params=asked)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


ORDERS = "db/datasets/mart%2Forders/partitions"
BOUNDS = {"from": at(-DAY).isoformat(), "to": at(20 * DAY - 360).isoformat()}


def test_a_dataset_shows_how_each_partition_stands_and_why(
    client: TestClient, world: Build
) -> None:
    told = get(client, ORDERS, **BOUNDS)
    assert told["counts"] == {"complete": 18, "failed": 0, "running": 0, "missing": 1, "stale": 1}
    assert (told["every"], told["timezone"], told["truncated"]) == ("day", "UTC", False)
    by_key = {one["partition"]: one for one in told["partitions"]}
    assert list(by_key) == [day(n) for n in reversed(range(20))]
    stale = by_key[day(2)]
    assert (stale["status"], stale["rows"], stale["updates"]) == ("stale", 7, 1)
    assert stale["run"] == {
        "runId": str(uuid_of(3)),
        "job": {"namespace": "ns", "name": "load"},
        "attempt": 1,
        "state": "COMPLETED",
    }
    (newer,) = stale["stale"]
    assert newer["dataset"] == {"namespace": "db", "name": "raw"}
    assert newer["partition"] == day(2)
    missing = by_key[day(4)]
    assert (missing["status"], missing["run"], missing["keys"]) == ("missing", None, [])


def test_some_of_them_page_by_page(client: TestClient, world: Build) -> None:
    asked = {**BOUNDS, "status": ["complete", "missing"], "limit": 10}
    first = get(client, ORDERS, **asked)
    second = get(client, ORDERS, **asked, cursor=first["nextCursor"])
    keys = [one["partition"] for one in (*first["partitions"], *second["partitions"])]
    assert keys == [day(n) for n in reversed(range(20)) if n != 2]
    assert (first["totalCount"], second["nextCursor"]) == (19, None)


def test_a_job_shows_the_partitions_that_its_runs_are_for(client: TestClient, world: Build) -> None:
    told = get(client, "ns/jobs/load/partitions", **BOUNDS)
    assert told["counts"]["stale"] == 1
    assert told["counts"]["missing"] == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"timezone": "Mars"}, "a time zone such as Europe/Berlin"),
        ({"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "a time after `from`"),
        ({"every": "fortnight"}, "every"),
        ({"status": "late"}, "status"),
        ({"cursor": "nonsense"}, "the nextCursor of an earlier answer"),
    ],
)
def test_nonsense_is_refused(
    client: TestClient, world: Build, asked: dict[str, str], said: str
) -> None:
    answer = client.get(f"{API}/{ORDERS}", params=asked)
    assert answer.status_code in {400, 422}
    assert said in answer.text


def test_what_is_not_there_is_not_found(client: TestClient, world: Build) -> None:
    assert client.get(f"{API}/db/datasets/none/partitions").status_code == 404
    assert client.get(f"{API}/ns/jobs/none/partitions").status_code == 404


class Kept(Client):
    """Stays open from one command to the next."""

    def __exit__(self, *_: object) -> None:
        pass


def test_the_command_line_finds_them_by_name(
    client: TestClient,
    world: Build,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def hub_at_work(_: Settings) -> Client:
        asked = Kept("http://127.0.0.1:8080", None)
        monkeypatch.setattr(asked, "_http", client)
        return asked

    monkeypatch.setattr(partitions, "hub_at_work", hub_at_work)
    monkeypatch.setattr(common.out, "width", 200)

    def run(*words: str) -> str:
        bounds = [word for name, at_ in BOUNDS.items() for word in (f"--{name}", at_)]
        monkeypatch.setattr(sys, "argv", ["trackside", "partitions", *words, *bounds])
        with pytest.raises(SystemExit):
            cli.main()
        told = capsys.readouterr()
        return told.out + told.err

    told = run("mart/orders", "--limit", "19")
    assert "18 complete, 1 missing, 1 stale; one every day" in told
    assert f"raw {day(2)} came 2026-11-27 06:00 UTC" in told
    assert day(0) not in told
    assert "There are more" in told
    listed = run("load", "--job", "--status", "missing")
    assert [line.split()[0] for line in listed.splitlines()[1:2]] == [day(4)]
    assert "There is not one dataset 'nothing' but none" in run("nothing")
    assert '"missing": 1' in run("mart/orders", "--namespace", "db", "--json")
