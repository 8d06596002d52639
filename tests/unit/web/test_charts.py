"""Charts over time hold what they were given, and survive having nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from hub.web.charts import Amount, Bar, bars, line, step_of
from hub.web.words import number

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_nothing_is_drawn_of_nothing() -> None:
    assert line([], number, "rows") == ""
    assert bars([Bar(NOW.date(), (("b-run", 0, "none"),))], "launches") == ""


def test_amounts_are_a_line_with_a_dot_for_each() -> None:
    some = [Amount(NOW + timedelta(days=n), 10.0 * n, f"run?id={n}&job=a") for n in range(4)]
    picture = line(some, number, "rows")
    assert picture.count("<circle") == 4
    assert 'href="run?id=2&amp;job=a"' in picture
    assert ": 30<" in picture


def test_what_is_said_of_an_amount_is_text() -> None:
    picture = line([Amount(NOW, 0.0, None, "<b>")], number, "rows")
    assert "<b>" not in picture
    assert "&lt;b&gt;" in picture


def test_parts_of_a_day_stand_on_each_other() -> None:
    day = Bar(date(2026, 11, 30), (("b-good", 3, "3 kept"), ("b-bad", 1, "1 broken")))
    picture = bars([day, Bar(date(2026, 12, 1), ())], "objectives")
    assert "30 Nov: 3 kept, 1 broken" in picture
    assert "01 Dec: nothing" in picture
    assert picture.count('class="b-') == 2


@pytest.mark.parametrize(
    ("top", "step"), [(1, 0.25), (4, 1), (90, 25), (1300, 500), (2e9, 5e8), (0.02, 0.005)]
)
def test_lines_lie_a_round_number_apart(top: float, step: float) -> None:
    assert step_of(top) == pytest.approx(step)


def test_whole_things_are_counted_in_whole_numbers() -> None:
    assert step_of(2, whole=True) == 1
