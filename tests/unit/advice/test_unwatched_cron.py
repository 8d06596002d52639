"""Lines of crontabs that were never heard of, and jobs that run as if cron started them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import yaml

from hub.advice.base import JobSeen
from hub.evaluate.agenda import ScheduleGiven
from hub.model import Schedule
from tests.support.advised import NOW, advice, daily, job, world


def line(**more: Any) -> JobSeen:
    told = {"kind": "cron", "heard": False, "team": None, "owned": False}
    return job(1, "backup", **(told | more))


def silent(one: JobSeen) -> bool:
    return advice("unwatched_cron", world([one])) == []


def test_a_line_that_was_told_and_never_heard_of_is_told_with_what_to_say() -> None:
    (told,) = advice("unwatched_cron", world([line()]))
    assert "told on 2026-11-10, and no run was ever heard of" in told.says
    assert "trackside cron wrap --namespace airflow --only backup --write" in told.fix
    assert told.evidence["schedule"] == "0 4 * * *"


def test_a_line_that_was_told_just_now_has_time() -> None:
    assert silent(line(told_at=NOW - timedelta(days=2)))
    often = Schedule("cron", "* * * * *")
    assert silent(line(told_at=NOW - timedelta(hours=2), schedule=often))


def test_a_line_that_was_heard_of_once_is_for_the_rules() -> None:
    assert silent(line(heard=True))


def test_a_line_that_is_paused_or_of_an_orchestrator_that_is_asked_is_not_told() -> None:
    assert silent(line(schedule=Schedule("cron", "0 4 * * *", paused=True)))
    assert silent(line(kind="airflow"))


def learned(**more: Any) -> JobSeen:
    told = {"told_by": "learned", "heard": True, "runs": daily(4)}
    return line(**(told | more))


def test_a_job_of_nobody_that_runs_by_some_clock_is_told_with_its_schedule_to_paste() -> None:
    (told,) = advice("unwatched_cron", world([learned()]))
    assert "nobody owns it" in told.says
    assert isinstance(told.paste, str)
    (given,) = yaml.safe_load(told.paste)["schedules"]
    assert ScheduleGiven.model_validate(given).cron == "0 4 * * *"
    assert given["select"] == {"namespace": "airflow", "name": "backup"}


def test_an_interval_is_pasted_as_one() -> None:
    schedule = Schedule("interval", "PT2H", anchor=NOW)
    (told,) = advice("unwatched_cron", world([learned(schedule=schedule)]))
    assert isinstance(told.paste, str)
    (given,) = yaml.safe_load(told.paste)["schedules"]
    assert ScheduleGiven.model_validate(given).interval == "PT2H"


def test_a_job_that_somebody_owns_or_declares_is_not_told() -> None:
    assert silent(learned(owned=True))
    assert silent(learned(told_by="declared"))


def test_tasks_run_when_their_dag_does() -> None:
    assert silent(learned(parent=7))


def test_of_fewer_than_ten_runs_nothing_is_told() -> None:
    assert silent(learned(runs=daily(4, days=range(9))))
