"""Small pictures hold what they were given, and survive having nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.web.marks import Cell, Hour, bars, strip, track

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def test_nothing_is_drawn_of_nothing() -> None:
    assert strip([], "nothing") == ""
    assert "no run yet" in bars([])
    assert "<rect" not in track([], NOW)


def test_an_hour_tells_what_was_in_it() -> None:
    start = NOW.replace(minute=0)
    picture = track([Hour(start, 3, 1, 2, 0), Hour(start + timedelta(hours=1), expected=4)], NOW)
    assert "12:00 UTC: 3 completed, 1 failed, 2 incidents opened" in picture
    assert "13:00 UTC: 4 expected" in picture
    assert 'class="now" x1="12.0"' in picture


def test_results_stand_beside_each_other_and_the_one_in_question_stands_out() -> None:
    cells = [Cell("COMPLETED", "was <fine>", "run?id=1"), Cell("FAILED", "failed", here=True)]
    picture = strip(cells, "two")
    assert picture.count("<rect") == 2
    assert "s-failed here" in picture
    assert "was &lt;fine&gt;" in picture
    assert 'role="group"' in picture
