"""`trackside checks import` beside a real hub that goes away and comes back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.hub_process import HubProcess, trackside
from tests.support.ports import free_port

pytestmark = pytest.mark.timeout(300)

FILES = Path(__file__).parents[1] / "answers" / "quality"
SODA = str(FILES / "soda_scan.json")
NAMED = ("--namespace", "duckdb://shop.duckdb")


class Place:
    """A hub on a port that it keeps, and a project whose results are told to it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        told = {"TRACKSIDE_DATABASE_URL": database_url}
        self.folder = folder
        self.hub = HubProcess(folder, "--port", str(free_port()), environment=told)
        self.spool = folder / "spool"
        self.target = folder / "target"
        self.target.mkdir()
        for name in ("manifest", "run_results", "sources"):
            (self.target / f"{name}.json").write_bytes((FILES / f"dbt_{name}.json").read_bytes())

    def tell(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        told = {"TRACKSIDE_URL": self.hub.url, "TRACKSIDE_SPOOL": str(self.spool)}
        return trackside("checks", "import", *arguments, folder=self.folder, environment=told)

    def kept(self) -> list[str]:
        return sorted(file.suffix for file in self.spool.rglob("*.*json"))

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.hub.url}/api/v1{path}", timeout=60).json()

    def events(self) -> int:
        return int(self.get("/events/lineage")["totalCount"])


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    place = Place(tmp_path, database_url)
    with place.hub:
        yield place


def test_artifacts_are_told_once_however_often_they_are_imported(place: Place) -> None:
    first = place.tell("dbt", "target", *NAMED)
    assert (first.returncode, first.stdout) == (0, "7 checks, 2 failed, in 20 lineage events\n")
    before = place.events()
    assert before > 0
    assert place.tell("dbt", "target", *NAMED).returncode == 0
    assert place.events() == before
    assert place.kept() == []


def test_what_a_hub_that_is_away_could_not_take_is_sent_by_the_next_call(place: Place) -> None:
    place.hub.process.kill()
    place.hub.process.wait()
    away = place.tell("dbt", "target", *NAMED)
    assert away.returncode == 3, away.stderr
    assert "kept on disk" in away.stderr
    assert place.kept() == [".json", ".ndjson"]
    place.hub.start()
    assert place.tell("soda", SODA, "--namespace", "db").returncode == 0
    assert place.kept() == []
    names = {job["name"] for job in place.get("/namespaces/dbt/jobs?limit=100")["jobs"]}
    assert "shop.main.shop.orders.build.test" in names
    path = "/gates/duckdb%3A%2F%2Fshop.duckdb%3Ashop.main.events"
    assert "by its policy (at most 1 d old)" in str(place.get(path))


def test_a_dry_run_shows_the_checks_and_sends_nothing(place: Place) -> None:
    told = ("soda", SODA, "--namespace", "db", "--dataset", "shop.{table}", "--partition", "p")
    shown = place.tell(*told, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert (
        "FAILED  db:shop.orders [p] duplicate_count(id) = 0 of column id: "
        "1 found, not > 0, not < 0 expected"
    ) in shown.stdout
    assert "7 checks, 5 failed" in shown.stdout
    assert place.events() == 0


def test_the_profile_tells_the_namespace(place: Place) -> None:
    args = {"project_dir": str(place.folder), "profile": "shop", "which": "build"}
    file = place.target / "run_results.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"args": args}))
    output = "{type: postgres, host: dwh, port: 5432, password: hunter2}"
    (place.folder / "profiles.yml").write_text(f"shop: {{target: a, outputs: {{a: {output}}}}}")
    shown = place.tell("dbt", "target", "--dry-run")
    assert "postgres://dwh:5432:shop.main.orders unique_orders_id" in shown.stdout
    assert "hunter2" not in shown.stdout + shown.stderr


def test_a_file_that_can_not_be_understood_is_told_by_its_path(place: Place) -> None:
    wrong = place.folder / "wrong.json"
    wrong.write_text('{"scanStartTimestamp": 3}')
    told = place.tell("soda", str(wrong), "--namespace", "db")
    assert told.returncode == 1
    assert f"{wrong}: $.scanStartTimestamp: expected string, found 3" in told.stderr
    assert place.tell("soda", SODA).returncode == 1
    assert place.tell("other", SODA).returncode == 2
