"""Who may launch what, what is run again, and how long is waited: without a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hub.errors import ConfigError, NotReady, Unavailable
from hub.failures import FailureClass
from hub.model import EntityName
from hub.ports import LaunchKind, LeasedLaunch, launch_run_id
from hub.settings import Settings
from hub.triggers.grants import Grant, InForce, grants_of
from hub.triggers.patience import LONGEST_PAUSE_S, PAUSED_AGE, RETRY_AGE, again_at, pause_s
from hub.triggers.reruns import failure_of, reruns_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
JOB = EntityName("prod", "mart_sales")
GRANTS = InForce(
    [
        Grant(team="ads", orchestrator="air*", job="mart_*", conf=["day"]),
        Grant(team="ads", job="mart_sales", conf=["full_*"]),
    ]
)


@pytest.mark.parametrize(
    ("team", "owner", "orchestrator", "conf", "told"),
    [
        (None, "sales", "airflow", {"any": 1}, None),
        ("sales", "sales", "airflow", {"any": 1}, None),
        ("ads", "sales", "airflow", {"day": 1}, None),
        ("ads", "sales", "airflow", {"full_load": 1, "openlineage": {}}, None),
        ("ads", "sales", "airflow", {"drop": 1}, "may not set drop"),
        ("ads", "sales", "dagster", {"day": 1}, "may not set day"),
        ("hr", "sales", "airflow", {}, "it belongs to sales"),
        ("hr", None, "airflow", {}, "it belongs to no team"),
    ],
)
def test_a_team_launches_its_own_jobs_and_what_it_is_granted(
    team: str | None, owner: str | None, orchestrator: str, conf: dict[str, Any], told: str | None
) -> None:
    why_not = GRANTS.why_not(team, owner, orchestrator, JOB, conf)
    assert (why_not is None) if told is None else (told in (why_not or ""))


def leased(**told: Any) -> LeasedLaunch:
    one = LeasedLaunch(
        id=1,
        token="t",
        key="a",
        orchestrator="flow",
        job=JOB,
        partition=None,
        conf={},
        note="",
        kind=LaunchKind.JOB,
        team=None,
        cause={},
        asked_before=True,
        attempts=1,
        begun_at=NOW,
        failing_since=NOW,
        until=NOW,
    )
    return replace(one, **told)


def test_pauses_grow_and_end() -> None:
    whole = [pause_s(attempts, 1.0) for attempts in range(1, 40)]
    assert whole == sorted(whole)
    assert (whole[0], whole[-1]) == (2.0, LONGEST_PAUSE_S)
    assert pause_s(3, 0.0) == pause_s(3, 1.0) / 2


@pytest.mark.parametrize(
    ("error", "age", "ends"),
    [
        (Unavailable("503"), timedelta(0), False),
        (Unavailable("503"), RETRY_AGE, True),
        (Unavailable("404", permanent=True), timedelta(0), True),
        (ConfigError("a secret is missing"), timedelta(0), True),
        (NotReady("paused"), RETRY_AGE, False),
        (NotReady("paused"), PAUSED_AGE, True),
    ],
)
def test_what_passes_is_asked_again_until_it_is_too_old(
    error: Exception, age: timedelta, ends: bool
) -> None:
    one = leased(begun_at=NOW - age, failing_since=NOW - age)
    assert (again_at(one, error, NOW, 0.5) is None) is ends  # type: ignore[arg-type]


def test_the_errors_of_a_run_are_judged_by_what_bars_most() -> None:
    lost, barred = (None, "connection refused"), (None, "403 Client Error: Forbidden")
    assert failure_of([lost]) is FailureClass.TRANSIENT
    assert failure_of([lost, barred]) is FailureClass.AUTH
    assert failure_of([lost, (None, "task_failure")]) is FailureClass.TRANSIENT
    assert failure_of([(None, "no idea")]) is FailureClass.UNKNOWN


def test_a_launch_proposes_the_same_run_id_each_time() -> None:
    assert launch_run_id("a") == launch_run_id("a") != launch_run_id("b")


def settings(folder: Path, text: str) -> Settings:
    file = folder / "trackside.yaml"
    file.write_text(text)
    return Settings.load(file, environment={})


def test_a_wrong_grant_is_told_with_its_place(tmp_path: Path) -> None:
    text = "version: 1\nteams: [{name: ads}]\ngrants:\n  - {team: adz, job: a}\n  - {team: ads}\n"
    with pytest.raises(ConfigError) as caught:
        grants_of(settings(tmp_path, text))
    told = str(caught.value).splitlines()
    assert "trackside.yaml:4: grants.0.team: no team 'adz'; known: ads" in told[0]
    assert "trackside.yaml:5: grants.1.job" in told[1]


def test_a_wrong_rerun_is_told_with_its_place(tmp_path: Path) -> None:
    text = (
        "version: 1\nrerun:\n  - {name: a, when: {auth: {times: 1}}}\n"
        "  - {name: b, when: {transient: {times: 99}}}\n  - {name: c, selekt: {}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        reruns_of(settings(tmp_path, text))
    told = str(caught.value).splitlines()
    assert "trackside.yaml:3: rerun.0.when: auth: running it again changes nothing" in told[0]
    assert "trackside.yaml:4: rerun.1.when.transient.times" in told[1]
    assert "trackside.yaml:5: rerun.2.selekt: no such setting" in told[2]
