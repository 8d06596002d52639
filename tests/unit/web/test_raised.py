"""That a job has become slower is drawn from when on it has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.web.dots import Point, Raised, dots

AT = datetime(2026, 11, 1, tzinfo=UTC)
POINTS = [Point(AT + timedelta(days=n), 60 + n, "COMPLETED") for n in range(20)]


def drawn(days: int) -> str:
    return str(
        dots(POINTS, "runs", raised=Raised(AT + timedelta(days=days), "12% slower since <then>"))
    )


def test_the_time_since_then_is_shaded_and_told() -> None:
    text = drawn(10)
    assert 'class="raised"' in text
    assert 'class="rise"' in text
    assert "12% slower since &lt;then&gt;" in text


def test_what_began_before_all_that_is_drawn_has_no_edge() -> None:
    text = drawn(-5)
    assert 'class="raised" x="82.0"' in text
    assert 'class="rise"' not in text


def test_what_begins_after_all_of_it_is_not_drawn() -> None:
    assert "raised" not in drawn(30)
