"""The picture of partitions: a place for each, coloured by how it stands."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hub.schedules.grids import Cell, PartitionStatus
from hub.schedules.layouts import Place, layout_of
from hub.web.grid import by_day, drawn, told, worst

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FAILED, MISSING, COMPLETE = (
    PartitionStatus.FAILED,
    PartitionStatus.MISSING,
    PartitionStatus.COMPLETE,
)


def day(at: date, status: PartitionStatus = COMPLETE) -> Cell:
    begin = datetime(at.year, at.month, at.day, tzinfo=UTC)
    return Cell(Place(at.isoformat(), begin, begin + timedelta(days=1)), status)


def layout_of_days() -> object:
    return layout_of([f"2026-11-{n:02}" for n in range(1, 20)], NOW)


def test_years_of_days_stand_below_each_other_the_latest_first() -> None:
    cells = [day(date(2025, 12, 31)), day(date(2026, 1, 1), FAILED), day(date(2026, 1, 2), MISSING)]
    picture = drawn(cells, layout_of_days())  # type: ignore[arg-type]
    assert picture.index(">2026<") < picture.index(">2025<")
    assert 'class="cell p-failed"' in picture
    assert 'data-day="2026-01-02"' in picture
    assert "<title>2025-12-31: complete</title>" in picture
    assert picture.count('class="cell') == 3


def test_hours_of_a_day_are_one_place_that_tells_the_worst() -> None:
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    cells = [
        Cell(
            Place(f"2026-11-01T{n:02}", begin + timedelta(hours=n), begin + timedelta(hours=n + 1)),
            MISSING if n == 3 else COMPLETE,
        )
        for n in range(24)
    ]
    layout = layout_of([cell.place.key for cell in cells], NOW)
    assert by_day(cells, layout) == {date(2026, 11, 1): {COMPLETE: 23, MISSING: 1}}
    picture = drawn(cells, layout)
    assert 'class="cell p-missing"' in picture
    assert "2026-11-01: 1 missing, 23 complete" in picture


def test_a_partition_that_is_no_time_is_text_in_the_picture() -> None:
    cells = [Cell(Place("<b>"), COMPLETE), Cell(Place("eu"), FAILED)]
    picture = drawn(cells, layout_of(["eu"], NOW))
    assert "<b>" not in picture
    assert "&lt;b&gt;: complete" in picture
    assert "data-day" not in picture


def test_the_worst_is_shown_and_all_are_told() -> None:
    assert worst({COMPLETE: 9, MISSING: 1}) is MISSING
    assert worst({MISSING: 9, FAILED: 1}) is FAILED
    assert told({COMPLETE: 1200, FAILED: 2}) == "2 failed, 1,200 complete"
