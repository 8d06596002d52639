"""Backfills over HTTP: planned, run by two engines, paused, cancelled, tried again; and who may."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from hub import cli, tokens
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.commands import backfills as commands
from hub.commands import common
from hub.commands.client import Client
from hub.main import running
from hub.settings import Settings
from hub.store.access import NewToken, list_actions
from hub.store.reading import Page
from tests.support.backfills import Level, both

BASE = "http://127.0.0.1:8080"
ALL = "/api/v1/backfills"
MART = {"namespace": "db", "name": "mart"}
ASKED = {"dataset": MART, "from": "2026-10-01", "to": "2026-10-10"}
#: What reads what, and is written by which job of which engine.
LEVELS: tuple[Level, ...] = (("house", "load", None, "raw"), ("barn", "build", "raw", "mart"))
Speaker = Callable[..., TestClient]


@pytest.fixture(scope="module")
def module_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    file: Path = tmp_path_factory.mktemp("hub") / "a.db"
    settings = Settings.model_validate(
        {
            "database_url": f"sqlite:///{file}",
            "teams": [{"name": "ads"}, {"name": "hr", "private": True}],
            "grants": [{"team": "ads", "orchestrator": "house", "job": "load"}],
            "orchestrators": [
                {
                    "name": name,
                    "kind": "engine",
                    "namespaces": [name],
                    "settings": {"launch": "pull"},
                }
                for name in ("house", "barn")
            ],
        }
    )
    with running(settings) as hub:
        yield hub


@pytest.fixture(scope="module")
def speaker(module_hub: Hub) -> Speaker:
    """Somebody with a token."""

    def make(name: str, *scopes: str, **more: Any) -> TestClient:
        wanted = NewToken(name, scopes, namespaces=("house", "barn"), **more)
        issued = module_hub.writer.call(
            lambda it: tokens.issue(it, wanted, actor="test", now=datetime.now(UTC))
        )
        module_hub.authenticator.forget()
        headers = {"Authorization": f"Bearer {issued.text}"}
        return TestClient(create_app(module_hub), base_url=BASE, headers=headers)

    return make


@pytest.fixture(scope="module")
def ann(speaker: Speaker) -> TestClient:
    """An admin in whose world the first ten days of both levels are there, but for some."""
    ann = speaker("ann", "admin")
    for level, (engine, job, source, target) in enumerate(LEVELS):
        for day in range(1, 11):
            if day not in (3, 4 + level):
                run = str(UUID(int=(level + 1) * 1000 + day))
                at = datetime(2026, 10, 11, 10 + level, day, tzinfo=UTC)
                tell(ann, (engine, job, source, target), f"2026-10-{day:02}", run, at)
    return ann


def tell(who: TestClient, level: Level, day: str, run: str, at: datetime | None = None) -> None:
    """A run of one day begins and completes."""
    for told in both(level, day, run, at or datetime.now(UTC)):
        assert who.post("/api/v1/lineage", json=told).is_success


def test_a_plan_shows_what_would_run_in_which_order_and_why(ann: TestClient) -> None:
    answer = ann.post(f"{ALL}/plan", json=ASKED)
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    told = [
        (step["orchestrator"], step["job"]["name"], step["partition"], step["why"], step["after"])
        for step in plan["steps"]
    ]
    assert told == [
        ("house", "load", "2026-10-03", "missing", []),
        ("barn", "build", "2026-10-03", "missing", [1]),
        ("house", "load", "2026-10-04", "missing", []),
        ("barn", "build", "2026-10-04", "follows", [3]),
        ("barn", "build", "2026-10-05", "missing", []),
    ]
    assert plan["counts"] == {
        "failed": 0, "missing": 4, "stale": 0, "running": 0, "asked": 0, "follows": 1
    }  # fmt: skip
    mart, raw = plan["datasets"]
    assert (mart["dataset"]["name"], mart["level"], mart["every"]) == ("mart", 0, "day")
    assert (mart["wanted"], mart["complete"], mart["missing"], mart["steps"]) == (10, 8, 2, 3)
    assert (raw["wanted"], raw["missing"], raw["steps"]) == (10, 2, 2)
    told = plan["estimate"]
    assert (told["totalS"], [one["name"] for one in told["unknownJobs"]]) == (
        None,
        ["build", "load"],
    )
    assert ann.get(ALL).json()["backfills"] == []


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"dataset": {"namespace": "db", "name": "none"}}, 404, "not found"),
        ({"from": "yesterday"}, 400, "the key of a partition"),
        ({"to": "2026-09-01"}, 400, "does not begin before"),
        ({"to": None}, 422, "told together"),
        ({"partitions": ["2026-10-01"]}, 422, "not both"),
        ({"timezone": "Mars"}, 422, "a time zone such as Europe/Berlin"),
        ({"maxSteps": 2}, 400, "at least 5"),
        ({"concurrency": 0}, 422, "concurrency"),
        ({"mappings": [{"input": MART, "output": MART, "mapping": "hm"}]}, 422, "no mapping"),
        (
            {"mappings": [{"input": {"namespace": "x", "name": "y"}, "output": MART,
                           "mapping": "identity"}]},
            400,
            "a dataset that this backfill reaches",
        ),
    ],
)  # fmt: skip
def test_nonsense_is_refused(ann: TestClient, more: dict[str, Any], status: int, said: str) -> None:
    for path in (f"{ALL}/plan", ALL):
        answer = ann.post(path, json=ASKED | more)
        assert (answer.status_code in {status, 400}, said in answer.text) == (True, True), (
            answer.text
        )


def test_who_may_not_launch_a_job_sees_it_barred_and_runs_none_of_it(
    ann: TestClient, speaker: Speaker
) -> None:
    assert ann.get(ALL).is_success
    bob = speaker("bob", "read", "trigger", team="ads")
    plan = bob.post(f"{ALL}/plan", json=ASKED).json()
    barred = [step["barred"] for step in plan["steps"]]
    assert [one is None for one in barred] == [True, False, True, False, False]
    assert "team ads may not launch build of barn" in barred[1]
    carl = speaker("carl", "read", "trigger", team="hr")
    refused = carl.post(ALL, json=ASKED)
    assert refused.status_code == 409
    assert "nothing of it can be launched: team hr may not launch load" in refused.text
    reader = speaker("dora", "read")
    assert reader.post(f"{ALL}/plan", json=ASKED).status_code == 200
    assert reader.post(ALL, json=ASKED).status_code == 403
    complete = ann.post(ALL, json={"dataset": MART, "partitions": ["2026-10-01"]})
    assert complete.status_code == 409
    assert "all of it is complete" in complete.text


class Kept(Client):
    """Stays open from one command to the next."""

    def __exit__(self, *_: object) -> None:
        pass


Say = Callable[..., str]


@pytest.fixture
def say(
    ann: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Say:
    def hub_at_work(_: Settings) -> Client:
        asked = Kept(BASE, None)
        monkeypatch.setattr(asked, "_http", ann)
        return asked

    monkeypatch.setattr(commands, "hub_at_work", hub_at_work)
    monkeypatch.setattr(common.out, "width", 200)

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["trackside", "backfill", *words])
        with pytest.raises(SystemExit):
            cli.main()
        told = capsys.readouterr()
        return told.out + told.err

    return run


def test_two_engines_run_it_step_by_step_and_the_command_line_shows_it(
    ann: TestClient, speaker: Speaker, say: Say, module_hub: Hub
) -> None:
    planned = say("plan", "mart", "--from", "2026-10-01", "--to", "2026-10-10")
    assert "5 steps (4 missing, 1 follows)" in planned
    assert "how long it takes is unknown" in planned
    begun = say("run", "mart", "--from", "2026-10-01", "--to", "2026-10-10", "-m", "again")
    number = int(begun.split()[1])
    assert "0% of 5 steps" in begun
    assert f"backfill {number} is paused" in say("pause", str(number), "--why", "lunch")
    assert "paused by ann: lunch" in say("show", str(number))
    assert f"backfill {number} is running" in say("resume", str(number))

    engines = {name: speaker(name, "ingest", orchestrator=name) for name in ("house", "barn")}
    ran: list[tuple[str, str]] = []

    def work() -> bool:
        for level in LEVELS:
            name, job, *_ = level
            told = engines[name].get(f"/api/v1/launches/next?orchestrator={name}")
            if told.status_code == 200:
                launch = told.json()
                ran.append((job, launch["partition"]))
                place = f"/api/v1/launches/{launch['id']}/ack?orchestrator={name}"
                engines[name].post(place, json={"lease": launch["lease"]})
                tell(engines[name], level, launch["partition"], launch["runId"])
        return bool(ann.get(f"{ALL}/{number}").json()["backfill"]["state"] == "completed")

    until(work)
    assert sorted(ran) == [
        ("build", "2026-10-03"), ("build", "2026-10-04"), ("build", "2026-10-05"),
        ("load", "2026-10-03"), ("load", "2026-10-04"),
    ]  # fmt: skip
    shown = say("show", str(number))
    assert f"backfill {number} is completed: 100% of 5 steps (5 completed)" in shown
    assert "house:load" in shown
    assert "completed" in say("list", "--state", "completed")
    assert '"state": "completed"' in say("show", str(number), "--json")
    detail = ann.get(f"{ALL}/{number}", params={"limit": 2}).json()
    assert [one["no"] for one in detail["steps"]] == [1, 2]
    rest = ann.get(f"{ALL}/{number}", params={"cursor": detail["nextCursor"]}).json()
    assert [one["no"] for one in rest["steps"]] == [3, 4, 5]
    launch = ann.get(f"/api/v1/launches/{detail['steps'][0]['launchId']}").json()["launch"]
    assert launch["note"] == f"backfill {number}, step 1: again"
    assert launch["cause"] == {"backfill": number, "step": 1}
    listed = ann.get(ALL, params={"namespace": "db", "dataset": "mart"}).json()["backfills"]
    assert [one["id"] for one in listed] == [number]
    assert ann.post(f"{ALL}/{number}/cancel").status_code == 409
    with module_hub.db.reading() as connection:
        acts = {one.action for one in list_actions(connection, Page(limit=100)).items}
    assert {"backfill_asked", "backfill_paused", "backfill_resumed"} <= acts


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
