"""Simpler watchers, by kind of fault: what people have without a hub, on the same fleet.

Each knows what it would hear in practice, and tells again for each thing that it finds wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct

from benchmarks.detection.durations import mean_and_deviations, ratio_of_mean, raw_mad
from benchmarks.detection.faults import BEFORE
from benchmarks.detection.fleet import Fleet, History, Run
from benchmarks.detection.telling import heard_of
from hub.baselines.samples import Sample
from hub.model import BacklogObserved, EntityName, HealthObserved, HealthStatus
from hub.schedules.slots import timetable_of

GRACE: Final = timedelta(minutes=10)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
#: Work that may wait anywhere.
MOST_QUEUED: Final = 100


class Alarm(Struct, frozen=True):
    """What a watcher told: of whom, and when it says that it was wrong."""

    subject: EntityName
    since: datetime
    until: datetime | None
    key: str = ""


Watcher = Callable[[Fleet], Iterable[Alarm]]
Method = Callable[[Sequence[Sample]], bool]


def each(watch: Callable[[History, datetime], Iterable[Alarm]]) -> Watcher:
    """Every job by itself."""
    return lambda made: (alarm for one in made.histories for alarm in watch(one, made.end))


# -- jobs ----------------------------------------------------------------------------------------


def cron_and_grace(history: History, end: datetime) -> Iterator[Alarm]:
    """As a heartbeat monitor: due is what the cron shows next after the last beat. Knows no pause."""
    timetable = timetable_of(history.job.schedule)
    assert timetable is not None
    beats = [run.begin for run in history.runs if run.begin is not None]
    for last, following in pairwise([*beats, end]):
        slot = timetable.next(last)
        if slot is not None and slot.due_at + GRACE < following:
            yield Alarm(history.job.name, slot.due_at, following)


def _ended(history: History, end: datetime) -> Iterator[tuple[Run, datetime, datetime, float]]:
    for run in history.runs:
        if run.begin and run.end and run.seconds is not None and run.end <= end:
            yield run, run.begin, run.end, run.seconds


def by_duration(method: Method) -> Watcher:
    """Each run when it has ended, by those before it."""

    def watch(history: History, end: datetime) -> Iterator[Alarm]:
        samples: list[Sample] = []
        for run, begun, over, took in _ended(history, end):
            samples.append(Sample(run.slot.due_at, took))
            if len(samples) > BEFORE and method(samples):
                yield Alarm(history.job.name, begun, over)

    return each(watch)


def half_of_mean(samples: Sequence[Sample]) -> bool:
    return samples[-1].value < float(np.mean(_values(samples[-11:-1]))) / 2


def below_deviations(samples: Sequence[Sample]) -> bool:
    before = _values(samples[-31:-1])
    return samples[-1].value < float(np.mean(before) - 3 * np.std(before, ddof=1))


def twice_as_many(history: History, end: datetime) -> Iterator[Alarm]:
    """On a day twice as many runs and one more as on the mean of seven days before."""
    starts = [run.begin for run in (*history.runs, *history.extra) if run.begin and run.begin < end]
    days: dict[datetime, int] = defaultdict(int)
    for at in starts:
        days[at.replace(hour=0, minute=0, second=0, microsecond=0)] += 1
    for day, count in sorted(days.items()):
        mean = sum(days.get(day - n * DAY, 0) for n in range(1, 8)) / 7
        if min(days) + 7 * DAY <= day and count > 2 * mean + 1:
            yield Alarm(history.job.name, day, day + DAY)


# -- datasets ------------------------------------------------------------------------------------


def _updates(history: History, end: datetime) -> list[tuple[Run, datetime]]:
    runs = ((run, over) for run, _, over, _ in _ended(history, end))
    return [(run, over) for run, over in runs if run.updates and run.state == "COMPLETE"]


def failed_results(history: History, end: datetime) -> Iterator[Alarm]:
    """Every result that is a failure."""
    for run, over in _updates(history, end):
        if run.wrote.failed:
            yield Alarm(history.job.output, over, over)


def by_rows(method: Method) -> Watcher:
    """Each update by those before it."""

    def watch(history: History, end: datetime) -> Iterator[Alarm]:
        samples: list[Sample] = []
        for run, over in _updates(history, end):
            if run.wrote.rows is not None:
                samples.append(Sample(over, run.wrote.rows))
                if len(samples) > BEFORE and method(samples):
                    yield Alarm(history.job.output, over, over)

    return each(watch)


def half_or_twice(samples: Sequence[Sample]) -> bool:
    mean = float(np.mean(_values(samples[-11:-1])))
    return not mean / 2 <= samples[-1].value <= 2 * mean


def beyond_deviations(samples: Sequence[Sample]) -> bool:
    before = _values(samples[-31:-1])
    return abs(samples[-1].value - float(np.mean(before))) > 3 * float(np.std(before, ddof=1))


def another_schema(history: History, end: datetime) -> Iterator[Alarm]:
    """Any difference from the update before."""
    for (before, _), (run, over) in pairwise(_updates(history, end)):
        if before.wrote.columns != run.wrote.columns:
            yield Alarm(history.job.output, over, over)


def by_noon(history: History, end: datetime) -> Iterator[Alarm]:
    """Yesterday's partition is there by noon."""
    came: dict[str, datetime] = {}
    for run, over in _updates(history, end):
        came.setdefault(run.wrote.partition, over)
    if not any(came):
        return
    day = min(came.values()).replace(hour=0, minute=0, second=0, microsecond=0)
    while day + 3 * DAY < end:
        if came.get(f"{day:%Y-%m-%d}", end) > day + 1.5 * DAY:
            noon = day + 1.5 * DAY
            yield Alarm(history.job.output, noon, noon, f"day={day:%Y-%m-%d}")
        day += DAY


# -- orchestrators -------------------------------------------------------------------------------


def by_queue(is_over: Callable[[Sequence[int]], bool]) -> Watcher:
    """Each sample by those before it."""

    def watch(made: Fleet) -> Iterator[Alarm]:
        samples: dict[str, list[int]] = defaultdict(list)
        for name, seen in made.observed:
            if isinstance(seen, BacklogObserved):
                mine = samples[seen.pool]
                mine.append(seen.queued)
                if is_over(mine):
                    at = seen.observed_at
                    yield Alarm(EntityName("", name), at, at, seen.pool)

    return _together(watch)


def over_limit(samples: Sequence[int]) -> bool:
    return samples[-1] > MOST_QUEUED


def over_deviations(samples: Sequence[int]) -> bool:
    before = samples[-145:-1]
    return len(before) >= 50 and samples[-1] > float(np.mean(before) + 3 * np.std(before, ddof=1))


def _together(watch: Watcher) -> Watcher:
    """What is told within an hour of the last time is the same alarm."""

    def watched(made: Fleet) -> Iterator[Alarm]:
        last: dict[tuple[EntityName, str], Alarm] = {}
        for alarm in watch(made):
            key = alarm.subject, alarm.key
            before = last.get(key)
            if before is not None and before.until and alarm.since <= before.until + HOUR:
                last[key] = Alarm(alarm.subject, before.since, alarm.until, alarm.key)
                continue
            if before is not None:
                yield before
            last[key] = alarm
        yield from last.values()

    return watched


def nothing_heard(made: Fleet) -> Iterator[Alarm]:
    """Neither an event nor an answer for an hour."""
    last: dict[str, datetime] = {}
    for name, at in heard_of(made):
        before = last.get(name)
        if before is not None and at - before > HOUR:
            yield Alarm(EntityName("", name), before + HOUR, at)
        last[name] = at


def any_down(made: Fleet) -> Iterator[Alarm]:
    """A part says that it is down, or nothing is heard for an hour."""
    yield from nothing_heard(made)
    for name, seen in made.observed:
        if isinstance(seen, HealthObserved) and seen.status is HealthStatus.DOWN:
            yield Alarm(EntityName("", name), seen.observed_at, seen.observed_at)


def _values(samples: Sequence[Sample]) -> list[float]:
    return [sample.value for sample in samples]


WATCHERS: Final[Mapping[str, Mapping[str, Watcher]]] = {
    "missed_schedule": {"cron + grace": each(cron_and_grace)},
    "overrun": {
        "1.5 x mean of 10": by_duration(ratio_of_mean),
        "mean + 3 sd of 30": by_duration(mean_and_deviations),
        "median + 3.5 MAD of 60": by_duration(raw_mad),
    },
    "too_fast": {
        "half of mean of 10": by_duration(half_of_mean),
        "mean - 3 sd of 30": by_duration(below_deviations),
    },
    "too_often": {"twice the mean day": each(twice_as_many)},
    "failed_check": {"each failed result": each(failed_results)},
    "volume": {
        "half or twice mean of 10": by_rows(half_or_twice),
        "mean +- 3 sd of 30": by_rows(beyond_deviations),
    },
    "schema_change": {"any other schema": each(another_schema)},
    "missing_partition": {"by noon of next day": each(by_noon)},
    "backlog": {
        "more than 100": by_queue(over_limit),
        "mean + 3 sd of a day": by_queue(over_deviations),
    },
    "orchestrator_silent": {
        "nothing for an hour": nothing_heard,
        "the same, or a part down": any_down,
    },
}
