"""What a judgement comes to within a maintenance window, or on a day that a rule leaves out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.evaluate.maintenance import Maintenance, WindowGiven, Within
from hub.evaluate.quiet import Quiet, hushed, quiets
from hub.rules.base import Judgement, Status, Verdict
from hub.schedules.days import Choice, Days, Which

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
HOUR = timedelta(hours=1)


def window(begin: float, end: float) -> Quiet:
    given = WindowGiven(name="move", begin=NOON + begin * HOUR, end=NOON + end * HOUR)
    (found,) = quiets([Maintenance(given)], Within(), None)
    return found


def bad(key: str = "a", *, due: float | None = None) -> Verdict:
    at = None if due is None else NOON + due * HOUR
    return Verdict(Status.VIOLATED, key, "bad", since=at, due_at=at)


def counted(
    judgement: Judgement,
    *times: Quiet,
    open_now: frozenset[str] = frozenset(),
    absence: bool = True,
) -> Judgement:
    return hushed(judgement, open_now, times, NOON, absence=absence)


def test_without_a_window_it_stays_as_it_is() -> None:
    judgement = Judgement((bad(),), NOON + HOUR)
    assert counted(judgement) is judgement
    assert counted(judgement, window(1, 2)) == judgement


def test_what_is_so_within_a_window_is_unknown_until_it_ends() -> None:
    found = counted(Judgement((bad(),), NOON + 5 * HOUR), window(-1, 2))
    assert [v.status for v in found.verdicts] == [Status.UNKNOWN]
    assert "the maintenance window move" in found.verdicts[0].reason
    assert found.due_at == NOON + 2 * HOUR


def test_a_slot_that_was_due_before_is_awaited_until_the_window_ends() -> None:
    found = counted(Judgement((bad(due=-2),), awaits=NOON + 3 * HOUR), window(-1, 2))
    assert (found.due_at, found.awaits) == (NOON + 2 * HOUR, NOON - 2 * HOUR)


def test_a_slot_that_was_due_within_is_unknown_for_good() -> None:
    judgement = Judgement((bad(due=-2),), NOON + HOUR)
    found = counted(judgement, window(-3, -1))
    assert found.verdicts[0].status is Status.UNKNOWN
    assert (found.due_at, found.awaits) == (judgement.due_at, None)


def test_of_an_incident_that_is_open_and_of_an_end_everything_goes_through() -> None:
    verdicts = (bad("a"), Verdict(Status.OK, "b", "good"))
    found = counted(Judgement(verdicts), window(-1, 1), open_now=frozenset({"a", "b"}))
    assert found.verdicts == verdicts


def test_what_happened_is_marked_and_told() -> None:
    found = counted(Judgement((bad(due=-0.5),)), window(-1, 1), absence=False)
    assert found.verdicts[0].status is Status.VIOLATED
    assert found.verdicts[0].evidence == {"window": "move"}
    later = counted(Judgement((bad(due=-0.5),)), window(-1, -0.1), absence=False)
    assert later.verdicts[0].evidence == {"window": "move"}


def test_a_job_that_is_missing_in_a_window_does_not_make_its_orchestrator_silent() -> None:
    held = Judgement(awaits=NOON - HOUR, due_at=NOON + HOUR, held=True)
    assert not counted(held, window(-2, 1)).held
    assert not counted(held, window(-2, -0.5)).held
    assert counted(held, window(1, 2)).held


def test_on_a_day_that_is_left_out_nothing_is_told_until_the_next_that_counts() -> None:
    wednesdays = Days("wednesdays", which=Which.WEEKDAYS, weekdays=frozenset({2}))
    (off,) = quiets([], Within(), Choice(excluded=(wednesdays,)))
    for absence in (True, False):
        found = counted(Judgement((bad(),)), off, absence=absence)
        assert found.verdicts[0].status is Status.UNKNOWN
        assert "except wednesdays" in found.verdicts[0].reason
        assert found.due_at == datetime(2026, 11, 26, tzinfo=UTC)


def test_where_a_window_opens_as_another_ends_it_is_judged_after_both() -> None:
    found = counted(Judgement((bad(),)), window(-1, 1), window(-2, 3))
    assert found.due_at == NOON + HOUR
    later = hushed(Judgement((bad(),)), frozenset(), [window(-2, 3)], NOON + HOUR, absence=True)
    assert later.due_at == NOON + 3 * HOUR
