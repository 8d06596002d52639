"""A run's parts over time, and which of them made it last so long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.web.gantt import Bar, critical, gantt

_BEGIN = datetime(2026, 11, 23, 10, tzinfo=UTC)


def _bar(name: str, start: int, end: int, *, leaf: bool = True) -> Bar:
    begin, over = (_BEGIN + timedelta(minutes=n) for n in (start, end))
    return Bar(name, begin, over, "COMPLETED", "run", 1 - (not leaf), leaf)


def test_the_way_leads_over_what_ended_last_before_the_next_began() -> None:
    whole = _bar("whole", 0, 30, leaf=False)
    parts = [_bar("a", 0, 5), _bar("b", 0, 10), _bar("c", 5, 8), _bar("d", 10, 30), _bar("e", 8, 9)]
    assert [bar.name for bar in critical([whole, *parts])] == ["b", "d"]


def test_parts_that_took_no_time_make_no_circle() -> None:
    assert len(critical([_bar("a", 0, 0), _bar("b", 0, 0)])) == 1


def test_what_a_name_smuggles_in_is_text() -> None:
    assert "<script>" not in gantt([_bar("<script>", 0, 1)])
