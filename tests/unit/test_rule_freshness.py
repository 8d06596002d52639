"""How old a dataset may get: by its age, at deadlines, and as it is usual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.baselines.intervals import fit_intervals
from hub.model import EntityName
from hub.rules.base import Blind, DatasetSeen, Judgement, PartitionSeen, Status
from hub.rules.freshness import Age, Freshness

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
MART = EntityName("db", "mart")


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def look(
    updated: float | None,
    at: float,
    *open_for: float,
    seen: dict[str, Any] | None = None,
    **own: Any,
) -> Judgement:
    """All times are hours since Monday's midnight; `open_for`: updates after which it got stale."""
    dataset = DatasetSeen(
        MART,
        last_update_at=None if updated is None else MONDAY + hours(updated),
        known_at=MONDAY,
        open=frozenset((MONDAY + hours(hour)).isoformat() for hour in open_for),
        **(seen or {}),
    )
    return Freshness(Age(**own)).judge(dataset, MONDAY + hours(at))


def bad(judgement: Judgement) -> bool:
    return any(one.status is Status.VIOLATED for one in judgement.verdicts)


def test_it_is_stale_once_it_is_older_than_it_may_get() -> None:
    assert look(0, 0.9, max_lag_s=3600).due_at == MONDAY + hours(1)
    (one,) = look(0, 1, max_lag_s=3600).verdicts
    assert (one.status, one.since) == (Status.VIOLATED, MONDAY + hours(1))
    assert one.reason == "was last updated 2026-11-23 00:00 UTC, which is more than 1 h ago"


def test_what_was_never_updated_is_as_old_as_what_is_known_of_it() -> None:
    (one,) = look(None, 2, max_lag_s=3600).verdicts
    assert one.reason.startswith("was never updated; known since 2026-11-23 00:00 UTC")
    assert one.evidence["lastUpdateAt"] is None


def test_an_update_ends_it_and_one_that_was_in_time_takes_it_back() -> None:
    (late,) = look(3, 3, 0, max_lag_s=7200).verdicts
    assert (late.status, late.retracted) == (Status.OK, False)
    (in_time,) = look(1, 2.5, 0, max_lag_s=7200).verdicts
    assert (in_time.status, in_time.retracted) == (Status.OK, True)


def test_stale_again_after_an_update_that_came_in_between_is_another_incident() -> None:
    over, again = look(1, 9, 0, max_lag_s=7200).verdicts
    assert (over.status, over.retracted) == (Status.OK, True)
    assert (again.status, again.key) == (Status.VIOLATED, (MONDAY + hours(1)).isoformat())


def test_where_nobody_asks_for_anything_nothing_is_said() -> None:
    assert look(0, 1000) == Judgement()
    assert [one.status for one in look(0, 1000, 0).verdicts] == [Status.OK]


def test_a_longer_age_that_is_allowed_by_now_ends_it() -> None:
    (one,) = look(0, 2, 0, max_lag_s=36_000).verdicts
    assert (one.status, one.retracted) == (Status.OK, False)


def test_own_settings_go_before_what_was_declared() -> None:
    declared = {"max_lag_s": 3600.0}
    assert bad(look(0, 2, seen=declared))
    assert not bad(look(0, 2, seen=declared, max_lag_s=10_800))
    with_cron = {"max_lag_s": 3600.0, "cron": "0 * * * *"}
    assert not bad(look(0, 2, seen=with_cron, max_lag_s=10_800))


@pytest.mark.parametrize(
    ("updated", "at", "stale"),
    [
        (7.5, 8.5, False),  # within the hour before the deadline of eight
        (6.5, 7.9, False),  # too early, but the deadline is still to come
        (6.5, 8, True),
        (8.5, 31.9, False),  # late, which holds until the next deadline
        (8.5, 32, True),
    ],
)
def test_a_deadline_asks_for_an_update_within_its_bound(
    updated: float, at: float, *, stale: bool
) -> None:
    assert bad(look(updated, at, cron="0 8 * * *", lower_bound_s=3600)) is stale


@pytest.mark.parametrize(
    ("updated", "at", "stale"),
    [(-10, 8.5, False), (-17, 8.5, True), (8, 31, False), (8.5, 32.5, False), (8.5, 56, True)],
)
def test_a_deadline_without_a_bound_asks_for_an_update_since_the_one_before(
    updated: float, at: float, *, stale: bool
) -> None:
    assert bad(look(updated, at, cron="0 8 * * *")) is stale


def test_a_deadline_is_that_of_its_time_zone_when_clocks_change() -> None:
    spring: dict[str, Any] = {
        "cron": "0 8 * * *",
        "timezone": "Europe/Berlin",
        "lower_bound_s": 3600.0,
    }
    saturday = datetime(2027, 3, 27, tzinfo=UTC) - MONDAY
    first = saturday / hours(1)
    judgement = look(first + 6.5, first + 8, **spring)
    assert judgement.due_at == datetime(2027, 3, 28, 6, tzinfo=UTC)


BOUNDS = st.integers(10, 600)
CRONS = st.sampled_from(
    ["0 8 * * *", "*/20 * * * *", "15 6,18 * * 1-5", "0 0 1 * *", "30 */3 * * *"]
)


@given(
    updates=st.lists(st.integers(-5000, 20_000), min_size=1, max_size=12),
    cron=CRONS,
    bound=BOUNDS,
    at=st.integers(0, 20_000),
)
def test_stale_is_what_the_last_deadline_that_passed_says(
    updates: list[int], cron: str, bound: int, at: int
) -> None:
    """As Dagster has it, told by brute force minute by minute."""
    from croniter import croniter

    now = MONDAY + timedelta(minutes=at)
    known = [minute for minute in updates if minute <= at] or [min(updates)]
    last = MONDAY + timedelta(minutes=max(known))
    tick = croniter(cron, now + timedelta(seconds=1)).get_prev(datetime)
    fresh = last >= tick - timedelta(minutes=bound)
    judgement = look(max(known) / 60, at / 60, cron=cron, lower_bound_s=bound * 60)
    assert bad(judgement) is not fresh


# -- learned -----------------------------------------------------------------------------------


def usual(*at: float) -> dict[str, Any]:
    return {"intervals": fit_intervals(MONDAY + hours(hour) for hour in at)}


DAILY = usual(*(-24 * day for day in range(20)))
WEEKDAYS = usual(*(-24 * day for day in range(1, 40) if day % 7 not in {1, 2}))


def test_the_next_update_is_late_a_quarter_after_it_is_usual() -> None:
    assert look(0, 29.9, seen=DAILY, learned=True).due_at == MONDAY + hours(30)
    (one,) = look(0, 30, seen=DAILY, learned=True).verdicts
    assert one.evidence == {
        "lastUpdateAt": MONDAY.isoformat(),
        "expectedS": 86_400,
        "limitS": 108_000,
        "samples": 19,
    }


def test_a_weekend_is_usual_where_there_was_never_an_update() -> None:
    friday = 4 * 24.0
    assert not bad(look(friday, friday + 73, seen=WEEKDAYS, learned=True))
    assert bad(look(friday, friday + 95, seen=WEEKDAYS, learned=True))
    assert bad(look(24, 24 + 31, seen=WEEKDAYS, learned=True))


def test_nothing_is_said_of_what_is_irregular_new_declared_or_paused() -> None:
    irregular = usual(*(-(day**2) * 3.7 % 911 for day in range(40)))
    young = usual(*(-float(hour) for hour in range(100)))
    declared = {**DAILY, "max_lag_s": 1e9}
    paused = {**DAILY, "paused": True}
    for seen in (irregular, young, declared, paused, {}):
        assert look(0, 5000, seen=seen, learned=True) == Judgement()


def test_a_burst_of_updates_is_one() -> None:
    burst = usual(*(-24 * day + part / 6 for day in range(20) for part in range(5)))
    assert bad(look(0, 31, seen=burst, learned=True))
    assert not bad(look(0, 29, seen=burst, learned=True))


# -- unheard -----------------------------------------------------------------------------------


def down(begin: float, end: float | None) -> dict[str, Any]:
    until = None if end is None else MONDAY + hours(end)
    return {"blind": (Blind(MONDAY + hours(begin), until, "the hub was down"),)}


def test_where_an_update_may_have_come_unheard_it_is_as_if_one_had() -> None:
    assert look(0, 2.5, seen=down(1.5, 1.6), max_lag_s=7200).due_at == MONDAY + hours(3.6)
    (one,) = look(0, 3.6, seen=down(1.5, 1.6), max_lag_s=7200).verdicts
    assert (one.status, one.since) == (Status.VIOLATED, MONDAY + hours(2))


def test_an_outage_when_no_update_was_expected_or_that_came_later_changes_nothing() -> None:
    for times in ((0.1, 0.9), (2.1, 2.2)):
        assert bad(look(0, 2.3, seen=down(*times), max_lag_s=7200))


def test_a_deadline_within_an_outage_is_passed_over() -> None:
    own = {"cron": "0 8 * * *", "lower_bound_s": 3600.0}
    assert look(-1, 9, seen=down(7.5, 7.7), **own).due_at == MONDAY + hours(32)
    assert bad(look(-1, 9, seen=down(6.5, 6.7), **own))


def test_nothing_is_stale_while_nothing_can_be_heard() -> None:
    judgement = look(0, 9, seen=down(1.5, None), max_lag_s=7200)
    assert judgement == Judgement((), MONDAY + hours(9.25))


# -- partitions --------------------------------------------------------------------------------


def test_the_newest_of_the_partitions_that_match_counts() -> None:
    seen = {
        "partitions": {
            "PL/1": PartitionSeen(MONDAY, MONDAY),
            "PL/2": PartitionSeen(MONDAY, MONDAY + hours(1)),
            "DE/1": PartitionSeen(MONDAY, MONDAY + hours(9)),
        }
    }
    (one,) = look(9, 9, seen=seen, max_lag_s=3600, partition="PL/*").verdicts
    assert one.reason.startswith("partition PL/* was last updated 2026-11-23 01:00 UTC")
    assert look(9, 9, seen=seen, max_lag_s=3600, partition="DE/*").verdicts == ()


def rhythm(days: int, hours_of_day: tuple[int, ...], weekdays: range) -> list[float]:
    """Hours since Monday, each with some minutes of delay."""
    found = []
    for day in range(days):
        if day % 7 in weekdays:
            found += [day * 24 + hour + (day * 7 + hour * 13) % 17 / 60 for hour in hours_of_day]
    return found


@pytest.mark.parametrize(
    "times",
    [
        rhythm(90, (6,), range(7)),
        rhythm(90, (6,), range(5)),
        rhythm(60, tuple(range(24)), range(7)),
        rhythm(90, tuple(range(8, 18)), range(5)),
        rhythm(60, (0, 6, 12, 18), range(7)),
        rhythm(400, (6,), range(1)),
    ],
    ids=["daily", "weekdays", "hourly", "office hours", "four a day", "weekly"],
)
def test_a_rhythm_is_learned_and_raises_no_false_alarm(times: list[float]) -> None:
    half, false, told = len(times) // 2, 0, 0
    known: dict[str, Any] = {}
    for n in range(half, len(times) - 1):
        if n % 5 == 0 or not known:
            known = usual(*times[max(0, n - 600) : n + 1])
        judgement = look(times[n], times[n + 1], seen=known, learned=True)
        false += bad(judgement)
        told += judgement.due_at is not None
    assert false == 0
    assert told >= 0.4 * half
