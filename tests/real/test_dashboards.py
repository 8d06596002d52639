"""Every query of every dashboard and rule is answered by a real Prometheus that scrapes a real hub."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from dashboards import GENERATED
from dashboards.asking import Asking, choose, panels_of, plain
from dashboards.preview import picture
from dashboards.prometheus import alerts, recording
from tests.support.channels.server import FakeChannel, Reply, Request
from tests.support.feeder import feed
from tests.support.hub_process import HubProcess
from tests.support.ports import free_port

PROMETHEUS = shutil.which("prometheus") or ""
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not PROMETHEUS, reason="Debian's prometheus is not installed"),
]
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(GENERATED.glob("*.json"))}
#: What is watched: jobs by name, a target that is told, an orchestrator that does not answer.
CONFIG = """
job_metrics: [{namespace: af-prod}, {namespace: "dagster://analytics"}]
allowed_networks: ["127.0.0.0/8"]
targets: [{name: chat, kind: webhook, settings: {url: "env:HOOK_URL", secrets: ["env:HOOK_SECRET"]}}]
teams: [{name: finance, targets: [chat]}, {name: ingest, targets: [chat]}, {name: ml, targets: [chat]}]
maintenance: [{name: move, begin: "2026-01-01T00:00:00Z", end: "2199-01-01T00:00:00Z", select: {team: ml, job: none}}]
orchestrators: [{name: away, kind: airflow, settings: {url: "http://127.0.0.1:1"}}]
subscriptions:
  - name: after-sales
    when: db/fed_finance
    launch: {orchestrator: away, namespace: af-prod, job: report}
  - name: after-all
    when: all(db/fed_finance, db/never)
    launch: {orchestrator: away, namespace: af-prod, job: report}
sensors:
  - name: flag
    kind: time
    every_s: 2
    dataset: {namespace: outside, name: flag}
    settings: {cron: "* * * * *"}
"""
SCRAPE = """
global: {{scrape_interval: 2s, evaluation_interval: 2s}}
rule_files: ["{rules}/*.yaml"]
scrape_configs: [{{job_name: trackside, static_configs: [{{targets: ["{target}"]}}]}}]
"""
#: Queries of panels that show nothing here, and why.
WITHOUT = {
    ("trackside-incidents", "Notifications in 7 days"): "measured every five minutes only",
    ("trackside-incidents", "Acknowledged"): "as above",
    ("trackside-incidents", "Over by themselves"): "as above",
    (
        "trackside-job",
        "Its runs in the time that is shown",
    ): "asked by test_dashboards_ask_the_store",
    ("trackside-hub", "What is not told"): "the world is small: every metric has room",
}
#: Recorded series without a value here, and why.
UNRECORDED: dict[str, str] = {}
#: What an expression says in place of itself.
STAND_IN = re.compile(r" or (?:0 \* max\(\w+\{[^}]*\}(?: == 1)?\)|vector\(0\))$")
FED_S = 60.0


class Demo(HubProcess):
    """`trackside demo` instead of `trackside serve`."""

    def start(self, seconds: float = 300) -> Self:
        self._command[self._command.index("serve")] = "demo"
        return super().start(seconds)


class Hook(FakeChannel):
    def answer(self, request: Request) -> Reply:
        return Reply(200)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    folder: Path = tmp_path_factory.mktemp("shown")
    with Hook() as hook:
        config = folder / "trackside.yaml"
        config.write_text(CONFIG)
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        environment = {"HOOK_URL": f"{hook.url}/hook", "HOOK_SECRET": secret}
        arguments = ("--weeks", "1", "--config", str(config))
        with Demo(folder, *arguments, environment=environment) as hub:
            told = SCRAPE.format(rules=_rules(folder), target=hub.url.removeprefix("http://"))
            (folder / "prometheus.yml").write_text(told)
            url = f"http://127.0.0.1:{free_port()}"
            server = subprocess.Popen(
                [
                    PROMETHEUS, f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/tsdb",
                    f"--web.listen-address={url.removeprefix('http://')}",
                ],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                _is_ready(url)
                feeding = threading.Thread(target=feed, args=(hub.url, FED_S, "away"))
                feeding.start()
                _ask_the_gate(hub.url)
                feeding.join()
                _is_recorded(url)
                end = time.time()
                chosen = choose(one_namespace="dagster://analytics", one_job="web_sessions")
                yield Asking(url, hub.url, end - 60, end, 2, chosen)
            finally:
                server.terminate()
                server.wait(30)


def _rules(folder: Path) -> Path:
    """Evaluated as often as is scraped: nobody waits here for minutes."""
    made = folder / "rules"
    made.mkdir()
    for path in GENERATED.glob("*.yaml"):
        (made / path.name).write_text(path.read_text().replace("interval: 1m", "interval: 2s"))
    return made


def _ask_the_gate(hub: str) -> None:
    for _ in range(int(FED_S / 5)):
        httpx.get(f"{hub}/api/v1/namespaces/db/datasets/fed_finance/gate", timeout=30)
        time.sleep(4)


def _is_recorded(url: str) -> None:
    """Rules are evaluated in their own time, and tell nothing before counters have moved."""
    for _ in range(120):
        asked = {"query": "namespace_job_team:trackside_budget_left:ratio_28d"}
        told = httpx.get(f"{url}/api/v1/query", params=asked, timeout=30).json()
        if told["data"]["result"]:
            return
        time.sleep(1)
    raise AssertionError("no rule has recorded anything")


def _is_ready(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(f"{url}/-/ready").is_success:
                return
        except httpx.ConnectError:
            pass
        time.sleep(0.1)
    raise AssertionError("Prometheus does not start")


@pytest.mark.parametrize("name", BOARDS)
def test_each_panel_is_answered_or_it_is_known_why_not(name: str, asking: Asking) -> None:
    answers = [asking.answer(panel) for panel in panels_of(BOARDS[name])]
    assert [(one.title, one.error) for one in answers if one.error] == []
    silent = {
        (name, panel["title"])
        for panel in panels_of(BOARDS[name])
        for target in panel["targets"]
        if "expr" in target and not _tells(asking, target["expr"])
    }
    silent |= {(name, one.title) for one in answers if one.silent}
    assert silent == {key for key in WITHOUT if key[0] == name}
    drawn = picture(BOARDS[name], answers, asking.end)
    assert drawn.startswith("<svg ")


def _tells(asking: Asking, expr: str) -> bool:
    """Whether the expression itself, and not what stands in for it, told anything lately."""
    told = asking.ask(STAND_IN.sub("", expr), instant=False)
    assert told["status"] == "success", (expr, told)
    return bool(told["data"]["result"])


@pytest.mark.parametrize("name", BOARDS)
def test_what_is_marked_over_all_panels_is_answered(name: str, asking: Asking) -> None:
    for one in BOARDS[name]["annotations"]["list"]:
        told = asking.ask(one["expr"], instant=False)
        assert told["data"]["result"], one["name"]


def test_each_recorded_series_has_values_or_it_is_known_why_not(asking: Asking) -> None:
    names = {rule["record"] for rule in recording.rules()}
    silent = {name for name in names if not asking.ask(name, instant=True)["data"]["result"]}
    assert silent == UNRECORDED.keys()


def test_each_rule_is_evaluated_without_an_error(asking: Asking) -> None:
    told = httpx.get(f"{asking.prometheus}/api/v1/rules", timeout=30).json()["data"]["groups"]
    rules = {one["name"]: one for group in told for one in group["rules"]}
    wanted = {rule["record"] for rule in recording.rules()} | {one.name for one in alerts.every()}
    assert rules.keys() == wanted
    assert {name: one["lastError"] for name, one in rules.items() if one["health"] != "ok"} == {}


def test_before_any_hub_was_there_no_number_says_that_all_is_well(asking: Asking) -> None:
    long_ago = replace(asking, end=asking.begin - 86_400)
    shown: dict[tuple[str, str], float] = {}
    for name, board in BOARDS.items():
        for panel in panels_of(board):
            if panel["type"] == "stat":
                answer = long_ago.answer(panel)
                shown.update(((name, answer.title), points[-1][1]) for _, points in answer.series)
    assert shown == {("trackside-overview", "Hub"): 0, ("trackside-overview", "Replicas"): 0}


def test_every_variable_has_values(asking: Asking) -> None:
    asked = {
        variable["query"]
        for board in BOARDS.values()
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    }
    assert len(asked) >= 6
    for query in asked:
        selector, label = query.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
        selector = plain(selector, asking.chosen)
        told: Any = httpx.get(
            f"{asking.prometheus}/api/v1/label/{label}/values", params={"match[]": selector}
        ).json()
        assert told["data"], query


def test_no_alert_fires_for_a_hub_that_is_well(asking: Asking) -> None:
    told = httpx.get(f"{asking.prometheus}/api/v1/alerts").json()["data"]["alerts"]
    fired = {one["labels"]["alertname"] for one in told if one["state"] == "firing"}
    # those who wait for minutes before they are raised, too
    assert {
        one["labels"]["alertname"] for one in told if one["labels"]["severity"] == "critical"
    } == set()
    # of what was fed, and of an orchestrator that is away
    assert fired <= {"TracksideDeadLetters", "TracksideGaveUpLaunching", "TracksideLaunchesLate"}
