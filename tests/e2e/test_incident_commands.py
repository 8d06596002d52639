"""`trackside incidents` and `trackside rules`, against a hub at work."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from hub import cli
from tests.support.hub_process import HubProcess, event, trackside


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command as the console script does, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "250")

    def command(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["trackside", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, told.out, told.err)

    return command


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, str]]:
    """A hub, and a token with which one may do everything."""
    folder = tmp_path_factory.mktemp("hub")
    made = trackside("token", "create", "ada", "--scope", "admin", folder=folder)
    token = next(word for word in made.stdout.split() if word.startswith("tsk_"))
    with HubProcess(folder) as hub:
        yield hub, token


@pytest.fixture
def incident(hub: tuple[HubProcess, str], run: Run, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an open incident of a job of its own."""
    process, token = hub
    monkeypatch.setenv("TRACKSIDE_URL", process.url)
    monkeypatch.setenv("TRACKSIDE_TOKEN", token)
    job, number = f"job-{time.monotonic_ns()}", time.monotonic_ns() % 2**40
    headers = {"Authorization": f"Bearer {token}"}
    assert process.post(event(job, number, "FAIL"), headers=headers).status_code == 201
    end = time.monotonic() + 30
    while time.monotonic() < end:
        told = json.loads(run("incidents", "list", "--text", job, "--json").out)
        if told["incidents"]:
            return str(told["incidents"][0]["id"])
        time.sleep(0.1)
    raise TimeoutError("no incident")


def test_incidents_are_listed_and_shown(run: Run, incident: str) -> None:
    listed = run("incidents", "list", "--since", "1h", "--rule", "failed-run")
    assert listed.code == 0
    assert "job-" in listed.out
    assert "failed-run" in listed.out
    assert run("incidents", "list", "--severity", "critical").out.count("\n") == 1
    shown = run("incidents", "show", incident)
    assert "first:job-" in shown.out
    assert "opened" in shown.out
    assert f"/api/v1/incidents/{incident}" in shown.out


def test_what_an_incident_will_breach_is_shown(
    hub: tuple[HubProcess, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, token = hub
    monkeypatch.setenv("TRACKSIDE_URL", process.url)
    monkeypatch.setenv("TRACKSIDE_TOKEN", token)
    report_that_waits(process, token)
    shown, end = "", time.monotonic() + 240
    while "MUST BE DONE BY" not in shown and time.monotonic() < end:
        time.sleep(0.5)
        listed = json.loads(run("incidents", "list", "--text", "extract", "--json").out)
        for one in listed["incidents"]:
            shown = run("incidents", "show", str(one["id"])).out
    assert "BREACHES AT" in shown
    assert "freshness" in shown
    assert "db:board" in shown
    assert shown.count("UTC") >= 2


def report_that_waits(process: HubProcess, token: str) -> None:
    """extract -> raw -> report -> board, for ten days; today extract fails, and board gets old."""
    now = datetime.now(UTC)
    events = []
    for day in range(10, -1, -1):
        begin = now - timedelta(days=day, minutes=47 * (day % 3) if day else 30)
        events += told("extract", 100 + day, begin, "COMPLETE" if day else "FAIL", [], ["raw"])
        if day:
            after = begin + timedelta(minutes=12)
            events += told("report", 200 + day, after, "COMPLETE", ["raw"], ["board"])
    policy = {
        "type": "freshness_policy",
        "dataset": {"namespace": "db", "name": "board"},
        "max_lag_s": 30 * 3600,
        "observed_at": now.isoformat(),
    }
    headers = {"Authorization": f"Bearer {token}"}
    for path, body in (("lineage/batch", events), ("observations", [policy])):
        answer = httpx.post(f"{process.url}/api/v1/{path}", json=body, headers=headers, timeout=30)
        assert answer.is_success, answer.text


def told(
    job: str, run: int, begin: datetime, end: str, inputs: list[str], outputs: list[str]
) -> list[dict]:
    one = event(job, run) | {
        "inputs": [{"namespace": "db", "name": name} for name in inputs],
        "outputs": [{"namespace": "db", "name": name} for name in outputs],
    }
    return [
        one | {"eventType": kind, "eventTime": at.isoformat()}
        for kind, at in (("START", begin), (end, begin + timedelta(minutes=10)))
    ]


def test_each_action_tells_how_the_incident_stands_then(run: Run, incident: str) -> None:
    def said(*words: str) -> str:
        done = run("incidents", words[0], incident, *words[1:])
        assert done.code == 0, done.err
        return done.out

    assert f"incident {incident} is acknowledged: acknowledged by ada, I look" in said(
        "ack", "-m", "I look"
    )
    assert "is snoozed until" in said("snooze", "--for", "2h")
    assert "is snoozed until 2100-01-01 00:00 UTC" in said("snooze", "--until", "2100-01-01")
    assert "noted by ada, the vendor knows" in said("note", "the vendor knows")
    assert "is expected: resolved by ada" in said("expected", "--reason", "a holiday")
    assert "is open: reopened by ada" in said("reopen")
    assert "2100-01-01" not in run("incidents", "show", incident, "--json").out.split("history")[0]


def test_what_can_not_be_is_told_in_a_line(run: Run, incident: str) -> None:
    refused = run("incidents", "new-normal", incident)
    assert refused.code == 1
    assert (
        f"incident {incident}: the rule 'failed-run' does not learn what is normal" in refused.err
    )
    for words in (("snooze", incident), ("snooze", incident, "--for", "2 fortnights")):
        done = run("incidents", *words)
        assert done.code == 1
        assert "--for" in done.err
    assert "Incident '999999' not found" in run("incidents", "show", "999999").err


def test_rules_are_listed_and_explained(run: Run, incident: str) -> None:
    assert "missed-schedule" in run("rules", "list").out
    (one,) = [
        each
        for each in json.loads(run("incidents", "list", "--json").out)["incidents"]
        if str(each["id"]) == incident
    ]
    job = one["job"]["name"]
    for name in (job, f"first:{job}", f"job:first:{job}"):
        done = run("rules", "explain", name)
        assert done.code == 0, done.err
        assert "failed-run (failed_run" in done.out
        assert "now: VIOLATED" in done.out
        assert f"open: incident {incident}" in done.out
        assert "normal duration: not known yet; 0 of at least 8 runs" in done.out
        assert "it is about datasets" in done.out
    told = json.loads(run("rules", "explain", job, "--json").out)
    assert told["job"]["name"] == job
    missing = run("rules", "explain", "nowhere-to-be-found")
    assert (missing.code, "no job or dataset is called" in missing.err) == (1, True)


# -- checked without a hub -------------------------------------------------------------------------


def test_rules_that_are_right_are_told_and_end_well(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        "rules:\n"
        "  - {name: overrun, kind: overrun, escalate: {after_s: 60, to: critical}}\n"
        "  - {name: mine, kind: failed_run, flapping: {times: 3}}\n"
    )
    done = run("rules", "check", "rules.yaml")
    assert done.code == 0, done.err
    assert "2 rules, all right" in done.out
    assert "overrun: overrun (in the place of the hub's own)" in done.out


def test_all_that_is_wrong_with_rules_is_told_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        "rules:\n"
        "  - name: one\n"
        "    kind: overrun\n"
        "    settings:\n"
        "      limit_s: -1\n"
        "      nonsense: 2\n"
        "  - name: two\n"
        "    severity: bad\n"
        "    kind: failed_run\n"
        "    escalate: {to: critical}\n"
        "  - name: three\n"
        "    kind: overrunn\n"
        "  - name: one\n"
        "    kind: failed_run\n"
    )
    done = run("rules", "check", "rules.yaml")
    assert done.code == 1
    for line, told in [
        (5, "limit_s"),
        (6, "nonsense: no such setting"),
        (8, "severity"),
        (10, "escalate.after_s"),
        (12, "Did you mean 'overrun'"),
        (13, "'one' stands more than once"),
    ]:
        assert any(f"rules.yaml:{line}:" in text and told in text for text in done.err.splitlines())


@pytest.mark.parametrize(
    ("given", "told"),
    [("rules: [", "not valid YAML"), ("- a", "expected settings"), (None, "read")],
)
def test_a_file_that_is_none_is_told(
    run: Run, tmp_path: Path, given: str | None, told: str
) -> None:
    if given is not None:
        (tmp_path / "rules.yaml").write_text(given)
    done = run("rules", "check", "rules.yaml")
    assert done.code == 1
    assert told in done.err
