"""Dashboards come into a Grafana once, and what people changed there stays."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml

from dashboards import files, provision
from dashboards.provision import Fate, Grafana, boards, push
from hub.errors import ConfigError, Unavailable
from tests.support.fake_grafana import TOKEN, FakeGrafana

UID = "trackside-overview"


def opened(fake: FakeGrafana, token: str = TOKEN) -> Grafana:
    return Grafana("http://grafana.test/", token, transport=fake.transport)


@pytest.fixture(params=[False, True], ids=["grafana 11 and later", "grafana 10"])
def fake(request: pytest.FixtureRequest) -> FakeGrafana:
    return FakeGrafana(old=request.param)


def test_all_are_made_in_a_folder_and_a_second_push_writes_nothing(fake: FakeGrafana) -> None:
    assert set(push(opened(fake)).values()) == {Fate.CREATED}
    assert fake.folders == {"trackside": "Trackside"}
    assert fake.versions.keys() == boards().keys()
    fake.writes.clear()
    assert set(push(opened(fake)).values()) == {Fate.UNCHANGED}
    assert fake.writes == []


def test_what_a_person_changed_stays_until_it_is_forced(fake: FakeGrafana) -> None:
    push(opened(fake))
    fake.edit(UID, title="Mine")
    assert push(opened(fake))[UID] is Fate.KEPT
    assert fake.board(UID)["title"] == "Mine"
    assert push(opened(fake), force=True)[UID] is Fate.UPDATED
    assert fake.board(UID)["title"] == "Trackside / Overview"
    assert push(opened(fake))[UID] is Fate.UNCHANGED


def test_a_newer_release_takes_the_place_of_what_an_older_one_pushed(
    fake: FakeGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(opened(fake))
    newer = {uid: {**board, "description": "newer"} for uid, board in boards().items()}
    monkeypatch.setattr(provision, "boards", lambda: newer)
    assert set(push(opened(fake)).values()) == {Fate.UPDATED}
    assert fake.board(UID)["description"] == "newer"


def test_one_that_is_saved_while_it_is_pushed_is_not_overwritten(fake: FakeGrafana) -> None:
    push(opened(fake))
    grafana = opened(fake)
    found = grafana.found(UID)
    fake.edit(UID, title="Meanwhile")
    with pytest.raises(ConfigError, match="somebody saved it meanwhile"):
        grafana.save({**boards()[UID], "title": "New"}, "trackside", found, force=False)
    assert fake.board(UID)["title"] == "Meanwhile"


def test_only_looking_writes_nothing(fake: FakeGrafana) -> None:
    assert set(push(opened(fake), only_look=True).values()) == {Fate.CREATED}
    assert fake.writes == []


def test_the_difference_names_what_would_change(fake: FakeGrafana) -> None:
    push(opened(fake))
    board = boards()[UID]
    assert list(provision.difference(board, opened(fake).found(UID))) == []
    fake.edit(UID, title="Mine")
    lines = list(provision.difference(board, opened(fake).found(UID)))
    assert '-  "title": "Mine",' in lines
    assert '+  "title": "Trackside / Overview",' in lines


def test_a_wrong_token_and_a_grafana_that_is_away_say_so_without_the_token() -> None:
    with pytest.raises(ConfigError, match="the token is not known there") as refused:
        push(opened(FakeGrafana(), "glsa_wrong"))
    assert "glsa" not in str(refused.value)

    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    away = Grafana("http://grafana.test", TOKEN, transport=httpx.MockTransport(broken))
    with pytest.raises(Unavailable, match=r"no answer from http://grafana\.test"):
        push(away)


def test_files_for_provisioning_hold_every_dashboard_and_rule(tmp_path: Path) -> None:
    written = files.export(tmp_path, runbooks="https://wiki.test/books/", namespace="monitoring")
    names = {str(path.relative_to(tmp_path)) for path in written}
    assert {f"dashboards/{uid}.json" for uid in boards()} <= names
    assert {f"configmaps/{uid}.yaml" for uid in boards()} <= names
    rules = yaml.safe_load((tmp_path / "rules" / "alerts.yaml").read_text())
    books = {
        rule["annotations"]["runbook_url"] for group in rules["groups"] for rule in group["rules"]
    }
    assert "https://wiki.test/books/TracksideGone.md" in books
    made = yaml.safe_load((tmp_path / "configmaps" / f"{UID}.yaml").read_text())
    assert made["metadata"]["labels"] == {"grafana_dashboard": "1"}
    provider = yaml.safe_load((tmp_path / "provisioning/dashboards/trackside.yaml").read_text())
    assert provider["providers"][0]["folder"] == "Trackside"
