"""Small pictures hold what they were given, and survive having nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.web.marks import Band, Hour, Point, bars, durations, track

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def test_nothing_is_drawn_of_nothing() -> None:
    assert durations([]) == ""
    assert "no run yet" in bars([])
    assert "<rect" not in track([], NOW)


def test_each_run_is_a_dot_that_leads_to_it() -> None:
    points = [
        Point(NOW - timedelta(hours=n), 60.0 * (n + 1), "COMPLETED", f"run?id={n}&job=a")
        for n in range(5)
    ]
    picture = durations(points, Band(120, 300))
    assert picture.count("<circle") == 5
    assert 'href="run?id=3&amp;job=a"' in picture
    assert "normal: 2 min" in picture
    assert "too long: 5 min" in picture


def test_a_single_run_of_no_length_is_drawn() -> None:
    assert durations([Point(NOW, 0.0, "FAILED")]).count("<circle") == 1


def test_an_hour_tells_what_was_in_it() -> None:
    start = NOW.replace(minute=0)
    picture = track([Hour(start, 3, 1, 2, 0), Hour(start + timedelta(hours=1), expected=4)], NOW)
    assert "12:00 UTC: 3 completed, 1 failed, 2 incidents opened" in picture
    assert "13:00 UTC: 4 expected" in picture
    assert 'class="now" x1="12.0"' in picture
