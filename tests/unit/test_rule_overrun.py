"""By whose history a run is too long."""

from __future__ import annotations

import pytest

from hub.baselines.fit import fit
from hub.baselines.samples import Sample
from hub.rules.base import RunSeen, Status
from hub.rules.overrun import Length, Overrun
from tests.support.judged import at, run, seen, statuses

USUAL = fit(Sample(at(-1440.0 * day), 600) for day in range(1, 40))
EARLIER = run(-100, -90, name="scheduled__1")


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([run(0, name="scheduled__2"), EARLIER], [Status.VIOLATED]),
        ([run(0, name="manual__2"), EARLIER], []),
        ([run(0, name="backfill__2"), EARLIER], []),
        # Nothing but people starts it: what is usual is theirs.
        ([run(0, name="manual__2"), run(-100, -90, name="manual__1")], [Status.VIOLATED]),
    ],
)
def test_runs_of_people_are_not_measured_by_those_of_the_clock(
    runs: list[RunSeen], told: list[Status]
) -> None:
    job = seen(*runs, baseline=USUAL)
    assert statuses(Overrun(Length()).judge(job, at(60))) == told


def test_a_limit_of_ones_own_holds_for_every_run() -> None:
    job = seen(run(0, name="manual__2"), EARLIER)
    assert statuses(Overrun(Length(limit_s=60)).judge(job, at(60))) == [Status.VIOLATED]


def test_a_run_that_was_told_of_is_measured_by_what_was_normal_then() -> None:
    slower = fit(Sample(at(-1440.0 * day), 6000) for day in range(1, 40))
    running = run(0, name="scheduled__2", number=7)
    (first,) = Overrun(Length()).judge(seen(running, EARLIER, baseline=USUAL), at(60)).verdicts
    assert first.since is not None
    told = {"open": frozenset({"7"}), "told": {"7": first.since}}
    still = Overrun(Length()).judge(seen(running, EARLIER, baseline=slower, **told), at(61))
    assert statuses(still) == [Status.VIOLATED]
    over = run(0, 62, name="scheduled__2", number=7)
    (end,) = Overrun(Length()).judge(seen(over, EARLIER, baseline=slower, **told), at(62)).verdicts
    assert (end.status, end.retracted) == (Status.OK, False)
    in_time = run(0, 5, name="scheduled__2", number=7)
    (late,) = (
        Overrun(Length()).judge(seen(in_time, EARLIER, baseline=slower, **told), at(62)).verdicts
    )
    assert (late.status, late.retracted) == (Status.OK, True)
