"""A run is not done by its deadline: told at the deadline, over when it completes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from hub.model import RunState, Schedule
from hub.rules.base import Judgement, RunSeen, Status
from hub.rules.late_finish import Deadline, LateFinish
from hub.schedules.slots import Slot
from hub.schedules.spans import Span
from tests.support.judged import HOURLY, NOON, at, run, seen, statuses

VIOLATED, OK = Status.VIOLATED, Status.OK
KEY = frozenset({NOON.isoformat()})
EARLIER = [run(-60.0 * hour, -60.0 * hour + 5) for hour in range(1, 6)]


def look(
    minute: float, *runs: RunSeen, waited: float | None = 30, is_open: bool = False
) -> Judgement:
    """As of a minute after the slot of noon, with 30 minutes to be done in."""
    job = seen(
        *EARLIER,
        *runs,
        spans=(HOURLY,),
        open=KEY if is_open else frozenset(),
        waited_for=None if waited is None else at(waited),
    )
    return LateFinish(Deadline(within_s=1800)).judge(job, at(minute))


def test_the_deadline_is_waited_for() -> None:
    assert (look(29, run(1)).verdicts, look(29, run(1)).due_at) == ((), at(30))
    assert look(30, run(1, 29)).verdicts == ()


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([], "no run came for it"),
        ([run(1)], "run run 1 still runs since 2026-11-25 12:01 UTC"),
        ([run(None, queued=2)], "run run 2 has waited since 2026-11-25 12:02 UTC"),
        ([run(1, 9, RunState.FAILED)], "run run 1 has failed at 2026-11-25 12:09 UTC"),
        ([run(1, 9, RunState.ABORTED)], "run run 1 has ended at 2026-11-25 12:09 UTC"),
    ],
)
def test_it_is_told_at_the_deadline_whatever_the_run_does(runs: list[RunSeen], said: str) -> None:
    (one,) = look(30, *runs).verdicts
    assert (one.status, one.since) == (VIOLATED, at(30))
    assert one.reason == f"the slot of 2026-11-25 12:00 UTC is not done in time: {said}"


def test_it_is_over_when_the_run_completes() -> None:
    assert statuses(look(50, run(1), waited=90, is_open=True)) == [VIOLATED]
    (one,) = look(50, run(1, 45), waited=90, is_open=True).verdicts
    assert (one.status, one.retracted) == (OK, False)
    assert (one.evidence["lateS"], "15 min" in one.reason) == (900, True)


def test_it_was_never_late_if_it_completed_in_time_and_was_heard_late() -> None:
    (one,) = look(50, run(1, 25), waited=90, is_open=True).verdicts
    assert (one.status, one.retracted) == (OK, True)


def test_a_second_run_of_the_slot_that_completes_does_it() -> None:
    failed = run(1, 9, RunState.FAILED, nominal_at=NOON)
    assert statuses(look(30, failed, run(10, 20, nominal_at=NOON))) == []
    assert statuses(look(30, failed, run(10, 40, nominal_at=NOON))) == [VIOLATED, OK]


def test_a_slot_that_is_never_done_is_over_when_a_later_one_is() -> None:
    found = look(70, run(1, 9, RunState.FAILED), run(61, 66), waited=90, is_open=True)
    assert statuses(found) == [VIOLATED, OK]


BERLIN = Schedule("cron", "0 2 * * *", timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("settings", "due", "limit"),
    [
        ({"within_s": 3600}, (2026, 11, 25, 1), (2026, 11, 25, 2)),
        ({"by": "06:30"}, (2026, 11, 25, 1), (2026, 11, 25, 5, 30)),
        ({"by": "06:30"}, (2026, 7, 25, 0), (2026, 7, 25, 4, 30)),
        ({"by": "06:30", "day_offset": 1}, (2026, 11, 25, 1), (2026, 11, 26, 5, 30)),
        ({"by": "06:30", "timezone": "UTC"}, (2026, 11, 25, 1), (2026, 11, 25, 6, 30)),
        # The slot is on the evening before.
        ({"by": "06:30"}, (2026, 11, 24, 21), (2026, 11, 25, 5, 30)),
        # 02:30 does not come on that day: clocks go from 2 to 3.
        ({"by": "02:30"}, (2026, 3, 29, 0), (2026, 3, 29, 1, 30)),
    ],
)
def test_a_deadline_is_by_the_clock_of_the_jobs_zone(
    settings: dict[str, Any], due: tuple[int, ...], limit: tuple[int, ...]
) -> None:
    at_due = datetime(*due, tzinfo=UTC)  # type: ignore[misc, arg-type]
    job = seen(spans=(Span(BERLIN, at_due - timedelta(days=300)),))
    found = LateFinish(Deadline.model_validate(settings)).limit_of(job, Slot(at_due, at_due))
    assert found == datetime(*limit, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "tell either within_s or by"),
        ({"by": "06:30", "within_s": 5}, "tell either within_s or by"),
        ({"by": "06:30+02:00"}, "without an offset"),
        ({"by": "06:30", "timezone": "Mars"}, "no time zone"),
    ],
)
def test_settings_that_tell_no_deadline_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Deadline.model_validate(settings)


def test_the_deadline_of_a_daily_job_by_the_clock_is_waited_for() -> None:
    job = seen(spans=(Span(BERLIN, NOON - timedelta(days=30)),), waited_for=None)
    rule = LateFinish(Deadline(by=time(6, 30)))
    assert rule.judge(job, NOON).due_at == datetime(2026, 11, 26, 5, 30, tzinfo=UTC)
