from datetime import UTC, datetime, timedelta, timezone, tzinfo
from random import Random
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.baselines.baseline import Baseline, Normality
from hub.baselines.fit import fit
from hub.baselines.samples import Sample, gaps

START = datetime(2026, 1, 1, 2, tzinfo=UTC)


def daily(n: int = 90, *, seed: int = 1, times: float = 1) -> list[Sample]:
    """Ten minutes, on Mondays three times, at the end of the month twice as long."""
    rng, found = np.random.default_rng(seed), []
    for at in (START + timedelta(days=i) for i in range(n)):
        usual = 600 * (3 if at.weekday() == 0 else 1)
        usual *= 2 if (at + timedelta(days=1)).day == 1 else 1
        found.append(Sample(at, times * usual * float(np.exp(0.1 * rng.standard_normal()))))
    return found


def learned(samples: list[Sample], *, floor_s: float = 60) -> Baseline:
    found = fit(samples, floor_s=floor_s)
    assert found
    return found


@pytest.mark.parametrize("zone", [ZoneInfo("Asia/Tokyo"), timezone(timedelta(hours=9))])
def test_mondays_are_those_of_the_zone(zone: tzinfo) -> None:
    local = [msgspec.structs.replace(s, at=s.at.replace(tzinfo=zone)) for s in daily()]
    baseline = fit(local, zone=zone)
    assert baseline
    restored = msgspec.json.decode(msgspec.json.encode(baseline), type=Baseline)
    assert restored == baseline
    sunday_in_utc = datetime(2026, 4, 5, 17, tzinfo=UTC)
    assert restored.expected(sunday_in_utc) == pytest.approx(1800, rel=0.1)


MONDAY, TUESDAY = datetime(2026, 4, 6, 2, tzinfo=UTC), datetime(2026, 4, 7, 2, tzinfo=UTC)
MONTH_END = datetime(2026, 4, 30, 2, tzinfo=UTC)


def test_seven_samples_teach_nothing_and_eight_do() -> None:
    assert fit(daily(7)) is None
    assert fit(daily(8))


def test_mondays_and_ends_of_months_are_normal_and_the_same_on_another_day_is_not() -> None:
    baseline = learned(daily())
    assert baseline.judge(1800, MONDAY).verdict is Normality.NORMAL
    assert baseline.judge(1200, MONTH_END).verdict is Normality.NORMAL
    assert baseline.judge(1200, TUESDAY).verdict is Normality.VERY_HIGH
    assert baseline.judge(600, MONDAY).verdict is Normality.LOW


def test_a_day_of_the_week_that_was_never_seen_is_not_judged_unless_the_value_is_extreme() -> None:
    baseline = learned([s for s in daily(60) if s.at.weekday() != 0])
    told = baseline.judge(1200, MONDAY)
    assert (told.ready, told.verdict) == (False, Normality.NORMAL)
    assert baseline.judge(3600, MONDAY).verdict is Normality.VERY_HIGH


def test_a_short_job_is_not_judged_by_seconds() -> None:
    samples = daily(times=0.01)
    assert learned(samples).judge(30, TUESDAY).verdict is Normality.NORMAL
    assert learned(samples, floor_s=1).judge(30, TUESDAY).verdict is Normality.VERY_HIGH


def test_a_baseline_is_small_and_restored_as_it_was() -> None:
    hourly = [Sample(START + timedelta(hours=i), 60 + 50 * (i % 24) + i % 7) for i in range(672)]
    for samples in (daily(), hourly):
        baseline = learned(samples)
        stored = msgspec.json.encode(baseline)
        assert len(stored) < 4096
        assert msgspec.json.decode(stored, type=Baseline) == baseline


def test_the_order_of_samples_does_not_matter() -> None:
    shuffled = daily()
    Random(3).shuffle(shuffled)
    assert fit(shuffled) == fit(daily())


@pytest.mark.parametrize("times", [1e-2, 1e3])
def test_the_unit_does_not_matter(times: float) -> None:
    one, other = learned(daily(), floor_s=0), learned(daily(times=times), floor_s=0)
    assert other.expected(MONDAY) == pytest.approx(times * one.expected(MONDAY), rel=1e-3)
    assert other.judge(times * 900, TUESDAY).verdict is one.judge(900, TUESDAY).verdict


def test_what_lies_in_an_incident_does_not_raise_the_guard() -> None:
    slow = {20, 40, 55}
    open_, capped = (
        [Sample(s.at, s.value * (3 if i in slow else 1), i in slow and c) for i, s in pairs]
        for c, pairs in ((False, list(enumerate(daily()))), (True, list(enumerate(daily()))))
    )
    assert learned(open_).judge(1500, TUESDAY).verdict is Normality.HIGH
    assert learned(capped).judge(1500, TUESDAY).verdict is Normality.VERY_HIGH


BASELINE = learned(daily())
seconds = st.floats(0, 1e7)


@given(seconds, seconds, seconds)
def test_the_probability_of_an_overrun_is_one_and_falls_with_the_limit(
    elapsed: float, limit: float, further: float
) -> None:
    near, far = sorted((limit, further))
    first, second = (BASELINE.overrun(elapsed, d, TUESDAY) for d in (near, far))
    assert 0 <= second <= first <= 1


@given(seconds, seconds)
def test_what_has_run_longer_is_likelier_to_overrun(one: float, other: float) -> None:
    early, late = sorted((one, other))
    assert BASELINE.overrun(early, 900, TUESDAY) <= BASELINE.overrun(late, 900, TUESDAY)


@given(st.floats(0.001, 0.999))
def test_a_quantile_is_exceeded_as_often_as_it_says(p: float) -> None:
    found = BASELINE.quantile(p, TUESDAY)
    assert BASELINE.survival(found * 0.999, TUESDAY) >= 1 - p - 1e-6
    assert BASELINE.survival(found * 1.001, TUESDAY) <= 1 - p + 1e-6


def test_no_update_at_the_weekend_is_normal_after_a_friday_only() -> None:
    workdays = [d for i in range(90) if (d := START + timedelta(days=i)).weekday() < 5]
    baseline = learned(gaps(workdays))
    friday = MONDAY - timedelta(days=3)
    assert baseline.limit(friday) > 72 * 3600
    assert baseline.limit(TUESDAY) < 36 * 3600
