"""Which rows are too old: pure decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.settings.sections import Retention
from hub.store.partitions import week_of
from hub.store.retention import POLICIES, Candidate, decide, droppable, floors, surplus

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=3), NOW + timedelta(days=3)


def test_what_is_older_than_the_horizon_goes_unless_it_is_kept() -> None:
    page = [Candidate((1,), OLD), Candidate((2,), OLD, kept=True), Candidate((3,), YOUNG)]
    decision = decide(page, NOW)
    assert (decision.expired, decision.finished) == ([(1,)], False)


def test_a_page_with_nothing_old_ends_the_search() -> None:
    assert decide([Candidate((3,), YOUNG), Candidate((4,), NOW)], NOW).finished
    assert decide([], NOW).finished
    assert not decide([Candidate((2,), OLD, kept=True)], NOW).finished


def test_the_slowest_reader_of_each_writer_counts() -> None:
    cursors = [("evaluate", 1, 10), ("evaluate", 2, 5), ("trigger", 1, 7)]
    assert floors(cursors, [1, 2, 3]) == {1: 7, 2: 0, 3: 0}


def test_without_readers_nothing_is_held_back() -> None:
    assert floors([], [1]) == {1: None}


def test_a_week_is_dropped_when_it_is_over_and_all_have_read_it() -> None:
    over, current = week_of("change", NOW - timedelta(weeks=2)), week_of("change", NOW)
    weeks = [(over, {1: 100, 2: 50}), (current, {1: 200})]
    assert droppable(weeks, NOW, {1: 100, 2: 50}) == [over]
    assert droppable(weeks, NOW, {1: 100, 2: 49}) == []
    assert droppable(weeks, NOW, {1: None, 2: None}) == [over]


@pytest.mark.parametrize(
    ("bound", "gone"), [(60, []), (59, [1]), (50, [1]), (49, [1, 2]), (0, [1, 2, 3])]
)
def test_the_oldest_dead_letters_make_room(bound: int, gone: list[int]) -> None:
    assert surplus([(1, 10), (2, 20), (3, 30)], 60, bound) == gone


def test_every_setting_of_retention_rules_some_table() -> None:
    assert {policy.setting for policy in POLICIES} == set(Retention.model_fields)
