"""What a message says: one sentence with numbers, the cause, who is hit, what to do, in bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from alerting.message import LONGEST_TITLE, UPDATES, message_of, trend_of
from hub.model import EntityName, IncidentState
from hub.ports import About, Member, Notification, NotificationState, RunTold, Standing, WhoIsHit

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)


def member(number: int = 1, **told: Any) -> Member:
    of = told.pop("of", {"namespace": "prod", "job": f"load-{number}"})
    about = About(
        rule=told.pop("rule", "failed-run"),
        kind="failed_run",
        severity=told.pop("severity", "error"),
        team=told.pop("team", "sales"),
        **of,
    )
    usual: dict[str, Any] = {
        "id": number,
        "about": about,
        "state": IncidentState.OPEN,
        "standing": Standing.OPEN,
        "reason": f"run {number} failed: disk full",
        "evidence": {"whatToDo": "free the disk", "errorClass": "OSError", "url": "https://af/x"},
        "since": NOW - timedelta(minutes=number),
        "opened_at": NOW,
        "steps": [(NOW, "opened", "run failed", None)],
    }
    return Member(**(usual | told))


def notification(*members: Member, group: str | None = None, **counts: int) -> Notification:
    return Notification(
        id=1,
        key="k",
        route="r",
        targets=("chat",),
        group=group,
        state=NotificationState.TOLD,
        standing=None,
        version=0,
        loud=False,
        begun_at=NOW,
        told_at=None,
        said_at=None,
        repeated_at=None,
        steps=0,
        counts={Standing(name): n for name, n in counts.items()} or {Standing.OPEN: len(members)},
        members=members,
    )


def test_of_one_incident_everything_that_helps_is_told() -> None:
    told = message_of(notification(member(cause="db is down")), "https://hub.example/")
    assert told.title == "prod:load-1: run 1 failed: disk full"
    assert (told.cause, told.error, told.advice) == ("db is down", "OSError", "free the disk")
    assert [(link.text, link.url) for link in told.links] == [
        ("Incident", "https://hub.example/incident?id=1"),
        ("Job", "https://hub.example/job?namespace=prod&name=load-1"),
        ("Run at its orchestrator", "https://af/x"),
    ]


def test_its_run_says_what_went_wrong_and_has_its_pages() -> None:
    mine = RunTold(
        id="0190a7c0",
        job=EntityName("prod", "dag.copy"),
        orchestrator="airflow-prod",
        error="OperationalError: no free slots",
        url="https://af/dag/copy",
        has_log=True,
    )
    told = message_of(notification(member(run=mine)), "https://hub.example")
    assert told.error == "OperationalError: no free slots"
    assert [(link.text, link.url) for link in told.links] == [
        ("Incident", "https://hub.example/incident?id=1"),
        ("Run and log", "https://hub.example/run?id=0190a7c0&job=prod%3Adag.copy"),
        ("Job", "https://hub.example/job?namespace=prod&name=load-1"),
        ("Run in airflow-prod", "https://af/dag/copy"),
    ]
    without = replace(mine, has_log=False, error=None)
    told = message_of(notification(member(run=without)), "https://hub.example")
    assert (told.links[1].text, told.error) == ("Run", "OSError")


def test_of_a_long_error_the_end_is_kept() -> None:
    error = "\n".join(["Traceback:", *["  a frame"] * 1000, "OSError: disk full"])
    told = message_of(notification(member(evidence={"errorMessage": error})), None)
    assert told.error is not None
    assert told.error.startswith("Traceback:")
    assert told.error.endswith("OSError: disk full")
    assert len(told.error) <= 2000


def test_a_group_is_told_by_its_worst_and_counts_the_rest() -> None:
    hit = [WhoIsHit(f"prod:mart-{n}") for n in range(8)]
    members = [member(1, severity="critical", hit=hit, hidden=3), *map(member, range(2, 21))]
    told = message_of(notification(*members, group="g", OPEN=30, RESOLVED=10), None)
    assert told.title.startswith("40 incidents, 30 of them open (failed-run, team sales); prod:")
    assert (told.severity, told.count, told.subject) == ("critical", 40, "40 subjects")
    assert (len(told.updates), len(told.hit), told.hidden, told.links) == (10, 8, 3, ())


def test_what_is_long_is_cut() -> None:
    steps = [(NOW, "changed", "x" * 5000, None)] * 100
    told = message_of(notification(member(reason="y" * 5000, steps=steps)), None)
    assert len(told.title) == LONGEST_TITLE
    assert len(told.updates) == UPDATES
    assert max(len(each.text) for each in told.updates) <= 2000


def test_a_link_that_is_no_web_address_is_left_out() -> None:
    told = message_of(notification(member(evidence={"url": "javascript:alert(1)"})), None)
    assert told.links == ()


@pytest.mark.parametrize(
    ("of", "page"),
    [
        (
            {"namespace": "s3://lake", "dataset": "a/b"},
            "dataset?namespace=s3%3A%2F%2Flake&name=a%2Fb",
        ),
        ({"orchestrator": "airflow-prod"}, "orchestrators"),
        ({"target": "sales-chat"}, "settings"),
    ],
)
def test_what_it_is_of_has_its_page(of: dict[str, str], page: str) -> None:
    told = message_of(notification(member(of=of, evidence={})), "https://hub.example")
    assert [link.url.removeprefix("https://hub.example/") for link in told.links] == [
        "incident?id=1",
        page,
    ]


def test_a_group_links_to_all_that_is_open_and_to_each_that_it_names() -> None:
    mine = message_of(notification(member(1), member(2), group="g"), "https://hub.example")
    assert [(link.text, link.url.removeprefix("https://hub.example/")) for link in mine.links] == [
        ("Incidents", "incidents?open=true&team=sales"),
        ("load-1", "incident?id=1"),
        ("load-2", "incident?id=2"),
    ]
    several = notification(member(1), member(2, team="risk"), group="g")
    assert message_of(several, "https://hub.example").links[0].url.endswith("incidents?open=true")


def test_the_latest_runs_are_a_line() -> None:
    runs = [("COMPLETED", 10.0), ("COMPLETED", 80.0), ("FAILED", 5.0), ("RUNNING", None)]
    assert trend_of(runs) == "▂█✗…  1 of 4 failed"
    assert trend_of([]) is None
