"""Small pictures hold what they were given, and survive having nothing."""

from __future__ import annotations

from hub.web.marks import Cell, bars, spark, strip


def test_nothing_is_drawn_of_nothing() -> None:
    assert strip([], "nothing") == ""
    assert spark([]) == ""
    assert "no run yet" in bars([])


def test_results_stand_beside_each_other_and_the_one_in_question_stands_out() -> None:
    cells = [Cell("COMPLETED", "was <fine>", "run?id=1"), Cell("FAILED", "failed", here=True)]
    picture = strip(cells, "two")
    assert picture.count("<rect") == 2
    assert "s-failed here" in picture
    assert "was &lt;fine&gt;" in picture
    assert 'role="group"' in picture
