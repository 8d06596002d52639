"""What is expected while schedules are edited, paused and resumed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.model import Schedule
from hub.schedules.spans import Span, expected

DAY = datetime(2026, 5, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOURLY = Schedule("cron", "0 * * * *")
HALF_PAST = Schedule("cron", "30 * * * *")
PAUSED = Schedule("cron", "0 * * * *", paused=True)


def clock(text: str) -> datetime:
    hour, minute = text.split(":")
    return DAY.replace(hour=int(hour), minute=int(minute))


def due(spans: list[Span], after: str = "00:30", until: str = "23:59") -> list[str]:
    return [f"{s.due_at:%H:%M}" for s in expected(spans, clock(after), clock(until))]


def test_an_edit_loses_no_slot_before_it_and_invents_none() -> None:
    spans = [Span(HOURLY, DAY, clock("02:40")), Span(HALF_PAST, clock("02:40"))]
    assert due(spans, until="05:00") == ["01:00", "02:00", "03:30", "04:30"]


def test_an_edit_at_the_very_instant_leaves_the_slot_to_the_old_schedule() -> None:
    spans = [Span(HOURLY, DAY, clock("02:00")), Span(HOURLY, clock("02:00"))]
    assert due(spans, until="03:00") == ["01:00", "02:00", "03:00"]


def test_while_paused_nothing_is_due() -> None:
    spans = [
        Span(HOURLY, DAY, clock("01:10")),
        Span(PAUSED, clock("01:10"), clock("04:50")),
        Span(HOURLY, clock("04:50")),
    ]
    assert due(spans, until="06:00") == ["01:00", "05:00", "06:00"]


def test_what_came_before_the_first_declaration_is_nobodys_slot() -> None:
    assert due([Span(HOURLY, clock("05:30"))], until="07:00") == ["06:00", "07:00"]


def test_a_schedule_of_datasets_expects_nothing() -> None:
    assert due([Span(Schedule("dataset", "{}"), DAY)]) == []


EDITS = st.lists(
    st.tuples(st.integers(1, 600), st.sampled_from([7, 10, 30, 60, 90]), st.booleans()),
    min_size=1,
    max_size=8,
)


@given(EDITS, st.integers(0, 2000), st.integers(0, 2000))
@settings(max_examples=200)
def test_each_minute_is_due_by_what_held_then(
    edits: list[tuple[int, int, bool]], first: int, length: int
) -> None:
    """Minutes from midnight; a schedule of every n minutes is due where n divides the minute."""
    starts = [sum(minutes for minutes, _, _ in edits[: n + 1]) for n in range(len(edits))]
    told = list(zip(starts, [*starts[1:], None], edits, strict=True))
    spans = [
        Span(
            Schedule("interval", f"PT{every}M", paused=paused, anchor=DAY),
            DAY + since * MINUTE,
            None if until is None else DAY + until * MINUTE,
        )
        for since, until, (_, every, paused) in told
    ]
    wanted = [
        minute
        for minute in range(first + 1, first + length + 1)
        for since, until, (_, every, paused) in told
        if since < minute <= (until or minute) and not paused and minute % every == 0
    ]
    found = expected(spans, DAY + first * MINUTE, DAY + (first + length) * MINUTE)
    assert [(slot.due_at - DAY) // MINUTE for slot in found] == wanted
