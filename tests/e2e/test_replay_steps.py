"""A replay that looks at an hour together tells what one tells that looks at every few seconds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.detection.data_faults import put_data
from benchmarks.detection.faults import put_faults
from benchmarks.detection.fleet import Fleet, fleet
from benchmarks.detection.suite import RULES
from benchmarks.detection.telling import told as telling
from hub.backtest.replay import Replay, scratch
from hub.evaluate.book import Book
from hub.rules.base import Subject
from hub.store import history
from hub.store.history import Told

SEED = 7
#: How long a run usually takes is learned when somebody looks, a little sooner or later.
BOOK = Book([one for one in RULES if one.kind not in ("overrun", "too_fast", "creep", "stuck")])


def company() -> Fleet:
    made = fleet(14, 8, SEED)
    put_faults(made, SEED, share=0.3, before=2, between=2)
    put_data(made, SEED, share=0.3)
    return made


def replayed(made: Fleet, step: timedelta) -> tuple[list[Told], int]:
    with scratch() as db:
        with Replay(db, BOOK, step=step) as replay:
            replay.feed(telling(made, SEED))
            replay.until(made.end)
        with db.reading() as connection:
            return history.told(connection), replay.rounds


@pytest.mark.timeout(240)
def test_however_much_is_looked_at_together_the_same_is_told() -> None:
    made = company()
    exact, many = replayed(made, timedelta(seconds=5))
    together, few = replayed(made, timedelta(hours=1))

    def of(told: list[Told]) -> list[tuple[str, str, str, str]]:
        jobs = (one for one in told if one.sort != Subject.ORCHESTRATOR)
        return sorted((o.kind, str(o.subject), str(o.since), o.state) for o in jobs)

    assert len(of(exact)) > 20
    assert {one.kind for one in exact} >= {"missed_schedule", "failed_run", "late_start"}
    assert of(together) == of(exact)
    assert few < many * 2 / 3
