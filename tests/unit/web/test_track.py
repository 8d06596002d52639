"""The track tells of each hour what ran, which slots were due, and what became of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.web.track import Hour, track

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
START = NOW.replace(minute=0)


def test_nothing_is_drawn_of_nothing() -> None:
    assert "<rect" not in track([], NOW)


def test_an_hour_tells_what_was_in_it() -> None:
    ahead = Hour(START + timedelta(hours=1), slots=4)
    picture = track([Hour(START, 3, 1, 2, 9, 1), ahead], NOW)
    told = "3 completed, 1 failed, 9 slots were due, 1 of them missed or late, 2 incidents opened"
    assert f"Mon 12:00 UTC: {told}" in picture
    assert "Mon 13:00 UTC: 4 slots to come" in picture
    assert 'class="now" x1="12.0"' in picture


def test_a_single_miss_among_many_is_seen() -> None:
    assert track([Hour(START, slots=10_000, missed=1)], NOW).count('class="s-failed"') == 1
