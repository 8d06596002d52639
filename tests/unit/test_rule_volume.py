"""Far too few or too many rows, by history or by bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import exp
from typing import Any

import msgspec
import numpy as np
import pytest

from hub.baselines.growth import Growing, fit_growing
from hub.baselines.samples import Sample
from hub.model import EntityName
from hub.rules.base import DatasetSeen, Judgement, Status, UpdateSeen
from hub.rules.volume import Amount, Volume

START = datetime(2026, 1, 5, 2, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)


def history(
    count: int = 90, *, usual: float = 50_000, growth: float = 0.0, weekend: float = 1.0
) -> list[Sample]:
    rng = np.random.default_rng(7)
    found = []
    for day in range(count):
        at = START + day * DAY
        value = usual * exp(growth * day + 0.1 * rng.standard_normal())
        found.append(Sample(at, value * (weekend if at.weekday() >= 5 else 1)))
    return found


def look(
    rows: int | None,
    usual: Growing | None = None,
    *,
    day: int = 91,
    size: int | None = None,
    open_keys: frozenset[str] = frozenset(),
    **own: Any,
) -> Judgement:
    update = UpdateSeen(17, START + day * DAY, rows=rows, bytes=size)
    seen = DatasetSeen(
        EntityName("db", "mart"),
        updates=(update,),
        volumes={} if usual is None else {"rows": usual, "bytes": usual},
        open=open_keys,
    )
    return Volume(Amount(**own)).judge(seen, update.at)


def bad(judgement: Judgement) -> bool:
    return any(one.status is Status.VIOLATED for one in judgement.verdicts)


STEADY = fit_growing(history(), 10)


@pytest.mark.parametrize(
    ("rows", "told"), [(50_000, False), (40_000, False), (20_000, True), (150_000, True)]
)
def test_what_is_far_from_the_usual_is_told(rows: int, *, told: bool) -> None:
    assert bad(look(rows, STEADY)) is told


def test_the_reason_has_the_numbers() -> None:
    (one,) = look(5_000, STEADY).verdicts
    assert one.reason.startswith(
        "the update of 2026-04-06 02:00 UTC wrote 5,000 rows, far too few; 49,"
    )
    assert one.evidence.keys() >= {"rows", "expected", "low", "high", "samples", "z", "season"}
    assert (one.evidence["samples"], one.evidence["z"] < -10) == (90, True)


def test_weekends_that_are_quiet_are_normal_and_weekdays_that_are_as_quiet_are_not() -> None:
    usual = fit_growing(history(weekend=0.1), 10)
    assert not bad(look(5_000, usual, day=96))  # a Saturday
    assert bad(look(5_000, usual, day=94))


@pytest.mark.parametrize("growth", [0.01, 0.05, -0.03])
def test_steady_growth_is_normal_and_its_end_is_not(growth: float) -> None:
    usual = fit_growing(history(growth=growth), 10)
    assert usual is not None
    assert usual.per_day == pytest.approx(growth, abs=0.002)
    going_on = 50_000 * exp(growth * 95)
    assert not bad(look(round(going_on), usual, day=95))
    assert bad(look(round(going_on * 4), usual, day=95))
    assert bad(look(round(going_on / 4), usual, day=95))


def test_a_step_is_no_trend() -> None:
    stepped = [Sample(one.at, one.value * (3 if n > 60 else 1)) for n, one in enumerate(history())]
    usual = fit_growing(stepped, 10)
    assert usual is not None
    assert not bad(look(150_000, usual))


def test_no_rows_where_there_were_always_some_are_told_however_few_are_usual() -> None:
    few = fit_growing(history(usual=4), 10)
    assert bad(look(0, few))
    assert not bad(look(1, few))
    often_none = [Sample(one.at, one.value * (n % 3 > 0)) for n, one in enumerate(history())]
    assert not bad(look(0, fit_growing(often_none, 10)))


def test_it_is_over_with_the_next_that_is_normal_and_one_incident_until_then() -> None:
    (still,) = look(5_000, STEADY, open_keys=frozenset({"12"})).verdicts
    assert still.key == "12"
    (over,) = look(50_000, STEADY, open_keys=frozenset({"12"})).verdicts
    assert (over.status, over.key) == (Status.OK, "12")


def test_seven_updates_teach_nothing() -> None:
    assert fit_growing(history(7), 10) is None
    assert look(5, None) == Judgement()


def test_places_in_the_calendar_that_were_hardly_seen_tell_nothing_but_of_no_rows() -> None:
    weekdays = fit_growing(history(5) + [Sample(s.at + 7 * DAY, s.value) for s in history(5)], 10)
    assert look(5_000, weekdays, day=19) == Judgement()  # a Saturday
    assert bad(look(0, weekdays, day=19))


def test_rows_are_looked_at_before_bytes_and_what_tells_neither_is_passed_over() -> None:
    assert "wrote 5,000 bytes" in look(None, STEADY, size=5_000).verdicts[0].reason
    assert not bad(look(50_000, STEADY, size=5_000))
    assert bad(look(50_000, STEADY, size=5_000, metric="bytes"))
    assert look(None, STEADY) == Judgement()


def test_bounds_of_its_own_take_the_place_of_history() -> None:
    (one,) = look(5, None, at_least=10).verdicts
    assert one.reason.endswith("wrote 5 rows, fewer than 10")
    assert bad(look(50, None, at_most=20))
    assert not bad(look(5_000, STEADY, at_least=10))


def test_what_was_learned_survives_the_store() -> None:
    restored = msgspec.json.decode(msgspec.json.encode(STEADY), type=Growing)
    assert restored == STEADY


def test_of_simulated_faults_nearly_all_are_found_and_nearly_nothing_else_is_told() -> None:
    """A year and a half of days with quiet weekends and growth, each judged by the 90 before."""
    rng = np.random.default_rng(3)
    found = missed = false = 0
    days = history(550, growth=0.005, weekend=0.2)
    for day in range(60, 550):
        usual = fit_growing(days[max(0, day - 90) : day], 10)
        fault = float(rng.choice([0, 0.3, 3.3])) if day % 10 == 0 else 1.0
        told = bad(look(round(days[day].value * fault), usual, day=day))
        found += told and fault != 1
        missed += not told and fault != 1
        false += told and fault == 1
    assert found / (found + missed) >= 0.95
    assert false <= 1
