"""What is a private team's is on no page that a stranger opens, and no stranger does anything to it.

Everything private has a name that begins with `hush`; beside it is what everybody may see.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from hub.access import Scope
from hub.api.hub import Hub
from hub.main import running
from hub.settings import Settings
from hub.store.access import put_team
from hub.web.app import create_site
from tests.support.pages import ENGINE, eventually, send, shown, signed_in, subscribe, wrote
from tests.support.recording import run_event

OWNED: Final = {"ownership": {"owners": [{"name": "team:hush-team"}]}}
JOB: Final = {"namespace": "jobs", "name": "hush-load"}
DATASET: Final = {"namespace": "db", "name": "hush-data"}
DAYS: Final = {"first": "2026-11-05", "last": "2026-11-12"}
HUSH_JOB, HUSH_DATA = "job:jobs:hush-load", "dataset:db:hush-data"
OPEN: Final = "dataset:db:open"

#: Pages that are there for everybody.
LISTS: Final = (
    "", "incidents", "incidents?open=true", "jobs", "jobs?team=hush-team", "datasets", "triggers",
    "launches", "backfills", "teams", "rules", "rule?name=failed-run", "quality", "advice",
    "settings", "silences", "maintenance", "orchestrators", "search?q=load", "search?q=data",
)  # fmt: skip


class World:
    """What is private and what is not, who may see it, and who may not."""

    def __init__(self, hub: Hub) -> None:
        site = create_site(hub)
        self.admin = signed_in(hub, site, Scope.ADMIN)
        self.owner = signed_in(hub, site, Scope.READ, team="hush-team")
        able = (Scope.READ, Scope.OPERATE, Scope.TRIGGER)
        self.stranger = signed_in(hub, site, *able, team="sales")
        hub.writer.call(lambda c: put_team(c, "hush-team", private=True, now=datetime.now(UTC)))
        self._play()
        self.pages = self._pages()

    def _play(self) -> None:
        """A private job makes private data of what is open, and one that anybody sees reads it."""
        hushed: dict[str, Any] = {"job": "hush-load", "namespace": "jobs", "job_facets": OWNED}
        send(self.admin, *wrote(90, "open", job="make", namespace="jobs"))
        for day in range(1, 12):
            told = wrote(day, "hush-data", day=day, inputs=["open"], facets=OWNED, **hushed)
            send(self.admin, *told)
        send(self.admin, *wrote(91, "result", job="mart", namespace="jobs", inputs=["hush-data"]))
        error = {"errorMessage": {"message": "hush-error", "programmingLanguage": "python"}}
        for kind in ("START", "FAIL"):
            event = run_event(kind, 0, 50, run_facets=error, **hushed)
            other = run_event(kind, 0, 51, job="mart", namespace="jobs")
            for each in (event, other):
                send(self.admin, each | {"eventTime": datetime.now(UTC).isoformat()})
        subscribe(self.admin, "db/open", team="hush-team", description="hush-wish")
        send(self.admin, *wrote(92, "open", job="make", namespace="jobs"))
        asked = {"dataset": DATASET, "from": DAYS["first"], "to": DAYS["last"]}
        answer = self.admin.post("/api/v1/backfills", json=asked | {"team": "hush-team"})
        assert answer.status_code < 300, answer.text
        self.backfill = answer.json()["id"]

    def _pages(self) -> dict[str, str]:
        """The address of each thing's page, by what it is."""
        self.incident = self._of("incidents", "hush-load")
        self.open_incident = self._of("incidents", "mart")
        self.launch = self._of("launches", "mart")
        path = "/api/v1/namespaces/jobs/jobs/hush-load"
        run = self.admin.get(path).json()["latestRun"]["id"]
        return {
            "job": f"job?{urlencode(JOB)}",
            "run": f"run?id={run}",
            "log of a run": f"run-log?id={run}",
            "dataset": f"dataset?{urlencode(DATASET)}",
            "incident": f"incident?id={self.incident}",
            "launch": f"launch?id={self.launch}",
            "backfill": f"backfill?id={self.backfill}",
            "backfill's plan": f"backfill-plan?{urlencode(DATASET | DAYS)}",
            "subscription": "subscription?name=mart",
            "subscription's editor": "subscription-edit?name=mart",
            "team": "team?name=hush-team",
            "lineage of a job": f"lineage?node={HUSH_JOB}",
            "lineage of a dataset": f"lineage?node={HUSH_DATA}",
            "graph of a job": f"lineage-graph?node={HUSH_JOB}",
            "graph of a dataset": f"lineage-graph?node={HUSH_DATA}",
            "graph with a node open": f"lineage-graph?node={OPEN}&open={HUSH_DATA}",
            "way to a dataset": f"lineage-graph?node={OPEN}&to={HUSH_DATA}",
        }

    def _of(self, noun: str, job: str) -> int:
        """The number of the incident or launch of a job, once it is there."""

        def look() -> list[int]:
            listed = self.admin.get(f"/api/v1/{noun}").json()[noun]
            return [one["id"] for one in listed if one["job"]["name"] == job]

        return int(eventually(look)[0])


THINGS: Final = (
    "job", "run", "log of a run", "dataset", "incident", "launch", "backfill", "backfill's plan",
    "subscription", "subscription's editor", "team", "lineage of a job", "lineage of a dataset",
    "graph of a job", "graph of a dataset", "graph with a node open", "way to a dataset",
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("others")
    settings = Settings(
        database_url=f"sqlite:///{folder}/hub.db",
        orchestrators=[ENGINE],
        grants=[{"team": "hush-team", "orchestrator": "engine", "job": "*"}],
    )
    with running(settings) as hub:
        yield World(hub)


@pytest.mark.parametrize("thing", THINGS)
def test_what_is_private_is_not_there_for_a_stranger(world: World, thing: str) -> None:
    place = world.pages[thing]
    assert shown(world.admin, place), "for who may see it, it is there"
    text = shown(world.stranger, place, 404)
    assert "hush-error" not in text
    assert "hush-wish" not in text


@pytest.mark.parametrize("page", LISTS)
def test_no_list_tells_a_stranger_of_what_is_private(world: World, page: str) -> None:
    text = shown(world.stranger, page).replace("team=hush-team", "").replace('"hush-team"', "")
    assert "hush" not in text


def test_there_is_something_to_be_hidden_on_each_list_that_can_hold_it(world: World) -> None:
    for page in ("incidents", "jobs", "datasets", "teams", "backfills", "search?q=load"):
        assert "hush" in shown(world.owner, page), page


NEIGHBOURS: Final[dict[str, Callable[[World], str]]] = {
    "what it reads": lambda _: "dataset?namespace=db&name=open",
    "what is made of it": lambda _: "dataset?namespace=db&name=result",
    "who reads it": lambda _: "job?namespace=jobs&name=mart",
    "an incident behind it": lambda world: f"incident?id={world.open_incident}",
    "the graph before it": lambda _: f"lineage-graph?node={OPEN}&down=9",
    "the graph behind it": lambda _: "lineage-graph?node=job:jobs:mart&up=9",
    "the lineage page": lambda _: f"lineage?node={OPEN}&down=9",
}


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_its_neighbours_do_not_tell_of_it(world: World, neighbour: str) -> None:
    place = NEIGHBOURS[neighbour](world)
    assert "hush" in shown(world.owner, place) or neighbour == "the lineage page"
    assert "hush" not in shown(world.stranger, place)


def test_the_graph_that_its_owner_sees_goes_through_it(world: World) -> None:
    told = json.loads(shown(world.owner, f"lineage-graph?node={OPEN}&down=9"))
    assert {"hush-load", "hush-data", "mart"} <= {node["name"] for node in told["nodes"]}


ACTS: Final[dict[str, Callable[[World], tuple[str, dict[str, str]]]]] = {
    "incident": lambda w: (f"incident?id={w.incident}", {"say": "acknowledge"}),
    "share": lambda w: (f"share?id={w.incident}", {}),
    "launch": lambda w: (f"launch?id={w.launch}", {"say": "cancel"}),
    "backfill": lambda w: (f"backfill?id={w.backfill}", {"say": "cancel"}),
    "backfills": lambda _: ("backfills", DATASET | DAYS),
    "subscription": lambda _: ("subscription?name=mart", {"say": "remove"}),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_stranger_who_may_act_does_nothing_to_it(world: World, act: str) -> None:
    place, form = ACTS[act](world)
    answer: Any = world.stranger.post(f"/{place}", data=form)
    assert answer.status_code in (403, 404), answer.text
    assert "hush-error" not in answer.text


def test_a_stranger_starts_no_run_of_it(world: World) -> None:
    form = {"orchestrator": "engine", "namespace": "jobs", "name": "hush-load"}
    answer: Any = world.stranger.post("/launches", data=form)
    assert answer.status_code in (403, 404), answer.text
