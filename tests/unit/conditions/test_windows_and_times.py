"""Windows, deadlines and clocks, to the microsecond and through changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.model import EntityName
from hub.triggers.conditions import Arrival, Decision, Past, decide, parse
from tests.support.conditions import Said

TICK = timedelta(microseconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def update(number: int, name: str, when: datetime) -> Arrival:
    return Arrival(number, EntityName("db", name), "", when)


def looked(
    text: str, arrivals: list[Arrival], now: datetime, last: datetime | None = None
) -> Decision:
    return decide(parse(text), arrivals, Past(last), Said(), now)


def test_within_counts_both_ends() -> None:
    text, begin = "all(db/a, db/b) within 6h", at("2026-11-30T00:00")
    end = begin + timedelta(hours=6)
    assert looked(text, [update(1, "a", begin), update(2, "b", end)], end).satisfied
    apart = looked(text, [update(1, "a", begin), update(2, "b", end + TICK)], end + TICK)
    assert (apart.satisfied, apart.again_at) == (False, None)
    assert [wait.text for wait in apart.waiting_for] == [
        "waiting for updates of db/a, db/b within 6 h of each other"
    ]


def test_an_update_counts_until_it_is_so_old_and_not_then() -> None:
    text, begin = "db/a in the last 6h debounce 12h", at("2026-11-30T00:00")
    end = begin + timedelta(hours=6)
    before = looked(text, [update(1, "a", begin)], end - TICK)
    assert (before.ignored, before.again_at) == ((), end)
    assert [one.reason for one in looked(text, [update(1, "a", begin)], end).ignored] == [
        "it is older than 6 h"
    ]


def test_a_group_within_a_group_has_the_shorter_of_their_windows() -> None:
    text, begin = "all(any(db/a in the last 3h) in the last 1h, db/b)", at("2026-11-30T00:00")
    now = begin + timedelta(hours=1)
    found = looked(text, [update(1, "a", begin)], now)
    assert [one.reason for one in found.ignored] == ["it is older than 1 h"]


def test_a_window_within_a_window_must_hold_in_both() -> None:
    text = "all(all(db/a, db/b) within 1h, db/c) within 2h"
    hour = [at(f"2026-11-30T0{hour}:00") for hour in range(6)]
    far = [update(1, "a", hour[0]), update(2, "b", hour[1]), update(3, "c", hour[3])]
    assert not looked(text, far, hour[3]).satisfied
    near = [*far, update(4, "a", hour[2])]
    assert looked(text, near, hour[3]).satisfied


@pytest.mark.parametrize(
    ("zone", "clock", "after", "launches"),
    [
        ("Europe/Berlin", "07:00", "2026-11-30T05:59:59", "2026-11-30T06:00"),
        ("Europe/Berlin", "07:00", "2026-11-30T06:00", "2026-12-01T06:00"),
        ("Europe/Berlin", "07:00", "2026-03-28T06:30", "2026-03-29T05:00"),
        ("Europe/Berlin", "07:00", "2026-10-24T05:30", "2026-10-25T06:00"),
        ("Europe/Berlin", "02:30", "2026-03-28T12:00", "2026-03-29T01:30"),
        ("Europe/Berlin", "02:30", "2026-10-24T12:00", "2026-10-25T00:30"),
        ("Europe/Berlin", "02:30", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("Pacific/Apia", "07:00", "2011-12-29T12:00", "2011-12-29T17:00"),
        ("Pacific/Kiritimati", "00:00", "2026-11-30T10:30", "2026-12-01T10:00"),
        ("Pacific/Pago_Pago", "23:59", "2026-11-30T10:00", "2026-11-30T10:59"),
        ("+05:45", "00:00", "2026-11-30T00:00", "2026-11-30T18:15"),
    ],
)
def test_a_time_of_day_is_the_first_that_clocks_there_show(
    zone: str, clock: str, after: str, launches: str
) -> None:
    text = f"all(db/a, db/b) by {clock} {zone}"
    heard = [update(1, "a", at(after))]
    waiting = looked(text, heard, at(after))
    assert waiting.again_at == at(launches)
    assert not looked(text, heard, at(launches) - TICK).satisfied
    assert looked(text, heard, at(launches)).consumed == (1,)


def test_after_a_launch_the_next_deadline_counts_from_it() -> None:
    """What came before it and was heard of late does not launch at once what was due long ago."""
    text, heard = "all(db/a, db/b) by 07:00", [update(1, "a", at("2026-11-30T06:00"))]
    found = looked(text, heard, at("2026-11-30T09:00"), last=at("2026-11-30T07:00"))
    assert (found.satisfied, found.again_at) == (False, at("2026-12-01T07:00"))


def test_the_earlier_of_two_deadlines_decides() -> None:
    text = "all(db/a, db/b) by 07:00 at most 2h after the first"
    early = [update(1, "a", at("2026-11-30T04:00"))]
    late = [update(1, "a", at("2026-11-30T06:00"))]
    assert looked(text, early, at("2026-11-30T04:00")).again_at == at("2026-11-30T06:00")
    assert looked(text, late, at("2026-11-30T06:00")).again_at == at("2026-11-30T07:00")
    made = looked(text, early, at("2026-11-30T06:00"))
    assert made.note == "launched 2 h after the first update with 1 of 2: db/b is missing"


def test_a_stream_of_updates_does_not_keep_a_launch_away_for_ever() -> None:
    text, begin = "db/a debounce 5m at most 20m after the first", at("2026-11-30T00:00")
    heard = [update(n, "a", begin + timedelta(minutes=n)) for n in range(21)]
    assert not looked(text, heard[:20], begin + timedelta(minutes=19)).satisfied
    made = looked(text, heard, begin + timedelta(minutes=20))
    assert (made.satisfied, len(made.consumed)) == (True, 21)
    assert made.note == ("launched 20 min after the first update, though updates were still coming")


def test_a_tick_that_was_slept_through_is_made_up_for_once() -> None:
    text = 'db/a cron "0 7 * * *" Europe/Berlin'
    heard = [update(n, "a", at(f"2026-11-2{n}T12:00")) for n in (5, 6, 7)]
    made = looked(text, heard, at("2026-11-29T09:00"), last=at("2026-11-25T06:00"))
    assert (made.consumed, made.again_at) == ((5, 6, 7), None)
    more = [update(8, "a", at("2026-11-29T05:00"))]
    assert looked(text, more, at("2026-11-29T09:01"), last=at("2026-11-29T09:00")).again_at == (
        at("2026-11-30T06:00")
    )


def test_a_cron_that_never_comes_says_so() -> None:
    found = looked(
        'db/a cron "0 0 30 2 *"', [update(1, "a", at("2026-11-30T00:00"))], at("2026-11-30T00:00")
    )
    assert (found.satisfied, found.again_at) == (False, None)
    assert found.waiting_for[0].text == "waiting for a time that never comes (cron)"


def test_a_cron_looks_at_windows_as_of_its_time() -> None:
    text, heard = 'db/a in the last 1h cron "0 7 * * *"', [update(1, "a", at("2026-11-30T06:30"))]
    assert looked(text, heard, at("2026-11-30T09:00")).consumed == (1,)
    old = [update(1, "a", at("2026-11-30T05:30"))]
    found = looked(text, old, at("2026-11-30T06:45"))
    assert (found.ignored, found.again_at) == ((), at("2026-11-30T07:00"))
    assert looked(text, old, at("2026-11-30T07:00")).ignored[0].update_id == 1
