from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from hub.baselines.creep import find_creep
from hub.baselines.samples import Sample

START = datetime(2026, 6, 1, 2, tzinfo=UTC)


def series(growth: list[float], *, sigma: float = 0.1, hours: int = 24) -> list[Sample]:
    rng = np.random.default_rng(5)
    times = [START + timedelta(hours=hours * i) for i in range(len(growth))]
    noise = np.exp(sigma * rng.standard_normal(len(growth)))
    monday = [2 if at.weekday() == 0 else 1 for at in times]
    return [
        Sample(*row) for row in zip(times, (600 * noise * growth * monday).tolist(), strict=True)
    ]


def test_a_step_is_told_with_its_size_and_date() -> None:
    found = find_creep(series([1.0] * 60 + [1.3] * 20))
    assert found
    assert found.ratio == pytest.approx(1.3, rel=0.08)
    assert abs(found.since - date(2026, 7, 31)) <= timedelta(days=5)
    assert found.doubles_in is None
    assert found.sentence.startswith("+")


def test_a_drift_is_told_with_the_time_in_which_it_doubles() -> None:
    found = find_creep(series([1.0] * 40 + [1.011**i for i in range(42)]))
    assert found
    assert found.slope == pytest.approx(0.011, abs=0.003)
    assert found.doubles_in
    assert 50 < found.doubles_in.days < 90
    assert "a run over 42 runs, doubles in" in found.sentence
    assert found.p < 0.001


def test_what_only_varies_does_not_creep() -> None:
    assert find_creep(series([1.0] * 160, sigma=0.2)) is None


def test_a_day_on_which_every_run_is_slow_is_no_creep() -> None:
    assert find_creep(series([1.0] * 480 + [1.8] * 24, hours=1)) is None
    assert find_creep(series([1.0] * 480 + [1.8] * 120, hours=1))


def test_what_came_before_a_reset_is_forgotten() -> None:
    samples = series([1.0] * 60 + [1.3] * 40)
    assert find_creep(samples)
    assert find_creep(samples, since_reset=START + timedelta(days=60)) is None


def test_what_shrinks_is_found_when_asked_for() -> None:
    samples = series([1.0] * 60 + [0.7] * 20)
    assert find_creep(samples) is None
    found = find_creep(samples, falling=True)
    assert found
    assert found.ratio == pytest.approx(0.7, rel=0.08)


def test_what_is_known_lasts_on_half_the_evidence() -> None:
    slight = series([1.0] * 60 + [1.1] * 4, sigma=0.4)
    assert find_creep(slight) is None
    assert find_creep(slight, known=True)


def test_what_is_over_is_no_creep() -> None:
    growth = [1.0] * 60 + [1.3] * 20
    assert find_creep(series(growth))
    assert find_creep(series(growth + [1.0] * 10), known=True) is None
    left = find_creep(series([1.0] * 60 + [2.0] * 20 + [1.4] * 20))
    assert left
    assert left.ratio == pytest.approx(1.4, rel=0.1)


def test_what_creeps_several_times_a_day_is_told_per_run() -> None:
    found = find_creep(series([1.0] * 160 + [1.003**i for i in range(160)], hours=6))
    assert found
    assert found.slope == pytest.approx(0.003, abs=0.001)
    assert found.doubles_in
    assert 40 < found.doubles_in.days < 80


def test_outliers_are_no_creep() -> None:
    growth = [3.0 if i % 12 == 0 else 1.0 for i in range(120)]
    assert find_creep(series(growth, sigma=0.2)) is None
