"""Work that waits: over a limit, or over what is usual for its pool."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.model import EntityName
from hub.rules.backlog import Backlog, Limits
from hub.rules.base import OrchestratorSeen, Queue, Status, Verdict, Waiting

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def samples(*queued: int, wait_s: float | None = None) -> list[Waiting]:
    """One a minute, the last at noon."""
    first = NOON - timedelta(minutes=len(queued) - 1)
    return [
        Waiting(first + timedelta(minutes=n), one, oldest_wait_s=wait_s)
        for n, one in enumerate(queued)
    ]


def look(
    held: Sequence[Waiting],
    *,
    opened: Sequence[str] = (),
    minute: float = 0,
    peaks: Sequence[int] = (),
    **limits: Any,
) -> list[Verdict]:
    seen = OrchestratorSeen(
        EntityName("", "airflow"), backlog={"etl": Queue(held, peaks)}, open=frozenset(opened)
    )
    rule = Backlog(Limits(**limits))
    return list(rule.judge(seen, NOON + timedelta(minutes=minute)).verdicts)


def test_three_samples_in_a_row_over_the_limit_are_too_much() -> None:
    assert look(samples(90, 11, 12), max_queued=10) != []
    assert look(samples(90, 9, 12), max_queued=10) == []
    (told,) = look(samples(1, 11, 12, 13), max_queued=10)
    assert (told.status, told.key, told.since) == (
        Status.VIOLATED,
        "etl",
        NOON - timedelta(minutes=2),
    )
    assert told.evidence["growthPerMinute"] == 4


def test_what_waits_too_long_is_too_much_however_little_it_is() -> None:
    assert look(samples(1, 1, 1, wait_s=700), max_wait_s=600) != []
    assert look(samples(1, 1, 1, wait_s=500), max_wait_s=600) == []


def test_it_is_over_with_the_first_sample_under_the_limit() -> None:
    (told,) = look(samples(11, 12, 9), opened=["etl"], max_queued=10)
    assert told.status is Status.OK
    (still,) = look(samples(9, 9, 12), opened=["etl"], max_queued=10)
    assert still.status is Status.VIOLATED


def test_without_a_limit_the_usual_of_this_time_of_day_is_learned() -> None:
    (told,) = look(samples(41, 41, 41), peaks=[20, 5, 20])
    assert (told.evidence["usual"], told.evidence["limit"]) == (20, 40)
    assert look(samples(39, 39, 39), peaks=[20, 5, 20]) == []
    assert look(samples(400, 400, 400)) == []


def test_what_went_wrong_on_one_day_is_not_usual_but_what_comes_once_a_week_is() -> None:
    assert look(samples(90, 90, 90), peaks=[500, 20, 20, 20, 20, 20, 20]) != []
    assert look(samples(90, 90, 90), peaks=[20, 20, 20, 20, 20, 20, 60]) == []


def test_old_samples_say_nothing_of_now() -> None:
    assert look(samples(90, 90, 90), max_queued=10, minute=16) == []


def test_other_pools_are_left_alone() -> None:
    assert look(samples(90, 90, 90), max_queued=10, pool="bi*") == []
