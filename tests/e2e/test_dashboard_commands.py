"""`trackside dashboards export|push|diff`, as a person types them, into a Grafana that is strict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest
import yaml

from dashboards.provision import boards
from tests.support.channels.server import FakeChannel, Reply, Request
from tests.support.fake_grafana import TOKEN, FakeGrafana
from tests.support.hub_process import trackside

UID = "trackside-overview"


class Served(FakeChannel):
    """A Grafana that listens."""

    def __init__(self) -> None:
        super().__init__()
        self.grafana = FakeGrafana()

    def answer(self, request: Request) -> Reply:
        url = f"{self.url}{request.path}"
        asked = httpx.Request(
            request.method, url, headers=request.headers, content=request.body, params=request.query
        )
        told = self.grafana.transport.handle_request(asked)
        return Reply(told.status_code, json.loads(told.content))


@pytest.fixture
def grafana() -> Iterator[Served]:
    with Served() as served:
        yield served


def dashboards(
    verb: str, grafana: Served, folder: Path, *more: str, token: str = TOKEN
) -> CompletedProcess[str]:
    there = ("--grafana", grafana.url)
    environment = {"GRAFANA_TOKEN": token, "HUB_TOKEN": "tsk_hunter2", "COLUMNS": "200"}
    return trackside("dashboards", verb, *there, *more, folder=folder, environment=environment)


def test_what_is_pushed_is_no_difference_and_what_a_person_changed_is_kept(
    grafana: Served, tmp_path: Path
) -> None:
    before = dashboards("diff", grafana, tmp_path)
    assert (before.returncode, before.stderr) == (1, "")
    assert f"+++ trackside/{UID}" in before.stdout

    pushed = dashboards("push", grafana, tmp_path)
    assert (pushed.returncode, pushed.stderr) == (0, "")
    assert pushed.stdout.count("created") == len(boards())
    assert (dashboards("diff", grafana, tmp_path).stdout) == ""
    assert dashboards("push", grafana, tmp_path).stdout.count("unchanged") == len(boards())

    grafana.grafana.edit(UID, title="Mine")
    kept = dashboards("push", grafana, tmp_path)
    assert kept.returncode == 1
    assert "kept, for a person has changed it" in kept.stdout
    told = dashboards("diff", grafana, tmp_path)
    assert (told.returncode, '-  "title": "Mine",' in told.stdout) == (1, True)
    assert dashboards("push", grafana, tmp_path, "--force").returncode == 0
    assert grafana.grafana.board(UID)["title"] == "Trackside / Overview"


SOURCES = (
    "--prometheus", "http://prometheus:9090", "--hub", "http://hub:8080",
    "--hub-token", "env:HUB_TOKEN",
)  # fmt: skip


def test_data_sources_are_pushed_once_and_one_that_a_person_changed_is_kept(
    grafana: Served, tmp_path: Path
) -> None:
    before = dashboards("diff", grafana, tmp_path, *SOURCES)
    assert before.returncode == 1
    assert "data source trackside-hub-api: would be created" in before.stdout
    pushed = dashboards("push", grafana, tmp_path, *SOURCES)
    assert (pushed.returncode, pushed.stderr) == (0, "")
    assert "tsk_hunter2" not in pushed.stdout
    assert grafana.grafana.secrets["trackside-hub-api"] == {"bearerToken": "tsk_hunter2"}
    assert dashboards("diff", grafana, tmp_path, *SOURCES).stdout == ""
    grafana.grafana.edit_source("trackside-hub-api", url="http://other:8080")
    kept = dashboards("push", grafana, tmp_path, *SOURCES)
    assert (kept.returncode, kept.stdout.count("kept, for a person")) == (1, 1)
    assert dashboards("push", grafana, tmp_path, *SOURCES, "--force").returncode == 0
    assert grafana.grafana.sources["trackside-hub-api"]["url"] == "http://hub:8080"


def test_an_export_names_data_sources_and_what_grafana_finds_the_token_by(tmp_path: Path) -> None:
    arguments = ("dashboards", "export", "out", *SOURCES)
    found = trackside(*arguments, folder=tmp_path, environment={"HUB_TOKEN": "tsk_hunter2"})
    assert found.returncode == 0, found.stderr
    text = (tmp_path / "out" / "provisioning" / "datasources" / "trackside.yaml").read_text()
    assert "$__env{HUB_TOKEN}" in text
    assert "hunter2" not in text
    refused = trackside(*arguments[:-1], "vault:a/b#c", folder=tmp_path)
    assert refused.returncode != 0
    assert "Grafana can't read vault: references" in refused.stderr


def test_a_token_that_is_wrong_or_missing_is_told_without_it(
    grafana: Served, tmp_path: Path
) -> None:
    refused = dashboards("push", grafana, tmp_path, token="glsa_wrong")
    assert refused.returncode != 0
    assert "the token is not known there" in refused.stderr
    assert "glsa_wrong" not in refused.stdout + refused.stderr
    missing = dashboards("push", grafana, tmp_path, "--token", "env:NOT_SET")
    assert missing.returncode != 0
    assert "env:NOT_SET is not set" in missing.stderr


def test_an_export_in_v2_with_contact_points(tmp_path: Path) -> None:
    (tmp_path / "trackside.yaml").write_text(
        """\
targets:
  - {name: chat, kind: slack, settings: {token: "env:SLACK_TOKEN", channel: "#data"}}
  - {name: hook, kind: webhook, settings: {url: "env:HOOK_URL", secrets: ["env:HOOK_SECRET"]}}
"""
    )
    arguments = ("dashboards", "export", "out", "--schema", "v2", "--contact-points")
    found = trackside(*arguments, folder=tmp_path, environment={"SLACK_TOKEN": "xoxb-hunter2"})
    assert found.returncode == 0, found.stderr
    assert "not a contact point: hook (Grafana speaks to no target of the kind webhook)" in (
        " ".join(found.stderr.split())
    )
    made = json.loads((tmp_path / "out" / "dashboards" / f"{UID}.json").read_text())
    assert (made["apiVersion"], made["metadata"]["name"]) == ("dashboard.grafana.app/v2", UID)
    points = (tmp_path / "out" / "provisioning" / "alerting" / "trackside.yaml").read_text()
    assert yaml.safe_load(points)["contactPoints"][0]["name"] == "Trackside chat"
    assert "$__env{SLACK_TOKEN}" in points
    assert "hunter2" not in points + found.stdout + found.stderr


@pytest.mark.parametrize("schema", ["classic", "v2"])
def test_a_second_export_writes_the_same(schema: str, tmp_path: Path) -> None:
    arguments = ("dashboards", "export", "out", "--schema", schema)

    def exported() -> dict[str, str]:
        assert trackside(*arguments, folder=tmp_path).returncode == 0
        files = (tmp_path / "out").rglob("*.*")
        return {str(path): path.read_text() for path in files if path.is_file()}

    assert exported() == exported()
