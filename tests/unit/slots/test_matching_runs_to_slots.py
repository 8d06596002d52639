"""Which run answers which slot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

from hub.schedules.matching import Matching, Origin, Start, match
from hub.schedules.slots import Slot

MINUTE = timedelta(minutes=1)
SIX = datetime(2026, 5, 4, 6, tzinfo=UTC)
HOURLY = [Slot(SIX + n * 60 * MINUTE, SIX + n * 60 * MINUTE) for n in range(5)]


def at(hour: float, run: int = 1, *, named: float | None = None, by: str = "unknown") -> Start:
    """Hours after six."""
    nominal = None if named is None else SIX + named * 60 * MINUTE
    return Start(run, SIX + hour * 60 * MINUTE, nominal, Origin(by))


def runs(matching: Matching) -> list[int | None]:
    starts = [matching.of(slot) for slot in HOURLY]
    return [None if start is None else start.run for start in starts]


def test_a_run_a_second_early_is_the_slots_own() -> None:
    found = match(HOURLY, [at(n - 1 / 3600, n) for n in range(5)])
    assert runs(found) == [0, 1, 2, 3, 4]
    assert not found.extra


def test_a_missing_run_does_not_shift_the_others() -> None:
    found = match(HOURLY, [at(n + 0.01, n) for n in (0, 1, 3, 4)])
    assert runs(found) == [0, 1, None, 3, 4]
    assert found.open == [HOURLY[2]]


def test_a_run_that_comes_after_the_next_slot_is_due_finds_its_own() -> None:
    found = match(HOURLY, [at(0), at(2.1, 1), at(2.2, 2), at(3, 3), at(4, 4)])
    assert runs(found) == [1, 1, 2, 3, 4]


def test_runs_that_come_in_a_bunch_after_an_outage_answer_all_slots() -> None:
    assert runs(match(HOURLY, [at(3.5, n) for n in range(4)])) == [0, 1, 2, 3, None]


def test_what_was_missed_long_ago_is_not_answered_by_a_second_run_today() -> None:
    found = match(HOURLY, [at(1, 1), at(2, 2), at(3, 3), at(4, 4), at(4.1, 5)])
    assert found.open == [HOURLY[0]]
    assert [start.run for start in found.extra] == [5]


def test_a_name_decides_before_time() -> None:
    found = match(HOURLY, [at(0, 6), at(4.5, 7, named=1), at(1.0, 8)])
    assert runs(found) == [6, 7, None, None, None]
    assert found.extra == [at(1.0, 8)]


def test_a_name_that_no_slot_has_takes_none() -> None:
    assert match(HOURLY, [at(2.5, named=2.5, by="scheduled")]).open == HOURLY


def test_of_one_name_the_schedulers_run_goes_first_and_the_others_take_nothing() -> None:
    by_hand, first, again = at(0, 1, named=0, by="manual"), at(0.2, 2, named=0), at(3, 3, named=0)
    for order in permutations([by_hand, first, again]):
        found = match(HOURLY, order)
        assert runs(found) == [2, None, None, None, None]
        assert found.extra == [by_hand, again]


def test_a_manual_run_takes_no_slot_that_the_clock_has_answered() -> None:
    found = match(HOURLY, [at(0.1, 1, by="manual"), at(0.5, 2)])
    assert runs(found) == [2, None, None, None, None]


def test_a_manual_run_answers_what_nothing_else_does_until_the_next_slot() -> None:
    assert runs(match(HOURLY, [at(0.9, 1, by="manual")])) == [1, None, None, None, None]
    assert runs(match(HOURLY, [at(1.1, 1, by="manual")])) == [None, 1, None, None, None]


def test_a_backfill_answers_the_slot_it_is_called_by() -> None:
    assert runs(match(HOURLY, [at(30, 1, named=2, by="backfill")])) == [None, None, 1, None, None]


def test_a_run_that_data_started_answers_no_slot() -> None:
    assert match(HOURLY, [at(2, by="dataset")]).open == HOURLY


def test_a_run_long_before_the_first_slot_answers_none() -> None:
    assert match(HOURLY, [at(-0.5)]).open == HOURLY


def test_without_slots_all_is_extra() -> None:
    assert match([], [at(1), at(0)]).extra == [at(0), at(1)]
