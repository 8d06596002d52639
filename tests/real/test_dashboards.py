"""Every panel of every dashboard is answered by a real Prometheus that scrapes a real hub."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from dashboards import GENERATED
from dashboards.asking import Asking, panels_of
from dashboards.preview import picture
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
job_metrics: [{namespace: af-prod}]
allowed_networks: ["127.0.0.0/8"]
targets: [{name: chat, kind: webhook, settings: {url: "env:HOOK_URL", secrets: ["env:HOOK_SECRET"]}}]
teams: [{name: finance, targets: [chat]}, {name: ingest, targets: [chat]}, {name: ml, targets: [chat]}]
orchestrators: [{name: away, kind: airflow, settings: {url: "http://127.0.0.1:1"}}]
subscriptions:
  - name: after-sales
    when: db/fed_finance
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
#: Panels that show nothing here, and why.
WITHOUT = {
    ("trackside-overview", "Watermark"): "nobody hands in a watermark in the made-up world",
    ("trackside-orchestrators", "Watermark"): "as above",
    ("trackside-incidents", "Notifications in 7 days"): "measured every five minutes only",
    ("trackside-incidents", "Acknowledged"): "as above",
    ("trackside-incidents", "Over by themselves"): "as above",
    ("trackside-triggers", "Given up"): "a launch is tried for hours before it is given up",
    ("trackside-hub", "What is not told"): "the world is small: every metric has room",
}
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
            rules = SCRAPE.format(rules=GENERATED, target=hub.url.removeprefix("http://"))
            (folder / "prometheus.yml").write_text(rules)
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
                feeding = threading.Thread(target=feed, args=(hub.url, FED_S))
                feeding.start()
                _ask_the_gate(hub.url)
                feeding.join()
                end = time.time()
                yield Asking(url, hub.url, end - 60, end, 2)
            finally:
                server.terminate()
                server.wait(30)


def _ask_the_gate(hub: str) -> None:
    for _ in range(int(FED_S / 5)):
        httpx.get(f"{hub}/api/v1/namespaces/db/datasets/fed_finance/gate", timeout=30)
        time.sleep(4)


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
    empty = {(name, one.title) for one in answers if one.empty}
    assert empty == {key for key in WITHOUT if key[0] == name}
    drawn = picture(BOARDS[name], answers, asking.end)
    assert drawn.startswith("<svg ")


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
        selector = selector.replace("$job_namespace", ".*").replace("$job", ".*")
        told: Any = httpx.get(
            f"{asking.prometheus}/api/v1/label/{label}/values", params={"match[]": selector}
        ).json()
        assert told["data"], query


def test_no_alert_fires_for_a_hub_that_is_well(asking: Asking) -> None:
    told = httpx.get(f"{asking.prometheus}/api/v1/alerts").json()["data"]["alerts"]
    fired = {one["labels"]["alertname"] for one in told if one["state"] == "firing"}
    assert fired <= {"TracksideDeadLetters"}  # of what was fed
