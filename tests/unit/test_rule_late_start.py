"""A run starts late: told before it starts, over when it does, never told of one in time."""

from __future__ import annotations

from hub.model import RunState
from hub.rules.base import Blind, Judgement, RollCall, RunSeen, Status
from hub.rules.late_start import LateStart, Start
from hub.schedules.spans import Span
from tests.support.judged import HOURLY, NOON, at, run, seen, statuses

VIOLATED, OK, UNKNOWN = Status.VIOLATED, Status.OK, Status.UNKNOWN
KEY = frozenset({NOON.isoformat()})
EARLIER = [run(-60.0 * hour, -60.0 * hour + 5) for hour in range(1, 6)]


def look(
    minute: float,
    *runs: RunSeen,
    waited: float | None = 15,
    is_open: bool = False,
    spans: tuple[Span, ...] = (HOURLY,),
    seen_from: float | None = None,
) -> Judgement:
    """As of a minute after the slot of noon, with 15 minutes to start in."""
    job = seen(
        *EARLIER,
        *runs,
        spans=spans,
        open=KEY if is_open else frozenset(),
        waited_for=None if waited is None else at(waited),
        seen_from=None if seen_from is None else at(seen_from),
    )
    return LateStart(Start(after_s=900)).judge(job, at(minute))


def test_a_slot_whose_run_has_not_started_is_told_at_its_limit() -> None:
    before = look(14.9)
    assert (statuses(before), before.due_at) == ([], at(15))
    after = look(15)
    assert statuses(after) == [VIOLATED]
    assert after.due_at == at(75)
    (one,) = after.verdicts
    assert one.since == at(15)
    assert one.reason == "no run has started for the slot of 2026-11-25 12:00 UTC within 15 min"


def test_a_run_that_waits_in_a_queue_has_not_started() -> None:
    (one,) = look(15, run(None, queued=0.5)).verdicts
    assert one.status is VIOLATED
    assert "it has waited since 2026-11-25 12:00 UTC" in one.reason
    assert one.evidence["run"] == "run 0.5"


def test_a_run_that_has_started_in_time_is_not_told() -> None:
    assert statuses(look(15, run(14.9))) == []
    assert statuses(look(15, run(-0.3, 3))) == []
    assert statuses(look(15, run(None, 3, RunState.FAILED, queued=2))) == []


def test_it_is_over_when_the_run_starts() -> None:
    assert statuses(look(21, run(20), waited=75, is_open=True)) == [OK]
    assert statuses(look(21, run(None, queued=1), waited=75, is_open=True)) == [VIOLATED]


def test_a_run_that_started_late_before_anybody_looked_was_late_and_is_over() -> None:
    found = look(40, run(20))
    assert statuses(found) == [VIOLATED, OK]
    assert found.verdicts[1].reason == "run run 20 started 5 min after it should have"


def test_it_was_never_late_if_the_start_was_only_heard_late() -> None:
    (one,) = look(21, run(3), waited=75, is_open=True).verdicts
    assert (one.status, one.retracted) == (OK, True)


def test_a_slot_that_never_gets_a_run_is_over_when_a_later_one_starts() -> None:
    found = look(75, run(61), waited=75, is_open=True)
    assert statuses(found) == [VIOLATED, OK]


def test_a_repeated_run_of_the_slot_does_not_hide_that_the_first_was_in_time() -> None:
    first = run(1, 2, RunState.FAILED, nominal_at=NOON)
    again = run(30, 35, nominal_at=NOON)
    assert statuses(look(40, first, again)) == []


def test_what_was_due_before_the_rule_first_looked_is_not_judged() -> None:
    first = look(30, waited=None)
    assert (statuses(first), first.due_at) == ([], at(75))


def test_a_slot_that_no_schedule_demands_any_more_is_over() -> None:
    edited = Span(HOURLY.schedule, at(30))
    assert statuses(look(40, spans=(edited,), waited=75, is_open=True)) == [OK]
    assert statuses(look(40, spans=(), is_open=True)) == [OK]


def test_nothing_is_said_of_slots_before_the_runs_that_are_seen() -> None:
    assert statuses(look(15, seen_from=5)) == [UNKNOWN]


def test_what_is_heard_of_late_is_waited_for_where_nobody_can_ask() -> None:
    heard = [run(-60.0 * n, -60.0 * n + 5, heard_at=at(-60.0 * n + 2)) for n in range(1, 6)]
    rule = LateStart(Start(after_s=900))
    unasked = seen(*heard, spans=(HOURLY,), waited_for=at(17), awaits=NOON)
    early = rule.judge(unasked, at(16))
    assert (statuses(early), early.due_at, early.awaits) == ([], at(17), NOON)
    assert statuses(rule.judge(unasked, at(17))) == [VIOLATED]
    asked = seen(*heard, spans=(HOURLY,), waited_for=at(15), awaits=NOON, watched=True)
    assert statuses(rule.judge(asked, at(15))) == [VIOLATED]


def test_a_slot_that_was_judged_is_not_judged_again_when_runs_are_heard_of_sooner() -> None:
    rule = LateStart(Start(after_s=900))
    job = seen(*EARLIER, spans=(HOURLY,), waited_for=at(77), awaits=at(60))
    assert statuses(rule.judge(job, at(40))) == []
    assert statuses(rule.judge(job, at(76))) == [VIOLATED]


def test_nothing_is_said_of_a_time_in_which_nobody_could_hear() -> None:
    down = Blind(at(5), at(10), "the hub was down")
    job = seen(*EARLIER, spans=(HOURLY,), waited_for=at(15), blind=(down,))
    (one,) = LateStart(Start(after_s=900)).judge(job, at(15)).verdicts
    assert (one.status, one.reason) == (UNKNOWN, "the hub was down")


def test_after_a_long_outage_no_more_than_twenty_slots_are_told() -> None:
    assert statuses(look(60 * 40)).count(VIOLATED) == 20


def called(minute: float, *runs: RunSeen, held: bool = False, **call: int) -> Judgement:
    """As of a minute, where the roll of the orchestrator's jobs was called; it only pushes."""
    roll = RollCall(since=NOON, **call)
    job = seen(
        *EARLIER, *runs, spans=(HOURLY,), waited_for=at(15), roll_call=roll, held=held, awaits=NOON
    )
    return LateStart(Start(after_s=900)).judge(job, at(minute))


def test_a_slot_without_a_run_waits_for_what_becomes_of_the_other_jobs() -> None:
    first = called(15, awaited=5)
    assert (statuses(first), first.held, first.awaits) == ([], True, NOON)
    assert first.due_at is not None
    assert at(15) < first.due_at < at(16)
    alone = called(16, held=True, awaited=5, missing=1, met=4)
    assert statuses(alone) == [VIOLATED]
    (together,) = called(16, held=True, awaited=5, missing=4, met=1).verdicts
    assert together.status is UNKNOWN
    assert together.reason == "4 jobs of its orchestrator are missing together"


def test_a_run_that_waits_is_late_whoever_else_is_missing() -> None:
    assert statuses(called(15, run(None, queued=0.5), awaited=5, missing=4)) == [VIOLATED]


def test_long_after_its_slot_a_slot_without_a_run_is_judged_by_itself() -> None:
    roll = RollCall(awaited=5, missing=4, met=1, since=NOON)
    job = seen(*EARLIER, spans=(HOURLY,), waited_for=at(30), roll_call=roll, awaits=NOON)
    late = LateStart(Start(after_s=1800)).judge(job, at(30))
    assert (statuses(late), late.held) == ([VIOLATED], False)
