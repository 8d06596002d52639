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
