"""A run that is over much sooner than usual."""

from __future__ import annotations

import numpy as np
import pytest

from hub.baselines.baseline import Baseline
from hub.baselines.fit import fit
from hub.baselines.samples import Sample
from hub.model import RunState
from hub.rules.base import Judgement, RunSeen, Status
from hub.rules.too_fast import Shortness, TooFast
from tests.support.judged import at, run, seen, statuses

VIOLATED, OK = Status.VIOLATED, Status.OK


def usual(minutes: float, sigma: float = 0.1) -> Baseline:
    noise = np.random.default_rng(5).normal(0, sigma, 60)
    found = fit(
        Sample(at(-1440.0 * n), minutes * 60 * float(np.exp(noise[n - 1]))) for n in range(1, 61)
    )
    assert found is not None
    return found


def look(
    *runs: RunSeen, of: Baseline | None = None, open_key: str = "", **settings: float
) -> Judgement:
    job = seen(*runs, baseline=of, open=frozenset({open_key} - {""}))
    return TooFast(Shortness.model_validate(settings)).judge(job, at(100))


@pytest.mark.parametrize(
    ("took", "of", "told"),
    [
        (2, usual(30), [VIOLATED]),
        (9, usual(30), [VIOLATED]),
        (11, usual(30), []),  # a third of it and more
        (28, usual(30), []),
        (0.01, usual(0.9), []),  # a minute less is nobody's business
        (0.1, usual(2), [VIOLATED]),
        (9, usual(30, sigma=0.5), []),  # it varies as much
        (0.01, None, []),
    ],
)
def test_only_what_is_much_shorter_than_usual_is_told(
    took: float, of: Baseline | None, told: list[Status]
) -> None:
    assert statuses(look(run(0, took), of=of)) == told


def test_it_is_told_with_what_is_usual() -> None:
    (one,) = look(run(0, 2), of=usual(30)).verdicts
    assert one.reason.startswith("run run 0 completed after 2 min; ")
    assert "is usual on Wednesdays around 12:00" in one.reason
    assert one.evidence["tookS"] == 120
    assert one.evidence["expectedS"] == pytest.approx(1800, rel=0.1)
    assert one.since == at(2)


def test_it_is_one_incident_until_a_run_is_normal() -> None:
    first, second = run(0, 2), run(10, 12)
    (one,) = look(first, second, of=usual(30), open_key=str(first.id)).verdicts
    assert (one.status, one.key, one.evidence["inARow"]) == (VIOLATED, str(first.id), 2)
    (over,) = look(first, second, run(20, 50), of=usual(30), open_key=str(first.id)).verdicts
    assert (over.status, over.key) == (OK, str(first.id))


def test_runs_that_failed_or_that_people_started_are_not_measured() -> None:
    failed = run(0, 1, RunState.FAILED)
    by_hand = [run(1, 2, name="manual__1"), run(3, 4, name="backfill__1")]
    assert statuses(look(failed, *by_hand, of=usual(30))) == []


def test_a_limit_of_ones_own_needs_no_history() -> None:
    assert statuses(look(run(0, 1), least_s=61)) == [VIOLATED]
    assert statuses(look(run(0, 1), least_s=60)) == []
