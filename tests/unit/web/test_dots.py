"""Dots over time against what is normal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.web.dots import COUNTS, Band, Point, dots

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def test_nothing_is_drawn_of_nothing() -> None:
    assert dots([], "none") == ""


def test_each_run_is_a_dot_that_leads_to_it() -> None:
    points = [
        Point(NOW - timedelta(hours=n), 60.0 * (n + 1), "COMPLETED", f"run?id={n}&job=a")
        for n in range(5)
    ]
    picture = dots(points, "how long they took", Band(120, 300))
    assert picture.count("<circle") == 5
    assert 'href="run?id=3&amp;job=a"' in picture
    assert "normal: 2 min" in picture
    assert "limit: 5 min" in picture


def test_the_one_in_question_has_a_ring_and_is_drawn_over_the_others() -> None:
    points = [Point(NOW, 60, "FAILED", here=True), Point(NOW + timedelta(hours=1), 5, "COMPLETED")]
    picture = dots(points, "two")
    assert picture.index('class="here"') > picture.index("s-completed")


def test_a_single_run_of_no_length_is_drawn() -> None:
    assert dots([Point(NOW, 0.0, "FAILED")], "one").count("<circle") == 1


def test_what_came_too_early_is_drawn_at_no_less_than_nothing() -> None:
    picture = dots([Point(NOW, -30, "COMPLETED"), Point(NOW, 60, "COMPLETED")], "two")
    assert 'cy="196.0"' in picture


def test_amounts_are_said_as_amounts() -> None:
    picture = dots([Point(NOW, 1500, "COMPLETED")], "rows", Band(1000, 2000, 500), COUNTS)
    assert "1,000" in picture
    assert "at least: 500" in picture
