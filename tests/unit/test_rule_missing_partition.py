"""Partitions that should be there: found by their keys, due as late as is usual, told once each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.model import EntityName
from hub.rules.base import Blind, DatasetSeen, Judgement, PartitionSeen, Status
from hub.rules.missing_partition import MOST_OPEN, MissingPartition, Plan

START = datetime(2026, 8, 31, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def came(begins: Iterable[datetime], form: str, after: timedelta) -> dict[str, PartitionSeen]:
    """Partitions that came so long after they began."""
    return {at.strftime(form): PartitionSeen(at + after, at + after) for at in begins}


def days(count: int, form: str = "%Y-%m-%d", without: Iterable[int] = ()) -> Any:
    kept = (START + n * DAY for n in range(count) if n not in set(without))
    return came(kept, form, DAY + HOUR)


def look(
    there: dict[str, PartitionSeen],
    at: datetime,
    *open_keys: str,
    known: datetime = START,
    **own: Any,
) -> Judgement:
    seen = DatasetSeen(
        EntityName("db", "mart"), partitions=there, known_at=known, open=frozenset(open_keys)
    )
    return MissingPartition(Plan(**own)).judge(seen, at)


def missing(judgement: Judgement) -> list[str]:
    return [one.key for one in judgement.verdicts if one.status is Status.VIOLATED]


def test_the_next_day_is_due_as_late_as_is_usual_and_a_little_more() -> None:
    due = START + 21 * DAY + HOUR + 0.1 * DAY
    before = look(days(20), due - HOUR)
    assert (missing(before), before.due_at) == ([], due)
    (one,) = look(days(20), due).verdicts
    assert (one.key, one.since) == ("2026-09-20", due)
    assert one.reason == (
        "partition 2026-09-20 was due by 2026-09-21 03:24 UTC and is not there;"
        " the latest is 2026-09-19"
    )


def test_a_hole_is_told_once_by_its_own_key() -> None:
    judgement = look(days(20, without=[12]), START + 20 * DAY)
    assert missing(judgement) == ["2026-09-12"]
    assert "later ones are there, up to 2026-09-19" in judgement.verdicts[0].reason


def test_it_is_over_when_it_comes_and_was_never_missing_if_it_came_in_time() -> None:
    (late,) = look(
        days(20) | came([START + 20 * DAY], "%Y-%m-%d", 3 * DAY), START + 21.1 * DAY, "2026-09-20"
    ).verdicts
    assert (late.status, late.retracted) == (Status.OK, False)
    (heard_late,) = look(days(21), START + 21.1 * DAY, "2026-09-20").verdicts
    assert (heard_late.status, heard_late.retracted) == (Status.OK, True)


def test_own_settings_say_when_it_is_due() -> None:
    at = START + 21 * DAY
    assert missing(look(days(20), at + 2 * HOUR, due_s=7200)) == ["2026-09-20"]
    assert missing(look(days(20), at + 1.9 * HOUR, due_s=7200)) == []
    # The day ends in New York four hours later.
    assert missing(look(days(20), at + 2 * HOUR, due_s=7200, timezone="America/New_York")) == []


def test_declared_days_need_no_history() -> None:
    there = days(1)
    assert missing(look(there, START + 3 * DAY, every="day", due_s=60)) == ["2026-09-01"]
    assert missing(look(there, START + 3 * DAY)) == []


def test_a_format_that_nobody_would_guess_can_be_told() -> None:
    there = days(3, "day %d of %B %Y")
    own: dict[str, Any] = {"every": "day", "format": "day %d of %B %Y", "due_s": 60}
    assert missing(look(there, START + 4.5 * DAY, **own)) == ["day 03 of September 2026"]


@pytest.mark.parametrize(
    ("form", "step"),
    [
        ("%Y-%m-%d", DAY),
        ("%Y%m%d", DAY),
        ("%Y/%m/%d", DAY),
        ("dt=%Y-%m-%d", DAY),
        ("date=%Y-%m-%d/region=eu", DAY),
        ("year=%Y/month=%m/day=%d", DAY),
        ("%Y-%m-%dT00:00:00+00:00", DAY),
        ("%Y-%m-%d", 7 * DAY),
        ("%G-W%V", 7 * DAY),
        ("%Y-%m-%d-%H:%M", HOUR),
        ("%Y-%m-%dT%H", HOUR),
        ("dt=%Y-%m-%d/hour=%H", HOUR),
        ("%Y%m%d%H", HOUR),
        ("%Y-%m-%d %H:%M:%S", 6 * HOUR),
    ],
)
def test_keys_tell_how_far_partitions_lie_apart(form: str, step: timedelta) -> None:
    there = came((START + n * step for n in range(200)), form, step)
    wanted = (START + 200 * step).strftime(form)
    assert missing(look(there, START + 201.8 * step)) == [wanted]


@pytest.mark.parametrize(("form", "wanted"), [("%Y-%m", "2026-09"), ("%Y-%m-%d", "2026-09-01")])
def test_months_are_months(form: str, wanted: str) -> None:
    begins = [datetime(2025 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(20)]
    there = came(begins, form, timedelta(days=32))
    known = datetime(2025, 1, 1, tzinfo=UTC)
    assert missing(look(there, datetime(2026, 10, 20, tzinfo=UTC), known=known)) == [wanted]


def test_days_and_hours_that_never_have_a_partition_are_not_missed() -> None:
    weekdays = days(40, without=(n for n in range(40) if n % 7 in {5, 6}))
    assert missing(look(weekdays, START + 41 * DAY)) == []
    office = came(
        (START + n * DAY + h * HOUR for n in range(25) if n % 7 < 5 for h in range(8, 18)),
        "%Y-%m-%dT%H",
        HOUR,
    )
    assert missing(look(office, START + 25.3 * DAY)) == []
    at = START + 25.5 * DAY  # a Friday's noon
    assert missing(look(office, at)) == [f"2026-09-25T{h:02}" for h in (8, 9, 10)]


@pytest.mark.parametrize(
    "keys",
    [
        [f"customer-{n}" for n in range(100)],
        [f"{n:08}" for n in range(100)],
        [f"20{n:02}-13-01" for n in range(50)],
        [(START + n * n * DAY).strftime("%Y-%m-%d") for n in range(20)],
        ["2026-09-01", "2026-09-02"],
    ],
)
def test_keys_that_are_no_times_or_irregular_are_left_alone(keys: list[str]) -> None:
    there = dict.fromkeys(keys, PartitionSeen(START, START))
    judgement = look(there, START + 400 * DAY)
    assert (missing(judgement), judgement.due_at) == ([], None)


def test_what_was_due_before_the_dataset_was_known_is_not_judged() -> None:
    there = days(20, without=[3, 15])
    known = START + 10 * DAY
    assert missing(look(there, START + 20 * DAY, known=known)) == ["2026-09-15"]


def test_what_may_have_come_while_no_hub_was_there_is_not_missing() -> None:
    at = START + 21 * DAY
    blind = (Blind(at, at + 0.5 * HOUR, "the hub was down"),)
    seen = DatasetSeen(EntityName("db", "mart"), partitions=days(20), known_at=START, blind=blind)
    judgement = MissingPartition(Plan()).judge(seen, at + 40 * HOUR)
    assert missing(judgement) == ["2026-09-21"]


def test_partitions_that_a_backfill_wrote_tell_nothing_of_when_they_are_due() -> None:
    at = START + 30 * DAY
    there = {key: PartitionSeen(at, at) for key in days(20)}
    assert missing(look(there, at + HOUR, known=at)) == []


def test_no_more_are_open_than_people_can_look_at() -> None:
    judgement = look(days(20), START + 100 * DAY)
    told = missing(judgement)
    assert len(told) == MOST_OPEN
    more = look(days(20), START + 101.5 * DAY, *told)
    assert set(missing(more)) == set(told)


def test_a_key_far_ahead_or_long_ago_hides_nothing() -> None:
    odd = came(
        [datetime(2099, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)], "%Y-%m-%d", DAY
    )
    assert missing(look(days(20) | odd, START + 21.3 * DAY)) == ["2026-09-20"]
