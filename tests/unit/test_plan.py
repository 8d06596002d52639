"""Schedules, calendars and maintenance windows as the operator writes them, and what is wrong with them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hub.errors import ConfigError
from hub.evaluate.book import book_of
from hub.evaluate.calendars import calendars_of
from hub.evaluate.maintenance import Within
from hub.evaluate.plan import Plan, plan_of
from hub.model import EntityName
from hub.schedules.spans import Origin, Span, expected
from hub.settings import Settings

CALENDARS = """
calendars:
  - {name: bavaria, country: DE, subdivision: BY, timezone: Europe/Berlin, closed: [2026-12-24]}
  - {name: month-end, days: month_end}
  - {name: first, days: first_business_day}
  - {name: mondays, days: weekdays, weekdays: [mon]}
  - {name: closing, days: dates, dates: [2026-12-30, 2026-12-31]}
"""


def settings(folder: Path, text: str) -> Settings:
    file = folder / "trackside.yaml"
    file.write_text(f"version: 1\n{text}")
    return Settings.load(file, environment={})


def plan(folder: Path, text: str) -> Plan:
    return plan_of(settings(folder, text))


def dues(folder: Path, calendar: str, begin: date, days: int) -> list[int]:
    """The days of the month on which a job of ten o'clock is due."""
    given = f"schedules:\n  - {{select: {{namespace: a, name: b}}, cron: 0 10 * * *, calendar: {calendar}}}"
    entry = plan(folder, CALENDARS + given).agenda.of(EntityName("a", "b"))
    assert entry
    start = datetime(begin.year, begin.month, begin.day, tzinfo=UTC)
    span = Span(entry.schedule, start, origin=Origin.FILE, days=entry.days)
    return [slot.due_at.day for slot in expected([span], start, start + timedelta(days=days))]


@pytest.mark.parametrize(
    ("calendar", "days"),
    [
        ("bavaria", [21, 22, 23, 28, 29, 30, 31]),
        ("{except: bavaria}", [24, 25, 26, 27]),
        ("mondays", [21, 28]),
        ("{only: [bavaria], except: [closing, mondays]}", [22, 23, 29]),
        ("month-end", [31]),
        ("closing", [30, 31]),
        ("first", []),
    ],
)
def test_a_schedule_is_due_on_the_days_of_its_calendar(
    tmp_path: Path, calendar: str, days: list[int]
) -> None:
    assert dues(tmp_path, calendar, date(2026, 12, 21), 11) == days


def test_the_first_business_day_is_no_weekend(tmp_path: Path) -> None:
    assert dues(tmp_path, "first", date(2026, 8, 1), 31) == [3]


def test_of_several_schedules_that_select_a_job_the_first_holds(tmp_path: Path) -> None:
    given = """
schedules:
  - {select: {namespace: cron-*, name: nightly}, cron: 0 1 * * *}
  - {select: {namespace: "*", name: "*"}, interval: PT2H, anchor: 2026-01-01T00:30:00Z}
"""
    agenda = plan(tmp_path, given).agenda
    first, second = agenda.of(EntityName("cron-1", "nightly")), agenda.of(EntityName("x", "y"))
    assert first
    assert second
    assert (first.schedule.kind, first.schedule.expression) == ("cron", "0 1 * * *")
    assert (second.schedule.kind, second.schedule.expression) == ("interval", "PT2H")


JOB = Within("sales", "airflow-prod", EntityName("prod", "load"))


def test_windows_are_read_once_and_again_and_again(tmp_path: Path) -> None:
    given = """
maintenance:
  - {name: once, begin: 2026-12-01T20:00:00Z, end: 2026-12-01T22:00:00Z}
  - {name: weekly, days: [sat], at: "22:00", duration: PT4H, timezone: Europe/Berlin}
  - {name: monthly, cron: "0 2 1 * *", duration: PT1H, select: {job: "lo*", team: sales}}
"""
    once, weekly, monthly = plan(tmp_path, given).windows
    assert once.covers(datetime(2026, 12, 1, 21, tzinfo=UTC))
    assert weekly.covers(datetime(2026, 12, 5, 21, tzinfo=UTC))
    assert not weekly.covers(datetime(2026, 12, 4, 21, tzinfo=UTC))
    assert monthly.covers(datetime(2026, 12, 1, 2, 30, tzinfo=UTC))
    assert monthly.given.select.takes(JOB)
    assert not monthly.given.select.takes(Within("sales", "airflow-prod"))
    assert weekly.managed_by == "trackside.yaml"


def test_a_rule_names_calendars(tmp_path: Path) -> None:
    given = "rules:\n  - {name: a, kind: overrun, calendar: {only: bavaria, except: [closing]}}"
    rule = book_of(settings(tmp_path, CALENDARS + given)).rules["a"]
    assert rule.days
    assert rule.days.words == "only bavaria, except closing"


SELECT = "select: {namespace: a, name: b}"


@pytest.mark.parametrize(
    ("section", "given", "told"),
    [
        ("schedules", f"{{{SELECT}}}", "needs either cron or interval"),
        ("schedules", f"{{{SELECT}, cron: nonsense}}", "no cron expression"),
        ("schedules", f"{{{SELECT}, interval: 2h}}", "interval"),
        ("schedules", f"{{{SELECT}, cron: 0 1 * * *, timezone: Mars}}", "no time zone"),
        ("schedules", f"{{{SELECT}, cron: 0 1 * * *, calendar: xmas}}", "no calendar 'xmas'"),
        ("schedules", f"{{{SELECT}, cron: 0 1 * * *, cronn: 1}}", "cronn: no such setting"),
        ("schedules", "{cron: 0 1 * * *}", "select"),
        ("calendars", "{name: a, country: XX}", "no holidays are known of XX"),
        ("calendars", "{name: a, days: weekdays}", "need each other"),
        ("calendars", "{name: a, days: nonsense}", "days"),
        ("maintenance", "{name: a}", "needs begin and end, or a duration"),
        ("maintenance", "{name: a, at: 22:00, duration: PT1H}", "in quotes"),
        ("maintenance", "{name: a, cron: 0 2 * * *, duration: P40D}", "at most 31 days"),
        (
            "maintenance",
            "{name: a, begin: 2026-12-02T00:00:00Z, end: 2026-12-01T00:00:00Z}",
            "not after",
        ),
        (
            "maintenance",
            "{name: a, begin: 2026-12-02, end: 2026-12-03, cron: 0 2 * * *}",
            "cron: not together",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, section: str, given: str, told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        plan(tmp_path, f"{section}:\n  - {given}\n")
    assert "trackside.yaml:3" in str(error.value)
    assert told in str(error.value)


def test_a_rule_with_a_calendar_that_is_not_there_is_refused(tmp_path: Path) -> None:
    given = "rules:\n  - {name: a, kind: overrun, calendar: xmas}\n"
    with pytest.raises(ConfigError, match="no calendar 'xmas'; known: none"):
        book_of(settings(tmp_path, given))


@pytest.mark.parametrize("section", ["calendars", "maintenance"])
def test_a_name_stands_once(tmp_path: Path, section: str) -> None:
    one = {
        "calendars": "{name: a, country: DE}",
        "maintenance": '{name: a, at: "22:00", duration: PT1H}',
    }[section]
    with pytest.raises(ConfigError, match="more than once"):
        plan(tmp_path, f"{section}:\n  - {one}\n  - {one}\n")


def test_calendars_are_what_they_are_called(tmp_path: Path) -> None:
    found = calendars_of(settings(tmp_path, CALENDARS))
    assert set(found) == {"bavaria", "month-end", "first", "mondays", "closing"}
