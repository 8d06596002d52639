"""A slot without a run: missed once its grace is over, and never a false one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from hub.model import EntityName, RunState, Schedule
from hub.rules.base import JobSeen, Judgement, RunSeen, Status
from hub.rules.missed_schedule import Grace, MissedSchedule
from hub.rules.slot_rule import MOST_OPEN
from hub.schedules.spans import Span

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOURLY = Span(Schedule("cron", "0 * * * *"), NOON - timedelta(days=30))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def ran(minute: float, *, nominal: bool = False, ends_after: float | None = 1) -> RunSeen:
    """A run that started so many minutes after noon."""
    at = NOON + minutes(minute)
    return RunSeen(
        id=round(minute * 60) + 1_000_000,
        natural_id=f"run {minute}",
        state=RunState.COMPLETED,
        attempt=1,
        sort_at=at,
        started_at=at,
        ended_at=None if ends_after is None else at + minutes(ends_after),
        nominal_at=NOON if nominal else None,
    )


EARLIER = tuple(ran(-60.0 * hour) for hour in range(1, 6))


def look(
    minute: float,
    *runs: RunSeen,
    waited: float | None = 10,
    spans: tuple[Span, ...] = (HOURLY,),
    open_keys: frozenset[str] = frozenset(),
    watched: bool = True,
) -> Judgement:
    """The judgement as of a minute after noon; the rule waits for the end of noon's grace."""
    seen = JobSeen(
        EntityName("prod", "load"),
        runs=(*reversed(runs), *EARLIER),
        spans=spans,
        watched=watched,
        open=open_keys,
        waited_for=None if waited is None else NOON + minutes(waited),
    )
    return MissedSchedule(Grace()).judge(seen, NOON + minutes(minute))


def found(judgement: Judgement) -> list[tuple[Status, str]]:
    return [(one.status, one.key[11:16]) for one in judgement.verdicts]


def test_a_slot_without_a_run_is_missed_when_its_grace_is_over() -> None:
    before = look(9.9)
    assert (found(before), before.due_at) == ([], NOON + minutes(10))
    after = look(10)
    assert found(after) == [(Status.VIOLATED, "12:00")]
    assert after.due_at == NOON + minutes(70)
    assert after.verdicts[0].since == NOON


def test_a_run_a_second_early_or_late_in_the_grace_is_the_slots_own() -> None:
    assert found(look(10, ran(-1 / 60))) == []
    assert found(look(10, ran(9))) == []


def test_what_was_due_before_the_rule_first_looked_is_not_judged() -> None:
    first = look(30, waited=None)
    assert (found(first), first.due_at) == ([], NOON + minutes(70))


def test_each_slot_is_judged_that_came_while_nobody_looked() -> None:
    assert found(look(200)) == [(Status.VIOLATED, f"1{hour}:00") for hour in (2, 3, 4, 5)][:4]


def test_a_missed_slot_is_over_when_its_run_comes_late() -> None:
    key = frozenset({NOON.isoformat()})
    late = look(31, ran(30), waited=70, open_keys=key)
    assert found(late) == [(Status.OK, "12:00")]
    assert "30 min late" in late.verdicts[0].reason


def test_a_missed_slot_is_over_when_a_later_one_has_its_run() -> None:
    key = frozenset({NOON.isoformat()})
    assert found(look(61, ran(60), waited=70, open_keys=key)) == [(Status.OK, "12:00")]


def test_a_slot_that_is_still_missing_stays_open_without_being_told_again() -> None:
    key = frozenset({NOON.isoformat()})
    assert found(look(50, waited=70, open_keys=key)) == []


def test_while_a_job_is_paused_nothing_is_missed() -> None:
    paused = Span(Schedule("cron", "0 * * * *", paused=True), NOON - minutes(5))
    before = Span(HOURLY.schedule, HOURLY.since, paused.since)
    assert found(look(100, spans=(before, paused))) == []


def test_an_edited_schedule_neither_loses_nor_invents_a_slot() -> None:
    edited = Span(Schedule("cron", "30 * * * *"), NOON + minutes(5))
    before = Span(HOURLY.schedule, HOURLY.since, edited.since)
    told = found(look(45, spans=(before, edited)))
    assert told == [(Status.VIOLATED, "12:00"), (Status.VIOLATED, "12:30")]


def test_a_job_that_may_run_once_at_a_time_misses_no_slot_while_it_runs() -> None:
    once = Span(Schedule("cron", "0 * * * *", max_active_runs=1), HOURLY.since)
    told = look(10, ran(-60, ends_after=None), spans=(once,))
    assert found(told) == [(Status.UNKNOWN, "12:00")]


def test_a_run_that_data_started_fills_no_slot() -> None:
    by_data = replace(ran(1), natural_id="asset_triggered__2026-11-25")
    assert found(look(10, by_data)) == [(Status.VIOLATED, "12:00")]


def test_a_grace_longer_than_the_distance_between_slots_is_waited_for() -> None:
    often = Span(Schedule("cron", "*/5 * * * *"), HOURLY.since)
    seen = JobSeen(
        EntityName("prod", "load"),
        spans=(often,),
        watched=True,
        waited_for=NOON + minutes(120),
    )
    rule = MissedSchedule(Grace(grace_s=7200))
    assert found(rule.judge(seen, NOON + minutes(120))) == [(Status.VIOLATED, "12:00")]


def test_a_dead_job_of_every_minute_has_a_bounded_number_of_incidents() -> None:
    often = Span(Schedule("cron", "* * * * *"), HOURLY.since)
    month = 60 * 24 * 29
    told = look(month, waited=1, spans=(often,))
    violated = [key for status, key in found(told) if status is Status.VIOLATED]
    assert len(violated) == MOST_OPEN
    keys = frozenset((NOON + minutes(n)).isoformat() for n in range(MOST_OPEN))
    assert look(month, waited=month, spans=(often,), open_keys=keys).verdicts == ()
    again = look(month, ran(month - 1), waited=month, spans=(often,), open_keys=keys)
    assert {one.status for one in again.verdicts} == {Status.OK}
    assert {one.key for one in again.verdicts} == keys


def test_slots_before_the_oldest_run_that_is_seen_are_not_judged() -> None:
    seen = JobSeen(
        EntityName("prod", "load"),
        runs=tuple(ran(5 + n / 10) for n in reversed(range(20))),
        spans=(HOURLY,),
        watched=True,
        waited_for=NOON + minutes(10),
        seen_from=NOON + minutes(5),
    )
    judged = MissedSchedule(Grace()).judge(seen, NOON + minutes(10))
    assert Status.VIOLATED not in {one.status for one in judged.verdicts}


def test_nothing_is_said_of_a_job_without_a_clock() -> None:
    manual = Span(Schedule("manual"), HOURLY.since)
    assert look(10, spans=(manual,)) == Judgement()
