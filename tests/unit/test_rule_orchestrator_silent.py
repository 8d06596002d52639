"""An orchestrator is silent: it does not answer, says it is down, or most of its jobs are missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hub.model import EntityName, HealthStatus
from hub.rules.base import Judgement, OrchestratorSeen, Part, RollCall, Status
from hub.rules.orchestrator_silent import OrchestratorSilent, Patience

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DOWN = (Part("scheduler", HealthStatus.DOWN, "no heartbeat"),)


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def look(number: float, **told: Any) -> Judgement:
    seen = OrchestratorSeen(EntityName("", "airflow-prod"), **told)
    return OrchestratorSilent(Patience()).judge(seen, minute(number))


def test_one_that_answers_completely_is_not_silent() -> None:
    assert look(14, asked=True, complete_to=NOON).verdicts == ()


def test_one_that_gives_no_complete_answer_is_and_the_reason_stays_the_same() -> None:
    (first,) = look(16, asked=True, complete_to=NOON, failures=9, error="timed out").verdicts
    assert (first.status, first.since, first.key) == (Status.VIOLATED, NOON, NOON.isoformat())
    assert "timed out" in first.reason
    (later,) = look(20, asked=True, complete_to=NOON, failures=12, error="timed out").verdicts
    assert later.reason == first.reason


def test_it_is_over_when_it_answers_again() -> None:
    told = look(30, asked=True, complete_to=minute(29), open=frozenset({NOON.isoformat()}))
    assert [one.status for one in told.verdicts] == [Status.OK]


def test_one_whose_first_read_is_under_way_is_not_judged() -> None:
    assert look(600, asked=True).verdicts == ()


def test_a_part_that_is_down_is_given_two_minutes() -> None:
    first = look(0, parts=DOWN)
    assert (first.verdicts, first.due_at, first.awaits) == ((), minute(2), NOON)
    (told,) = look(2, parts=DOWN, awaits=NOON).verdicts
    assert (told.status, told.since) == (Status.VIOLATED, NOON)
    assert "scheduler (no heartbeat)" in told.reason
    still = look(2, parts=DOWN, awaits=NOON)
    assert still.due_at == minute(7), "not in every round"


def test_what_can_not_be_asked_is_not_down() -> None:
    unknown = (Part("scheduler", HealthStatus.UNKNOWN),)
    assert look(30, parts=unknown, awaits=NOON).verdicts == ()


def test_most_jobs_missing_is_silence_since_the_last_sign_of_life() -> None:
    call = RollCall(awaited=9, missing=5, met=0, since=NOON)
    (told,) = look(11, roll_call=call, last_event_at=minute(-20)).verdicts
    assert (told.status, told.since) == (Status.VIOLATED, minute(-20))


def test_most_jobs_missing_while_others_run_is_silence_since_the_first_slot() -> None:
    call = RollCall(awaited=9, missing=5, met=4, since=NOON)
    (told,) = look(11, roll_call=call, last_event_at=minute(10)).verdicts
    assert (told.status, told.since) == (Status.VIOLATED, NOON)


def test_half_of_the_jobs_missing_or_only_two_is_none() -> None:
    assert look(11, roll_call=RollCall(9, 5, 5, NOON)).verdicts == ()
    assert look(11, roll_call=RollCall(9, 2, 0, NOON)).verdicts == ()


def test_silence_is_over_with_a_sign_of_life_and_nobody_missing() -> None:
    opened = frozenset({NOON.isoformat()})
    assert look(30, last_event_at=minute(-1), open=opened).verdicts == ()
    waiting = RollCall(awaited=3, missing=1, met=9, since=NOON)
    assert look(30, last_event_at=minute(29), open=opened, roll_call=waiting).verdicts == ()
    told = look(30, last_event_at=minute(29), open=opened)
    assert [one.status for one in told.verdicts] == [Status.OK]
