"""Run times are drawn along the critical path from what is late to what waits for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from hub.baselines.baseline import Baseline
from hub.baselines.fit import fit
from hub.baselines.prediction import Leg, Prediction, Root, Term, predict
from hub.baselines.samples import Sample

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def lasts(minutes: float, sigma: float = 0.1, seed: int = 1) -> Baseline:
    rng = np.random.default_rng(seed)
    found = fit(
        Sample(NOW - timedelta(days=n), 60 * minutes * float(np.exp(sigma * rng.standard_normal())))
        for n in range(1, 61)
    )
    assert found is not None
    return found


def told(legs: list[Leg], root: Root, term: Term) -> Prediction:
    (found,) = predict(legs, [root], [term], NOW)
    assert found is not None
    return found


def chain(*minutes: float, **more: datetime) -> list[Leg]:
    """Jobs 0, 1, ... of which each reads what the one before it writes; all write what they are."""
    return [
        Leg(n, [n - 1] if n else [], [n], lasts(each, seed=n), more.get(f"job{n}"))
        for n, each in enumerate(minutes)
    ]


def minutes_after(prediction: Prediction) -> float:
    assert prediction.done_at is not None
    return (prediction.done_at - NOW).total_seconds() / 60


def test_times_add_up_along_the_chain() -> None:
    one = told(chain(60, 30, 10), Root(0, started_at=NOW), Term(NOW + 2 * HOUR, job=2))
    assert minutes_after(one) == pytest.approx(100, rel=0.05)
    assert one.probability is not None
    assert one.probability < 0.1


def test_the_longest_way_counts() -> None:
    legs = [
        Leg(0, [], [0], lasts(10)),
        Leg(1, [0], [1], lasts(5)),
        Leg(2, [0], [2], lasts(60)),
        Leg(3, [1, 2], [3], lasts(10)),
    ]
    one = told(legs, Root(0, started_at=NOW), Term(NOW + HOUR, dataset=3))
    assert minutes_after(one) == pytest.approx(80, rel=0.05)
    assert one.probability is not None
    assert one.probability > 0.95


def test_what_runs_for_long_already_is_conditioned_on_that() -> None:
    legs = chain(60)
    fresh = told(legs, Root(0, started_at=NOW), Term(NOW + HOUR, job=0))
    late = told(legs, Root(0, started_at=NOW - 1.3 * HOUR), Term(NOW + HOUR, job=0))
    assert late.done_at is not None
    assert late.done_at > NOW
    assert minutes_after(late) < minutes_after(fresh)
    assert legs[0].baseline is not None
    expected = legs[0].baseline.overrun(1.3 * 3600, 1.4 * 3600, NOW - 1.3 * HOUR)
    soon = told(legs, Root(0, started_at=NOW - 1.3 * HOUR), Term(NOW + 0.1 * HOUR, job=0))
    assert soon.probability == pytest.approx(expected, abs=0.06)


def test_a_job_of_the_clock_starts_no_earlier_than_its_slot() -> None:
    early = chain(10, 30, job1=NOW + 2 * HOUR)
    late = chain(10, 30, job1=NOW + timedelta(minutes=2))
    term, root = Term(NOW + 5 * HOUR, job=1), Root(0, started_at=NOW)
    assert minutes_after(told(early, root, term)) == pytest.approx(150, rel=0.05)
    assert minutes_after(told(late, root, term)) == pytest.approx(40, rel=0.05)


def test_of_what_nobody_knows_when_it_goes_it_is_told_by_when_it_must_be_done() -> None:
    due = NOW + 3 * HOUR
    one = told(chain(60, 30, 10), Root(0), Term(due, dataset=2))
    assert (one.probability, one.done_at) == (None, None)
    assert one.must_by is not None
    left = (due - one.must_by).total_seconds() / 60
    assert 40 < left < 50
    # Done then, it is kept with nine in ten.
    in_time = Leg(0, [], [0], lasts(0.001))
    again = predict(
        [in_time, *chain(60, 30, 10)[1:]],
        [Root(0, starts_at=one.must_by)],
        [Term(due, dataset=2)],
        NOW,
    )
    assert again[0] is not None
    assert again[0].probability == pytest.approx(0.1, abs=0.04)


def test_what_goes_next_by_its_schedule_begins_then() -> None:
    one = told(chain(60), Root(0, starts_at=NOW + HOUR), Term(NOW + 3 * HOUR, job=0))
    assert minutes_after(one) == pytest.approx(120, rel=0.05)


def test_what_the_roots_do_not_reach_is_not_told() -> None:
    legs = [*chain(60, 30), Leg(9, [99], [98], lasts(5))]
    found = predict(legs, [Root(0)], [Term(NOW, job=9), Term(NOW, dataset=98)], NOW)
    assert found == [None, None]


def test_behind_a_job_without_a_history_nothing_is_known() -> None:
    legs = chain(60, 30, 10)
    legs[1] = Leg(1, [0], [1], None)
    one = told(legs, Root(0, started_at=NOW), Term(NOW + HOUR, job=2))
    assert one == Prediction()


def test_a_dataset_is_updated_by_the_first_of_those_that_write_it() -> None:
    legs = [*chain(10), Leg(1, [0], [7], lasts(60)), Leg(2, [0], [7], lasts(20))]
    one = told(legs, Root(0, started_at=NOW), Term(NOW + HOUR, dataset=7))
    assert minutes_after(one) == pytest.approx(30, rel=0.05)


def test_jobs_that_wait_for_each_other_are_gone_through_once() -> None:
    legs = [
        Leg(0, [], [0], lasts(10)),
        Leg(1, [0, 2], [1], lasts(10)),
        Leg(2, [1], [2], lasts(10)),
    ]
    one = told(legs, Root(0, started_at=NOW), Term(NOW + HOUR, job=2))
    assert minutes_after(one) == pytest.approx(30, rel=0.05)


def test_the_same_is_told_twice() -> None:
    legs, root, term = chain(60, 30), Root(0, started_at=NOW), Term(NOW + HOUR, job=1)
    assert told(legs, root, term) == told(legs, root, term)


def test_many_quantiles_at_once_are_those_of_one_and_a_little_wider() -> None:
    baseline = lasts(60, 0.3)
    chances = np.array([0.01, 0.1, 0.5, 0.9, 0.99])
    found = baseline.lasting(chances, NOW)
    one = np.array([baseline.quantile(float(p), NOW) for p in chances])
    assert found == pytest.approx(one, rel=0.06)
    assert found[2] == pytest.approx(one[2], rel=0.005)
    assert all(found[:2] < one[:2])
    assert all(found[3:] > one[3:])


def test_fewer_runs_make_what_comes_less_sure() -> None:
    rng = np.random.default_rng(3)
    taken = [Sample(NOW - timedelta(days=n), 600 + 60 * rng.standard_normal()) for n in range(60)]
    few, many = fit(taken[:10]), fit(taken)
    assert few is not None
    assert many is not None
    few_low, few_high = few.lasting(np.array([0.1, 0.9]), NOW)
    many_low, many_high = many.lasting(np.array([0.1, 0.9]), NOW)
    assert few_high - few_low > many_high - many_low
