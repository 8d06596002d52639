"""Runs that get slower without any one of them giving it away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from hub.baselines.samples import Sample
from hub.rules.base import History, JobSeen, Judgement, Status
from hub.rules.creep import EVERY, Growth, Slowing
from tests.support.judged import NOON, run, seen, statuses

VIOLATED, OK = Status.VIOLATED, Status.OK
DAY = 1440.0


def history(days: int, change: int, *, step: float = 1.0, growth: float = 0.0) -> list[Sample]:
    """A run a day of about ten minutes, the last one today, slower since `change` runs."""
    noise = np.random.default_rng(3).normal(0, 0.02, days)
    return [
        Sample(
            NOON - timedelta(days=days - 1 - n),
            600
            * float(np.exp(noise[n]))
            * (step if n >= days - change else 1)
            * (1 + growth) ** max(0, n - days + change),
        )
        for n in range(days)
    ]


def job(samples: list[Sample] | None, *, reset: datetime | None = None, **more: object) -> JobSeen:
    kept = None if samples is None else History(samples, UTC, reset)
    return seen(run(-10, 0), history=lambda: kept, **more)


def look(one: JobSeen, as_of: datetime = NOON, **settings: float) -> Judgement:
    return Slowing(Growth.model_validate(settings)).judge(one, as_of)


def test_a_step_is_told_with_its_size_and_since_when() -> None:
    (one,) = look(job(history(90, 12, step=1.3))).verdicts
    assert one.status is VIOLATED
    assert "% over 14 runs; since about 12 November" in one.reason
    assert one.evidence["ratio"] == pytest.approx(1.3, abs=0.05)
    assert one.since == datetime(2026, 11, 12, tzinfo=UTC)  # it was on the 14th


def test_a_drift_is_told_per_run_and_when_it_doubles() -> None:
    (one,) = look(job(history(90, 42, growth=0.011))).verdicts
    assert "+1.1 % a run over" in one.reason
    assert "doubles in 9 weeks" in one.reason
    assert one.evidence["growthPerRun"] == pytest.approx(0.011, abs=0.002)
    assert one.evidence["doublesInDays"] == pytest.approx(63, abs=7)


@pytest.mark.parametrize(
    "samples",
    [
        history(90, 0),
        history(20, 10, step=2),
        # Who sends or receives was slow for two days, and for one all runs were.
        history(90, 2, step=3),
        [*history(90, 0)[:-1], *(Sample(NOON - timedelta(hours=n), 1800) for n in range(12))],
        [*history(60, 3, step=3), *(s for s in history(90, 0) if s.at > NOON)],
    ],
)
def test_an_outage_or_chance_is_no_creep(samples: list[Sample]) -> None:
    assert statuses(look(job(samples))) == []


def test_only_what_is_slower_by_the_ratio_is_told() -> None:
    samples = history(90, 12, step=1.3)
    assert statuses(look(job(samples), ratio=1.5)) == []
    assert statuses(look(job(samples), ratio=1.2)) == [VIOLATED]


def test_a_new_version_or_a_new_normal_begins_anew() -> None:
    samples, key = history(90, 12, step=1.3), frozenset({"2026-11-14"})
    reset = NOON - timedelta(days=12)
    assert statuses(look(job(samples, reset=reset))) == []
    (one,) = look(job(samples, reset=reset, open=key)).verdicts
    assert one.status is OK
    assert one.reason == "what is normal is learned anew since 2026-11-13"


def test_it_is_over_when_runs_are_quick_again() -> None:
    slow, key = history(90, 12, step=1.3), frozenset({"2026-11-14"})
    assert statuses(look(job(slow, open=key))) == [VIOLATED]
    assert statuses(look(job(history(90, 0), open=key))) == [OK]


def test_it_keeps_its_key_while_the_date_is_told_more_exactly() -> None:
    (one,) = look(job(history(90, 12, step=1.3), open=frozenset({"2026-11-10"}))).verdicts
    assert one.key == "2026-11-10"


def refuse() -> History:
    raise AssertionError("it reads")


def test_it_reads_the_history_once_a_day_and_only_after_a_run() -> None:
    rule = Slowing(Growth())
    first = rule.judge(job(history(90, 0)), NOON)
    assert first.due_at == NOON + EVERY
    again = seen(run(-10, 0), history=refuse, waited_for=first.due_at)
    assert rule.judge(again, NOON + timedelta(hours=3)) == Judgement((), first.due_at)
    assert rule.judge(again, NOON + EVERY) == Judgement()
    assert rule.judge(seen(run(0), history=refuse), NOON) == Judgement()


def test_a_round_that_has_read_enough_puts_it_off() -> None:
    found = look(job(None, open=frozenset({"2026-11-14"})))
    assert (found.verdicts, found.due_at) == ((), NOON + timedelta(minutes=10))
