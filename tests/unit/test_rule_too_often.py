"""A job that runs more often than it should."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from hub.rules.base import Judgement, RunSeen, Status
from hub.rules.too_often import Frequency, TooOften
from hub.schedules.spans import Span
from tests.support.judged import HOURLY, at, run, seen, statuses

VIOLATED, OK = Status.VIOLATED, Status.OK


def look(
    minute: float,
    *runs: RunSeen,
    spans: tuple[Span, ...] = (),
    is_open: bool = False,
    **settings: float,
) -> Judgement:
    job = seen(*runs, spans=spans, open=frozenset({"x"} if is_open else ()))
    return TooOften(Frequency.model_validate(settings)).judge(job, at(minute))


def runs(*minutes: float, name: str = "") -> list[RunSeen]:
    return [run(m, m + 0.1, name=name and f"{name}{m:g}") for m in minutes]


def test_one_run_more_than_allowed_is_too_often() -> None:
    assert statuses(look(9, *runs(0, 4, 8), max_runs=3, within_s=600)) == []
    found = look(9, *runs(0, 4, 8, 9), max_runs=3, within_s=600)
    (one,) = found.verdicts
    assert (one.status, one.since, one.key) == (VIOLATED, at(9), at(9).isoformat())
    assert one.reason == (
        "more than 3 runs have started within 10 min since 2026-11-25 12:00 UTC; 3 are allowed"
    )
    assert found.due_at == at(10)


def test_it_is_over_when_enough_of_them_lie_behind() -> None:
    several = runs(0, 4, 8, 9)
    assert statuses(look(9.9, *several, is_open=True, max_runs=3, within_s=600)) == [VIOLATED]
    assert statuses(look(10, *several, is_open=True, max_runs=3, within_s=600)) == [OK]


def test_what_people_start_and_backfills_do_not_count() -> None:
    by_hand = [*runs(1, 2, 3, name="manual__"), *runs(5, 6, 7, name="backfill__")]
    assert statuses(look(9, *runs(0), *by_hand, max_runs=3, within_s=600)) == []


def test_by_its_schedule_a_job_may_run_a_few_times_more_than_slots_are_due() -> None:
    regular = [-60.0 * hour for hour in range(12)]
    assert statuses(look(1, *runs(*regular), spans=(HOURLY,))) == []
    more = [-3.0, -2, -1]
    assert statuses(look(1, *runs(*regular, *more), spans=(HOURLY,))) == []
    found = look(1, *runs(*regular, *more, 0.5), spans=(HOURLY,))
    assert statuses(found) == [VIOLATED]
    assert found.verdicts[0].reason.endswith("6 were due")


def test_without_a_schedule_it_goes_by_how_often_it_ran() -> None:
    before = [-30.0 * n for n in range(2, 14)]
    assert statuses(look(1, *runs(*before, -30, 0))) == []
    burst = [-10.0, -8, -6, -4, -2, 0]
    found = look(1, *runs(*before, *burst))
    assert statuses(found) == [VIOLATED]
    assert found.verdicts[0].reason.endswith("one came every 30 min")
    calm = [-30.0 * n for n in range(6)]
    assert statuses(look(1, *runs(*[-180.0 + m for m in before], *calm))) == []


def test_a_job_that_comes_in_bursts_does_so() -> None:
    bursts = [hour * 60.0 + n for hour in range(-3, 0) for n in range(6)]
    assert statuses(look(1, *runs(*bursts))) == []


@pytest.mark.parametrize("settings", [{"max_runs": 3}, {"within_s": 60}])
def test_both_settings_are_told_or_none(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="tell both"):
        Frequency.model_validate(settings)
