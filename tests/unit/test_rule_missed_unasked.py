"""A slot without a run, of an orchestrator that is not asked: absence may be our own blindness."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from hub.model import EntityName, RunState, Schedule
from hub.rules.base import (
    FIRST_ROLL_CALL,
    HOLD,
    Blind,
    JobSeen,
    Judgement,
    RollCall,
    RunSeen,
    Status,
)
from hub.rules.missed_schedule import Grace, MissedSchedule
from hub.schedules.spans import Origin, Span

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOURLY = Span(Schedule("cron", "0 * * * *"), NOON - timedelta(days=30))
ALONE = RollCall(awaited=1)
MANY = RollCall(awaited=9)


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def ran(number: float, *, heard_after: float = 0) -> RunSeen:
    at = minute(number)
    return RunSeen(
        id=round(number * 60) + 1_000_000,
        natural_id=f"run {number}",
        state=RunState.COMPLETED,
        attempt=1,
        sort_at=at,
        started_at=at,
        ended_at=at,
        heard_at=at + timedelta(minutes=heard_after),
    )


def look(number: float, *runs: RunSeen, call: RollCall | None = ALONE, **told: Any) -> Judgement:
    """As of a minute after noon; the rule waits for noon's run, whose grace ends at ten past."""
    seen = JobSeen(
        EntityName("host", "backup"),
        runs=(*runs, *(ran(-60.0 * hour) for hour in range(1, 6))),
        spans=(HOURLY,),
        waited_for=minute(10),
        awaits=NOON,
        roll_call=call,
    )
    return MissedSchedule(Grace()).judge(replace(seen, **told), minute(number))


def statuses(judgement: Judgement) -> list[Status]:
    return [one.status for one in judgement.verdicts]


def test_a_single_dead_job_is_missed_at_once() -> None:
    assert statuses(look(10)) == [Status.VIOLATED]


def test_among_many_that_are_due_it_is_waited_for_the_others() -> None:
    first = look(10, call=MANY)
    assert (statuses(first), first.held, first.awaits) == ([], True, NOON)
    assert first.due_at == minute(10) + FIRST_ROLL_CALL


def test_it_is_missed_once_most_of_the_others_have_run() -> None:
    others = RollCall(awaited=9, missing=1, met=2, since=NOON)
    assert statuses(look(11, call=others, held=True)) == [Status.VIOLATED]


def test_most_missing_together_are_not_missed_each_by_itself() -> None:
    silent = RollCall(awaited=9, missing=5, met=2, since=NOON)
    told = look(11, call=silent, held=True)
    assert statuses(told) == [Status.UNKNOWN]
    assert not told.held
    assert told.awaits == minute(60)


def test_two_missing_of_two_are_missed_when_the_wait_is_over() -> None:
    two = RollCall(awaited=5, missing=2, met=0, since=NOON)
    assert look(12, call=two, held=True).held
    end = 10 + HOLD.total_seconds() / 60
    assert statuses(look(end, call=two, held=True)) == [Status.VIOLATED]


def test_a_run_that_comes_while_it_is_held_back_ends_the_wait() -> None:
    told = look(12, ran(11), call=MANY, held=True)
    assert (statuses(told), told.held, told.met_at) == ([], False, NOON)


def test_a_slot_while_the_hub_was_down_is_not_missed() -> None:
    down = Blind(minute(-5), minute(3), "the hub was down")
    told = look(10, blind=(down,))
    assert [(v.status, v.reason) for v in told.verdicts] == [(Status.UNKNOWN, "the hub was down")]


def test_an_outage_of_before_or_after_hides_nothing() -> None:
    before = Blind(minute(-50), minute(-1), "the hub was down")
    after = Blind(minute(11), minute(12), "the hub was down")
    assert statuses(look(15, blind=(before, after))) == [Status.VIOLATED]


def test_a_silence_that_lasts_hides_what_is_due_since() -> None:
    silence = Blind(minute(-30), None, "its orchestrator was silent")
    assert statuses(look(10, blind=(silence,))) == [Status.UNKNOWN]


def test_what_is_always_heard_late_is_waited_for() -> None:
    slow = tuple(ran(-60.0 * hour, heard_after=20) for hour in range(1, 6))
    early = look(10, runs=slow)
    assert (statuses(early), early.held, early.due_at) == ([], False, minute(30))
    assert statuses(look(30, runs=slow)) == [Status.VIOLATED]


def test_a_run_that_was_heard_late_takes_the_incident_back() -> None:
    late_news = ran(1, heard_after=30)
    told = look(31, late_news, open=frozenset({NOON.isoformat()}), waited_for=minute(70))
    (verdict,) = told.verdicts
    assert (verdict.status, verdict.retracted) == (Status.OK, True)
    started_late = look(31, ran(20), open=frozenset({NOON.isoformat()}), waited_for=minute(70))
    assert not started_late.verdicts[0].retracted


def test_a_job_that_has_never_told_of_a_run_is_not_waited_for() -> None:
    """A crontab was imported, say, and nobody has wrapped its lines."""
    judgement = look(10, runs=(), open=frozenset({NOON.isoformat()}))
    assert statuses(judgement) == [Status.OK]
    assert judgement.due_at is None


def test_one_that_the_operators_file_says_when_to_run_is_waited_for() -> None:
    told = replace(HOURLY, origin=Origin.FILE)
    assert statuses(look(10, runs=(), spans=(told,))) == [Status.VIOLATED]
