"""The benchmark of predicted breaches, on few worlds: intervals cover about what they say."""

from __future__ import annotations

import pytest

from benchmarks.detection.prediction import Asked, ask


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    return [one for seed in range(200) for one in ask(seed)]


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_intervals_cover_about_what_they_say(asked: list[Asked], share: float) -> None:
    inside = [abs(one.rank - 0.5) <= share / 2 for one in asked]
    assert len(inside) > 500
    assert sum(inside) / len(inside) == pytest.approx(share, abs=0.1)


def test_probabilities_beat_the_sum_of_means(asked: list[Asked]) -> None:
    ours = sum((one.chance - one.missed) ** 2 for one in asked)
    guess = sum((one.guessed - one.missed) ** 2 for one in asked)
    assert ours < 0.8 * guess


def test_the_same_world_is_asked_the_same() -> None:
    assert ask(7) == ask(7)
