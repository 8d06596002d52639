"""`trackside targets|routes|deliveries|silences`, as a person types them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_process import HubProcess, event, trackside

CONFIG = """\
teams:
  - {name: sales, namespaces: [first], targets: [hook]}
targets:
  - name: hook
    kind: webhook
    team: sales
    settings: {url: "env:HOOK_URL", secrets: ["env:HOOK_SECRET"]}
routes:
  - {name: gold, match: {tag: gold}, to: [hook], group_wait_s: 0}
  - {name: rest, match: {namespace: first}, group_wait_s: 0}
"""
ENVIRONMENT = {"HOOK_URL": "http://10.255.255.1/", "HOOK_SECRET": "whsec_" + "A" * 43 + "="}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    folder = tmp_path_factory.mktemp("hub")
    (folder / "trackside.yaml").write_text(CONFIG)
    made = trackside("token", "create", "ada", "--scope", "admin", folder=folder)
    token = next(word for word in made.stdout.split() if word.startswith("tsk_"))
    environment = ENVIRONMENT | {"TRACKSIDE_TOKEN": token, "COLUMNS": "250"}
    with HubProcess(folder, environment=environment) as hub:
        sent = hub.post(event("etl", 1, "FAIL"), headers={"Authorization": f"Bearer {token}"})
        assert sent.is_success
        yield hub


def say(hub: HubProcess, *words: str, code: int = 0) -> str:
    done = trackside(*words, folder=hub.folder, environment=hub._environment)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def until_said(hub: HubProcess, text: str, *words: str) -> str:
    end = time.monotonic() + 30
    while text not in (told := say(hub, *words)):
        assert time.monotonic() < end, told
        time.sleep(0.2)
    return told


def test_what_did_not_arrive_is_listed_with_what_to_change(hub: HubProcess) -> None:
    told = until_said(hub, "given up", "deliveries", "list", "--dead")
    assert "the operator of the hub must allow its network first" in " ".join(told.split())
    assert "env:" not in told
    assert "10.255.255.1" not in told
    assert "down since" in say(hub, "targets", "list")
    assert "are sent again" in say(hub, "deliveries", "resend", "--target", "hook")
    assert "not taken" in say(hub, "targets", "test", "hook", code=1)
    assert "failed-run" in say(hub, "deliveries", "quality")


def test_who_would_hear_is_told_of_a_job_and_of_attributes_alone(hub: HubProcess) -> None:
    told = say(hub, "routes", "test", "--node", "job:first:etl")
    assert "route gold (tag gold): no, tag is none, not gold" in told
    assert "hook would hear of it" in told
    alone = say(hub, "routes", "test", "--team", "ops", "--namespace", "other")
    assert "nobody would hear of it" in alone


def test_targets_and_routes_are_declared_and_taken_back(hub: HubProcess) -> None:
    (hub.folder / "chat.yaml").write_text("{kind: webhook, settings: {url: 'env:HOOK_URL'}}")
    refused = say(hub, "targets", "declare", "chat", "chat.yaml", code=3)
    assert "target 'chat' (webhook): secrets: Field required" in " ".join(refused.split())
    (hub.folder / "gold.yaml").write_text("{match: {tag: silver}, to: [hook]}")
    assert "route silver is declared" in say(
        hub, "routes", "declare", "silver", "gold.yaml", "--place", "5"
    )
    told = say(hub, "routes", "list")
    assert "trackside.yaml" in told
    assert "by ada" in told
    assert "route silver is taken back" in say(hub, "routes", "remove", "silver")
    assert "by ada" not in say(hub, "routes", "list")


def test_silences_come_and_go(hub: HubProcess) -> None:
    assert "holds until" in say(
        hub, "silences", "add", "job=nightly_*", "team=sales", "--for", "2h", "--why", "move"
    )
    assert "team=sales, job=nightly_*" in say(hub, "silences", "list")
    assert "is over since" in say(hub, "silences", "end", "1")
    assert "nightly" not in say(hub, "silences", "list")
    assert "matchers: team" in say(hub, "silences", "add", "colour=red", "--for", "1h", code=3)


def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "trackside.yaml").write_text(CONFIG + "  - {match: {color: red}, to: [nobody]}\n")
    told = trackside("config", "check", folder=tmp_path, environment={"COLUMNS": "250"})
    assert told.returncode == 2
    assert "trackside.yaml:11: routes.2.match.color: no such setting" in told.stderr
    assert "trackside.yaml:11: there is no target 'nobody'" in told.stderr
