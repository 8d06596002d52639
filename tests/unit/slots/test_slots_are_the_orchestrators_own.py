"""Our slots against those that Airflow and Dagster find themselves: none false, none missed.

What they find is data that `judges.py` wrote with their own code, in every zone of tzdata and
around every change of clocks in two years.
"""

from __future__ import annotations

import gzip
import json
import zoneinfo
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hub.model import Schedule
from hub.schedules.intervals import interval_text
from hub.schedules.slots import Slot, timetable_of
from hub.schedules.zones import zone_of

JUDGES = ["airflow3", "airflow2", "dagster"]
SECOND = timedelta(seconds=1)


@cache
def told(judge: str) -> list[dict[str, Any]]:
    data = (Path(__file__).parent / f"{judge}.json.gz").read_bytes()
    rows: list[dict[str, Any]] = json.loads(gzip.decompress(data))
    return rows


def declared(row: dict[str, Any], zone: str, start: datetime) -> Schedule:
    catchup = not row.get("live")
    if "seconds" in row:
        kind, expression = "interval", interval_text(row["seconds"])
    else:
        kind, expression = "cron", "\n".join(row["crons"])
    return Schedule(kind, expression, zone, catchup=catchup, start_at=start, timing=row["timing"])


def expected(span: list[Any]) -> list[Slot]:
    start, _, steps, leads = span
    slots, at = [], datetime.fromtimestamp(start, UTC)
    for number, step in enumerate(steps):
        at += step * SECOND
        slots.append(Slot(at, at - (leads[number] if leads else 0) * SECOND))
    return slots


def found(row: dict[str, Any], zone: str, span: list[Any]) -> list[Slot]:
    start, end = (datetime.fromtimestamp(at, UTC) for at in span[:2])
    timetable = timetable_of(declared(row, zone, start))
    assert timetable
    return timetable.between(start - SECOND, end)


@pytest.fixture(autouse=True)
def zones_of_the_package() -> Iterator[None]:
    """The judges took their zones from the package tzdata: so do we, whatever the system has."""
    paths = zoneinfo.TZPATH
    read_from([])
    yield
    read_from(paths)


def read_from(paths: Sequence[str]) -> None:
    """Zones that were read before are forgotten: another test would go on with them."""
    zoneinfo.reset_tzpath(paths)
    zoneinfo.ZoneInfo.clear_cache()
    zone_of.cache_clear()


def compared(row: dict[str, Any], zone: str) -> int:
    for span in row["spans"]:
        assert found(row, zone, span) == expected(span), (row["timing"], row.get("crons"), zone)
    return sum(len(span[2]) for span in row["spans"])


def zones(row: dict[str, Any]) -> list[str]:
    names: list[str] = row.get("zones", ["UTC"])
    return names


@pytest.mark.parametrize("judge", JUDGES)
def test_every_slot_of_theirs_is_ours_and_every_one_of_ours_is_theirs(judge: str) -> None:
    """Each third question, of the zones that are alike another one each time."""
    rows = told(judge)[::3]
    slots = sum(compared(row, zones(row)[n % len(zones(row))]) for n, row in enumerate(rows))
    assert slots > 35_000


@pytest.mark.soak
@pytest.mark.parametrize("judge", JUDGES)
def test_so_it_is_for_every_question_and_every_zone(judge: str) -> None:
    slots = sum(compared(row, zone) for row in told(judge) for zone in zones(row))
    assert slots > 100_000


def test_the_judges_were_asked_about_every_zone() -> None:
    known = zoneinfo.available_timezones() - {"localtime"}
    for judge in JUDGES:
        assert known <= {zone for row in told(judge) for zone in zones(row)}
