"""What a message says, in which order, and what is left of it where room is short."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting import rendering
from hub.ports import Link, WhoIsHit
from tests.support.messages import FAILED, GROUP, HOSTILE, HUGE, LATE, at, life, opened


def labels(limit: int = 8000) -> list[str]:
    return [section.label for section in rendering.sections(FAILED, limit)]


def test_the_headline_tells_the_state_first() -> None:
    heads = [rendering.headline(delivery).partition(":")[0] for delivery in life()]
    assert heads == ["CRITICAL", "CRITICAL", "ACKNOWLEDGED", "RESOLVED"]


def test_what_is_read_first_stands_first() -> None:
    assert labels() == [
        "Since",
        "Cause",
        "Who is hit",
        "What to do",
        "Last error",
        "Latest runs",
        "What happened",
        "Rule",
    ]


def test_what_is_not_known_is_not_there() -> None:
    bare = replace(LATE, hit=[], trend=None, advice=None)
    found = [section.label for section in rendering.sections(bare)]
    assert found == ["Since", "What happened", "Rule"]


def test_what_matters_least_goes_first() -> None:
    """The steps go before the error, the error before what to do, and since when stays."""
    left = [set(labels(limit)) for limit in (8000, 1000, 600, 300, 70)]
    assert all(less <= more for more, less in pairwise(left))
    assert "What to do" in left[2]
    assert "Latest runs" not in left[2]
    assert left[-1] == {"Since"}


@given(st.integers(0, 9000))
def test_sections_stay_within_their_limit(limit: int) -> None:
    assert sum(len(section) for section in rendering.sections(HUGE, limit)) <= limit


@given(st.integers(50, 30_000))
def test_plain_text_stays_within_its_limit(limit: int) -> None:
    assert len(rendering.plain(opened(HUGE), limit)) <= limit


def test_plain_text_holds_all_that_is_known() -> None:
    told = rendering.plain(opened())
    for part in (
        "CRITICAL: warehouse.load_orders",
        "remaining connection slots",
        "pg_stat_activity",
    ):
        assert part in told
    assert "finance.daily_revenue (team finance): late at 07:30 UTC (94% likely)" in told
    assert "and 9 more" in told
    assert "Incident: https://trackside.example.org/incident?id=4711" in told


def test_a_long_list_of_who_is_hit_ends_with_how_many_more() -> None:
    hit = next(part for part in rendering.sections(GROUP) if part.label == "Who is hit")
    assert len(hit.lines) == rendering.HITS + 1
    assert hit.lines[-1] == "and 190 more"


def test_who_is_hit_is_named_without_a_time_if_none_is_known() -> None:
    message = replace(LATE, hit=[WhoIsHit("a.b")])
    assert "Who is hit: a.b\n" in rendering.plain(opened(message))


def test_how_long_it_lasted_is_told_when_it_is_over() -> None:
    assert "Since: Wed 25 Nov 01:53 UTC to 02:52 UTC (59 min)" in rendering.plain(life()[-1])


def test_when_it_was_noticed_is_told_if_that_was_later() -> None:
    assert rendering.sections(FAILED)[0].text == "Wed 25 Nov 01:53 UTC, noticed 02:04 UTC"
    soon = replace(FAILED, opened_at=FAILED.since)
    assert rendering.sections(soon)[0].text == "Wed 25 Nov 01:53 UTC"


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (timedelta(seconds=20), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(days=3), "3 d"),
        (timedelta(days=3, hours=4, minutes=7), "3 d 4 h"),
    ],
)
def test_durations_have_two_units_at_most(length: timedelta, told: str) -> None:
    assert rendering.duration(length) == told


def test_the_start_and_the_end_of_a_long_error_are_kept() -> None:
    error = "\n".join(["first", *["x" * 80] * 100, "last"])
    told = rendering.sections(replace(LATE, error=error))
    part = next(part for part in told if part.label == "Last error")
    assert part.lines[0] == "first"
    assert part.lines[-1] == "last"
    assert len(part.text) <= rendering.ERROR_CHARS


def test_control_characters_and_turned_text_are_taken_out() -> None:
    told = rendering.plain(opened(HOSTILE))
    assert not set(told) & {"\x00", "\x1b", "\u202e", "\r", "\ud800"}
    assert "red" in told


def test_only_web_addresses_are_links() -> None:
    assert [link.url for link in rendering.links(HOSTILE)] == [HOSTILE.links[0].url]


def test_a_link_has_a_text() -> None:
    message = replace(LATE, links=[Link(" \n", "https://a.example/b")])
    assert rendering.links(message) == [Link("Open", "https://a.example/b")]


@pytest.mark.parametrize("call", ["@here", "@everyone", "<!channel>", "<@U1>", "<#C1>", "<@&7>"])
def test_mentions_are_broken(call: str) -> None:
    told = rendering.without_mentions(f"job {call} failed")
    assert call not in told
    assert told.replace("\N{ZERO WIDTH SPACE}", "") == f"job {call} failed"


def test_steps_of_people_name_them() -> None:
    assert rendering.updates(life()[2].message.updates)[-1] == "02:15 acknowledged (ana)"


def test_times_are_told_in_utc_with_their_day_where_it_is_another() -> None:
    assert rendering.moment(at(61)) == "Wed 25 Nov 03:01 UTC"
    assert rendering.moment(at(61), at(0)) == "03:01 UTC"
    assert rendering.moment(at(61), at(-180)) == "Wed 25 Nov 03:01 UTC"


def test_what_is_over_needs_no_advice_and_no_prediction() -> None:
    told = rendering.plain(life()[-1])
    assert "What to do" not in told
    assert "late at" not in told
    assert "finance.daily_revenue (team finance)\n" in told
