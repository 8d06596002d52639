"""`trackside subscriptions`, against a hub at work."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from hub import cli
from tests.support.hub_process import HubProcess, event, trackside

FILE = """
grants:
  - {team: sales, orchestrator: engine, job: mart}
orchestrators:
  - {name: engine, kind: engine, namespaces: [jobs], settings: {launch: pull}}
subscriptions:
  - {name: filed, when: file//tmp/filed.csv, launch: {orchestrator: engine, job: mart}}
"""
SPEC = """
subscriptions:
  - name: mart
    team: sales
    when: all(file//tmp/orders.csv, file//tmp/items.csv)
    launch: {orchestrator: engine, job: mart}
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, str]]:
    folder = tmp_path_factory.mktemp("hub")
    (folder / "trackside.yaml").write_text(FILE)
    made = trackside("token", "create", "ada", "--scope", "admin", folder=folder)
    token = next(word for word in made.stdout.split() if word.startswith("tsk_"))
    hub = HubProcess(folder).start(120)
    yield hub, token
    hub.stop()


@pytest.fixture
def run(
    hub: tuple[HubProcess, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("TRACKSIDE_URL", hub[0].url)
    monkeypatch.setenv("TRACKSIDE_TOKEN", hub[1])

    def command(*arguments: str, under: str = "subscriptions") -> Done:
        monkeypatch.setattr(sys, "argv", ["trackside", under, *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, told.out, told.err)

    return command


def updated(hub: tuple[HubProcess, str], name: str, run: int) -> None:
    one = event(name, run) | {"eventTime": datetime.now(UTC).isoformat()}
    sent = hub[0].post(one, headers={"Authorization": f"Bearer {hub[1]}"})
    assert sent.is_success, sent.text


def offers(run: Run, *arguments: str) -> Done:
    return run(*arguments, under="offers")


def until(run: Run, text: str, *arguments: str) -> Done:
    """Asks until the answer has the text in it."""
    done = run(*arguments)
    for _ in range(150):
        if text in done.out:
            return done
        time.sleep(0.2)
        done = run(*arguments)
    raise AssertionError(done)


def test_a_subscription_is_added_explained_paused_rehearsed_and_removed(
    hub: tuple[HubProcess, str], run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "mart.yaml"
    file.write_text(SPEC)
    added = run("add", str(file))
    assert (added.code, added.err) == (0, "")
    assert "mart launches engine/mart when: all(" in added.out
    assert "trackside.yaml" in until(run, "managed by", "show", "filed").out
    updated(hub, "orders", 1)
    waits = until(run, "/tmp/items.csv (1 of 2 there)", "explain", "mart")
    assert "waiting" in waits.out
    assert "waiting" in run("list", "--team", "sales").out
    assert run("pause", "mart", "--why", "a move").code == 0
    updated(hub, "items", 2)
    until(run, "mart is paused by ada: a move", "explain", "mart")
    assert run("resume", "mart", "--coalesce").code == 0
    until(run, "was launched (launch", "explain", "mart")
    told = json.loads(run("dry-run", "mart", "--for", "1h", "--json").out)
    assert (told["launched"], told["fates"]) == (1, {"launched": 2})
    assert "1 launches of 2 updates (2 launched)" in run("dry-run", str(file), "--for", "1h").out
    assert run("remove", "mart", "--yes").code == 0
    assert run("show", "mart").code == 1
    refused = run("remove", "filed", "--yes")
    assert (refused.code, "managed by trackside.yaml" in refused.err) == (1, True)


def test_a_mistake_in_a_file_is_told(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("[1, 2]")
    done = run("add", str(file))
    assert (done.code, "one subscription" in done.err) == (1, True)
    file.write_text("name: x\nwhen: all(\nlaunch: {orchestrator: engine, job: m}\n")
    done = run("add", str(file))
    assert "$.when: expected" in done.err


def test_grants_are_made_listed_and_taken_back(run: Run) -> None:
    made = run("add", "sales", "report_*", "-o", "engine", "-c", "day", under="grants")
    assert (made.code, made.err) == (0, "")
    listed = json.loads(run("list", "--json", under="grants").out)["grants"]
    assert [(one["id"] > 0, one["job"], one["conf"]) for one in listed] == [
        (False, "mart", []),
        (True, "report_*", ["day"]),
    ]
    assert "report_*" in run("list", under="grants").out
    assert "no longer" in run("remove", str(listed[1]["id"]), under="grants").out
    again = run("remove", str(listed[1]["id"]), under="grants")
    assert (again.code, "not found" in again.err) == (1, True)


def test_a_dataset_is_offered_to_some_announced_to_end_and_kept(
    hub: tuple[HubProcess, str], run: Run, tmp_path: Path
) -> None:
    updated(hub, "prices", 3)
    file = "/tmp/prices.csv"
    usual = until(lambda *it: offers(run, *it), "is offered as usual", "show", file)
    assert "no subscription names it" in usual.out
    spec = tmp_path / "waits.yaml"
    spec.write_text(SPEC.replace("name: mart", "name: waits").replace("items", "prices"))
    assert run("add", str(spec)).code == 0
    assert (
        f"file/{file} is offered to marts, sales"
        in offers(run, "set", file, "--to", "marts", "--to", "sales").out
    )
    ended = offers(run, "deprecate", file, "--ends", "2027-01-31", "--text", "use prices_v2")
    assert "it is to end at 2027-01-31 00:00 UTC: use prices_v2" in ended.out
    assert "use prices_v2" in run("show", "waits").out
    shown = json.loads(offers(run, "show", file, "--json").out)
    assert (shown["teams"], [one["team"] for one in shown["subscriptions"]]) == (
        ["marts", "sales"],
        ["sales"],
    )
    assert "engine/mart" in offers(run, "show", file).out
    kept = offers(run, "keep", file)
    assert (kept.code, "to end" in kept.out) == (0, False)
    assert "is offered to its own team alone" in offers(run, "set", file, "--private").out
    assert run("remove", "waits", "--yes").code == 0


def test_a_mistake_in_an_offer_is_told(run: Run) -> None:
    neither = offers(run, "set", "/tmp/prices.csv")
    assert (neither.code, "--to, --public, --private" in neither.err) == (1, True)
    nowhere = offers(run, "show", "no-such-dataset")
    assert (nowhere.code, "not one dataset 'no-such-dataset'" in nowhere.err) == (1, True)
    never = offers(run, "deprecate", "/tmp/prices.csv", "--ends", "soon")
    assert (never.code, "--ends" in never.err) == (1, True)
