"""When what waits for something late will be done: run times drawn along the critical path.

Each job's duration is drawn many times from its baseline, the same chances for the same job every
time, and added up from the roots, which are late, to the jobs and datasets downstream: a job goes
on when the last of its late inputs is there, and not before its own schedule starts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct

from hub.baselines.baseline import Baseline
from hub.baselines.robust import Floats

DRAWS: Final = 1000
#: With so much certainty a deadline is kept if the root is done at the latest time that is told.
SURE: Final = 0.9
_SEED: Final = 20_261_123


class Leg(Struct, frozen=True):
    """A job on the way, with the datasets that it reads and writes.

    not_before: when its schedule starts it; None: data do. slot_at: what that run is called by,
    which is its place in the calendar; None: it is not called by a time.
    """

    job: int
    reads: Sequence[int] = ()
    writes: Sequence[int] = ()
    baseline: Baseline | None = None
    not_before: datetime | None = None
    slot_at: datetime | None = None


class Root(Struct, frozen=True):
    """A job that is late. started_at: of its run that still runs. starts_at: when it goes next.

    With neither nobody knows when it will be done. slot_at: what that run is called by.
    """

    job: int
    started_at: datetime | None = None
    starts_at: datetime | None = None
    slot_at: datetime | None = None


class Term(Struct, frozen=True):
    """By when a job must be done, or a dataset be updated."""

    due_at: datetime
    job: int | None = None
    dataset: int | None = None


class Prediction(Struct, frozen=True):
    """What becomes of a term. probability: that it is not kept; None: nobody can say.

    done_at: the median; with 80 % it lies between `earliest_at` and `latest_at`. must_by: when the
    roots must be done so that it is kept with 90 %.
    """

    probability: float | None = None
    done_at: datetime | None = None
    earliest_at: datetime | None = None
    latest_at: datetime | None = None
    must_by: datetime | None = None


class Times(NamedTuple):
    """Of a job: when it is done, in seconds after now, and so long after its roots; None: unknown."""

    done: Floats | None
    after: Floats | None


def predict(
    legs: Iterable[Leg], roots: Iterable[Root], terms: Sequence[Term], as_of: datetime
) -> list[Prediction | None]:
    """One for each term; None: the roots do not reach it."""
    by_job = {leg.job: leg for leg in legs}
    makers = makers_of(by_job)
    times = walk(by_job, {root.job: root for root in roots}, makers, as_of)
    return [_told(term, _reached(term, times, makers), as_of) for term in terms]


def walk(
    legs: Mapping[int, Leg],
    roots: Mapping[int, Root],
    makers: Mapping[int, Sequence[int]],
    as_of: datetime,
) -> dict[int, Times]:
    """The jobs that the roots reach."""
    found: dict[int, Times] = {}
    for job in _ordered(legs, makers):
        leg = legs[job]
        if job in roots:
            found[job] = _begin(leg, roots[job], as_of)
            continue
        late = [found[maker] for data in leg.reads for maker in makers[data] if maker in found]
        if late:
            found[job] = _follow(leg, late, as_of)
    return found


def chances(job: int) -> Floats:
    """As many probabilities in a random order that is always the same, evenly from 0 to 1."""
    order = np.random.default_rng((_SEED, job)).permutation(DRAWS)
    spread: Floats = (order + 0.5) / DRAWS
    return spread


def _begin(leg: Leg, root: Root, as_of: datetime) -> Times:
    done = None
    at = root.started_at or root.starts_at
    if leg.baseline is not None and at is not None:
        elapsed = max(0.0, (as_of - at).total_seconds()) if root.started_at else 0.0
        begins = 0.0 if root.started_at else max(0.0, (at - as_of).total_seconds())
        done = (
            begins + leg.baseline.lasting(chances(leg.job), root.slot_at or at, elapsed) - elapsed
        )
    return Times(done, np.zeros(DRAWS))


def _follow(leg: Leg, late: Sequence[Times], as_of: datetime) -> Times:
    if leg.baseline is None:
        return Times(None, None)
    ready, after = (_last([times[i] for times in late]) for i in (0, 1))
    own = leg.not_before
    begins = None if own is None else (own - as_of).total_seconds()
    at = own if own is not None else as_of
    if ready is not None:
        ready = ready if begins is None else np.maximum(ready, begins)
        at = as_of + timedelta(seconds=float(np.median(ready)))
    takes = leg.baseline.lasting(chances(leg.job), leg.slot_at or own or at)
    return Times(None if ready is None else ready + takes, None if after is None else after + takes)


def _last(known: Sequence[Floats | None]) -> Floats | None:
    """When all are done; None: of one it is not known."""
    arrays = [one for one in known if one is not None]
    if len(arrays) < len(known):
        return None
    last: Floats = np.maximum.reduce(arrays)
    return last


def _reached(
    term: Term, times: Mapping[int, Times], makers: Mapping[int, Sequence[int]]
) -> Times | None:
    """The job's; of a dataset those of the first job that updates it."""
    if term.job is not None:
        return times.get(term.job)
    writers = [times[job] for job in makers.get(term.dataset or 0, ()) if job in times]
    if not writers:
        return None
    done, after = (
        [array for writer in writers if (array := writer[i]) is not None] for i in (0, 1)
    )
    return Times(
        np.minimum.reduce(done) if done else None, np.minimum.reduce(after) if after else None
    )


def _told(term: Term, times: Times | None, as_of: datetime) -> Prediction | None:
    if times is None:
        return None
    must_by = None
    if times.after is not None:
        must_by = term.due_at - timedelta(seconds=float(np.quantile(times.after, SURE)))
    if times.done is None:
        return Prediction(must_by=must_by)
    left = (term.due_at - as_of).total_seconds()
    low, middle, high = (
        as_of + timedelta(seconds=float(at)) for at in np.quantile(times.done, (0.1, 0.5, 0.9))
    )
    return Prediction(float(np.mean(times.done > left)), middle, low, high, must_by)


def makers_of(legs: Mapping[int, Leg]) -> dict[int, list[int]]:
    """By dataset the jobs that write it."""
    found: dict[int, list[int]] = {data: [] for leg in legs.values() for data in leg.reads}
    for leg in legs.values():
        for data in leg.writes:
            found.setdefault(data, []).append(leg.job)
    return found


def _ordered(legs: Mapping[int, Leg], makers: Mapping[int, Sequence[int]]) -> list[int]:
    """Each job after those it waits for; where they wait for each other, as they were given."""
    before = {
        leg.job: {maker for data in leg.reads for maker in makers[data] if maker != leg.job}
        for leg in legs.values()
    }
    while True:
        try:
            return list(TopologicalSorter(before).static_order())
        except CycleError as error:
            # The edge back to the one that was given first is no way for what is late.
            ring = error.args[1][:-1]
            first = min(ring, key=list(legs).index)
            before[first] -= set(ring)
