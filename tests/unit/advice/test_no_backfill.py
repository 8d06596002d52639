"""What a job has not done and cannot make up for."""

from __future__ import annotations

from typing import Any

from hub.advice.base import Advice
from hub.model import RunState, Schedule
from hub.schedules.spans import Span
from tests.support.advised import DAYS, advice, daily, dataset, day, ends, job, updates, world

OFF = Schedule("cron", "0 4 * * *", catchup=False)
LOST = (7, 8, 13)


def found(
    *, of_job: dict[str, Any], of_data: dict[str, Any] | None = None, **more: Any
) -> list[Advice]:
    runs = of_job["runs"]
    told: dict[str, Any] = {"updates": updates(ends(runs)), "writers": frozenset({1})}
    data = dataset(10, "orders", **(told | (of_data or {})))
    load = job(1, "load", writes=frozenset({10}), **of_job)
    return advice("no_backfill", world([load], [data], **more))


def holes(schedule: Schedule = OFF, **more: Any) -> dict[str, Any]:
    """Runs of all days but three, each called by its slot."""
    days = [n for n in range(DAYS) if n not in LOST]
    runs = [run for n in days for run in daily(4, days=[n], nominal=daily(4, days=[n])[0].start)]
    spans = [Span(schedule, day(0))]
    return {"runs": runs, "schedule": schedule, "spans": spans} | more


def test_slots_that_were_lost_with_catchup_off_are_told() -> None:
    (told,) = found(of_job=holes())
    assert told.evidence["slotsWithoutRun"] == 3
    assert "its schedule has catchup off" in told.says
    assert told.examples[-1].text == "no run of 2026-11-23 04:00 UTC"


def test_with_catchup_they_will_come() -> None:
    assert found(of_job=holes(Schedule("cron", "0 4 * * *", catchup=True))) == []
    assert found(of_job=holes(Schedule("cron", "0 4 * * *"))) == []


def test_what_a_backfill_has_made_up_for_is_not_lost() -> None:
    told = holes()
    late = [
        run for n in LOST
        for run in daily(11, days=[19], nominal=daily(4, days=[n])[0].start, by_clock=False)
    ]  # fmt: skip
    assert found(of_job=told | {"runs": [*told["runs"], *late]}) == []


def test_what_may_have_run_while_no_hub_was_there_is_not_lost() -> None:
    assert found(of_job=holes(), deaf=[(day(7), day(14))]) == []
    assert found(of_job=holes(), deaf=[(day(12), day(14))])


def test_what_was_paused_was_not_due() -> None:
    paused = Schedule("cron", "0 4 * * *", catchup=False, paused=True)
    spans = [Span(OFF, day(0), day(6)), Span(paused, day(6), day(15)), Span(OFF, day(15))]
    assert found(of_job=holes() | {"spans": spans}) == []


def test_days_on_which_the_schedule_demands_nothing_are_not_lost() -> None:
    weekdays = Schedule("cron", "0 4 * * 1-5", catchup=False)
    days = [n for n in range(DAYS) if day(n).weekday() < 5]
    runs = [run for n in days for run in daily(4, days=[n], nominal=daily(4, days=[n])[0].start)]
    spans = [Span(weekdays, day(0))]
    assert found(of_job={"runs": runs, "schedule": weekdays, "spans": spans}) == []


def failing(count: int = 3, **more: Any) -> dict[str, Any]:
    good = daily(4, days=range(DAYS - count), **more)
    return {
        "runs": [*good, *daily(4, days=range(DAYS - count, DAYS), state=RunState.FAILED, **more)]
    }


def test_failed_runs_of_no_partition_are_told() -> None:
    (told,) = found(of_job=failing())
    assert told.evidence == {"runs": DAYS, "failedRuns": 3, "partitioned": False}
    assert "neither runs nor updates of orders say which time they are of" in told.says


def test_a_job_that_hardly_fails_has_nothing_to_make_up_for() -> None:
    assert found(of_job=failing(1)) == []


def test_runs_or_updates_that_say_what_they_are_of_can_be_made_anew() -> None:
    assert found(of_job=failing(partition="2026-11-10")) == []
    assert found(of_job=failing(nominal=day(1))) == []
    dated = updates(ends(failing()["runs"]), "2026-11-10")
    assert found(of_job=failing(), of_data={"updates": dated}) == []


def test_what_is_all_made_anew_each_time_needs_no_partitions() -> None:
    whole = updates(ends(failing()["runs"]), overwrote=True)
    assert found(of_job=failing(), of_data={"updates": whole}) == []


def test_of_fewer_than_ten_runs_nothing_is_told() -> None:
    runs = daily(4, days=range(9), state=RunState.FAILED)
    assert found(of_job={"runs": runs}) == []
