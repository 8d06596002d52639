"""Which jobs are late with another, when they go on, and which deadlines that concerns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hub.baselines.prediction import Leg, Root
from hub.evaluate.blast import Blast, Late, roots_of
from hub.model import RunState, Schedule
from hub.rules.base import RunSeen
from hub.schedules.spans import Span
from hub.store.expectations import Deadline

DAY = datetime(2026, 11, 23, tzinfo=UTC)


def at(hour: float, day: int = 0) -> datetime:
    return DAY + timedelta(days=day, hours=hour)


def run(begin: datetime, end: datetime | None, state: RunState = RunState.COMPLETED) -> RunSeen:
    number = int(begin.timestamp())
    return RunSeen(number, str(number), state, 1, begin, begin, end)


def by_clock(hour: int, *, paused: bool | None = None) -> list[Span]:
    return [Span(Schedule("cron", f"0 {hour} * * *", paused=paused), at(0, -30))]


def job(
    key: int,
    runs: Sequence[RunSeen] = (),
    spans: Sequence[Span] = (),
    reads: Sequence[int] = (),
) -> Late:
    return Late(key, reads, [key], None, runs, spans)


def daily(begin: float, end: float, days: int = 5) -> list[RunSeen]:
    """Runs of the last days, the latest first, today's not among them."""
    return [run(at(begin, -n), at(end, -n)) for n in range(1, days + 1)]


FAILED = run(at(2), at(2.5), RunState.FAILED)
STILL = run(at(2), None, RunState.RUNNING)


def blast(root: Late, *below: Late, now: float = 3, since: float = 2.5) -> Blast:
    jobs = {one.job: one for one in (root, *below)}
    return Blast(jobs, roots_of(jobs, [root.job], "failed_run", at(now)), at(since), at(now))


def leg(found: Blast, key: int) -> Leg | None:
    return next((one for one in found.legs if one.job == key), None)


def test_a_root_that_runs_is_known_by_its_start() -> None:
    jobs = {1: job(1, [STILL, *daily(2, 3)], by_clock(2))}
    assert roots_of(jobs, [1], "overrun", at(4)) == [Root(1, started_at=at(2))]


def test_runs_that_are_called_by_times_have_their_place_in_the_calendar_by_them() -> None:
    """As Airflow calls the run of a day's data, which starts a day later."""
    daily_data = [Span(Schedule("cron", "0 2 * * *", timing="interval"), at(0, -30))]
    runs = [RunSeen(1, "1", RunState.FAILED, 1, at(2), at(2), at(3), at(2, -1))]
    jobs = {1: job(1, runs, daily_data), 2: job(2, runs, daily_data, [1])}
    (root,) = roots_of(jobs, [1], "failed_run", at(4))
    assert (root.starts_at, root.slot_at) == (at(2, 1), at(2))
    found = leg(Blast(jobs, [root], at(3), at(4)), 2)
    assert found is not None
    assert (found.not_before, found.slot_at) == (at(2), at(2, -1))


def test_a_root_that_failed_goes_next_by_its_schedule() -> None:
    jobs = {1: job(1, [FAILED], by_clock(2))}
    assert roots_of(jobs, [1], "failed_run", at(4)) == [Root(1, starts_at=at(2, 1))]


def test_nobody_knows_when_a_root_goes_that_no_clock_starts_or_that_is_paused() -> None:
    jobs = {1: job(1, [FAILED]), 2: job(2, [FAILED], by_clock(2, paused=True))}
    assert roots_of(jobs, [1, 2], "failed_run", at(4)) == [Root(1), Root(2)]
    assert blast(jobs[1]).basis == "unknown"


def test_a_run_without_a_sign_of_life_is_not_waited_for() -> None:
    jobs = {1: job(1, [STILL], by_clock(2))}
    assert roots_of(jobs, [1], "stuck", at(4)) == [Root(1, starts_at=at(2, 1))]


def test_a_job_of_the_clock_waits_from_its_slot_of_the_same_turn() -> None:
    root = job(1, [STILL], by_clock(2))
    later, running = by_clock(6), run(at(2.5), None, RunState.RUNNING)
    found = blast(root, job(2, daily(6, 7), later, [1]), job(3, [running], by_clock(2), [1]), now=4)
    assert leg(found, 2) == Leg(2, [1], [2], None, at(6))
    assert leg(found, 3) == Leg(3, [1], [3], None, at(2))


def test_what_was_done_without_the_late_data_takes_them_in_at_its_next_slot() -> None:
    done = [run(at(3), at(3.5)), *daily(3, 3.5)]
    found = blast(job(1, [STILL], by_clock(2)), job(2, done, by_clock(3), [1]), now=4)
    assert leg(found, 2) == Leg(2, [1], [2], None, at(3, 1))


def test_a_job_that_data_start_has_no_slot() -> None:
    found = blast(job(1, [STILL]), job(2, daily(3, 4), reads=[1]))
    assert leg(found, 2) == Leg(2, [1], [2], None, None)


def test_a_job_that_was_seen_to_end_before_its_input_is_not_late_with_it() -> None:
    root = job(1, [STILL, *daily(2, 5)], by_clock(2))
    hasty = job(2, daily(3, 4), by_clock(3), [1])
    once = job(3, [*daily(5, 6), run(at(2.1, -1), at(2.2, -1))], by_clock(5), [1])
    found = blast(root, hasty, once)
    assert leg(found, 2) is None
    assert leg(found, 3) is not None


def test_a_paused_job_is_not_late() -> None:
    found = blast(job(1, [STILL]), job(2, daily(6, 7), by_clock(6, paused=True), [1]))
    assert leg(found, 2) is None


def due(subject: int, hour: float, slot: datetime | None = None, kind: str = "job") -> Deadline:
    return Deadline("sla", kind, subject, at(hour), slot)


def test_deadlines_of_the_slot_that_is_late_are_concerned() -> None:
    root = job(1, [STILL], by_clock(2))
    found = blast(root, job(2, daily(6, 7), by_clock(6), [1]))
    assert found.concerns(due(2, 8, at(6)), "late_finish")
    assert found.concerns(due(1, 4, at(2)), "late_finish")
    assert found.concerns(due(7, 8, kind="dataset"), "freshness")


def test_deadlines_that_have_passed_were_met_or_are_of_later_slots_are_not() -> None:
    root = job(1, [STILL], by_clock(2))
    done = job(2, [run(at(2.6), at(2.8)), *daily(2.6, 2.8)], by_clock(2), [1])
    found = blast(root, done)
    assert not found.concerns(due(2, 8, at(2)), "late_finish")
    assert not found.concerns(due(1, 28, at(2, 1)), "late_finish")
    assert not found.concerns(due(7, 2, kind="dataset"), "freshness")
    assert not found.concerns(due(9, 8), "late_finish")


def test_only_the_run_that_is_late_is_timed() -> None:
    running = run(at(2.9), None, RunState.RUNNING)
    waits, by_data = job(2, [running], by_clock(2), [1]), job(3, [running], reads=[1])
    found = blast(job(1, [STILL], by_clock(2)), waits, by_data)
    assert found.concerns(due(1, 4), "overrun")
    assert found.concerns(due(2, 4), "overrun")
    assert not found.concerns(due(3, 4), "overrun")
    assert not blast(job(1, [FAILED], by_clock(2))).concerns(due(1, 4), "overrun")
