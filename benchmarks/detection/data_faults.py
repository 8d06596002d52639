"""What jobs write, and what goes wrong with it: rows, columns, checks and partitions, with labels.

The runs are those of a fleet, whose own faults are in them already: what failed has written nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp
from typing import Final

from msgspec.structs import replace

from benchmarks.detection.faults import BEFORE, BETWEEN, FOREVER, Fault
from benchmarks.detection.fleet import Fleet, History, Run, Written, expected

#: How long a changed schema is told of.
HOLD: Final = timedelta(days=1)
#: The rows of an update that is at fault, as a part of what it would have been.
PARTS: Final = (0.0, 0.1, 0.3, 4.0)
CHECKS: Final = ("not_null", "unique")
TYPES: Final = ("BIGINT", "VARCHAR", "DOUBLE", "DATE", "BOOLEAN")


@dataclass
class Data:
    """What the output of one job is like. rows: None, for nobody tells. `grows`: per day, a share."""

    rows: float | None
    sigma: float
    grows: float
    checks: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    partitioned: bool


def put_data(made: Fleet, seed: int, share: float = 0.02) -> list[Fault]:
    """Lets the runs write something, and puts faults into about `share` of it."""
    found: list[Fault] = []
    for history in made.histories:
        chance = random.Random(f"data {seed} {history.job.name.name}")
        data = _data(history, chance)
        _write(history, data, made.begin, chance)
        found += _put(history, data, chance, share)
        if data.partitioned:
            found += absent(history, made.end)
    return found


def _data(history: History, chance: random.Random) -> Data:
    job = history.job
    counted = job.every in ("daily", "weekdays") and chance.random() < 0.8
    names = [f"column_{n}" for n in range(chance.randrange(4, 9))]
    columns = tuple((name, chance.choice(TYPES)) for name in names)
    return Data(
        rows=exp(chance.uniform(6, 14)) if counted else None,
        sigma=chance.choice((0.1, 0.2, 0.3)),
        grows=0.003 if chance.random() < 0.2 else 0.0,
        checks=CHECKS if job.every != "monthly" and chance.random() < 0.4 else (),
        columns=columns if chance.random() < 0.6 else (),
        partitioned=job.every == "daily"
        and job.schedule.timezone == "UTC"
        and chance.random() < 0.6,
    )


def _write(history: History, data: Data, begin: datetime, chance: random.Random) -> None:
    """Rows follow the calendar as durations do."""
    job = history.job
    for run in (*history.runs, *history.extra):
        day = (run.slot.due_at - begin) / timedelta(days=1)
        season = expected(replace(job, growth=0.0), run.slot.due_at, begin) / job.usual
        level = season * (1 + data.grows) ** day * exp(chance.gauss(0, data.sigma))
        run.wrote = Written(
            rows=None if data.rows is None else round(data.rows * level),
            partition=f"{run.slot.nominal_at:%Y-%m-%d}" if data.partitioned else "",
            columns=data.columns,
            checks=data.checks,
        )


# -- faults --------------------------------------------------------------------------------------

Inject = Callable[[History, Data, int, random.Random], Fault | None]


def _fail_check(history: History, data: Data, i: int, chance: random.Random) -> Fault:
    """One check fails with one to three updates in a row."""
    check, last = chance.choice(data.checks), i
    for last in range(i, min(i + chance.randrange(1, 4), len(history.runs) - 1)):
        _rewrite(history.runs[last], failed=frozenset({check}))
    return _fault(history, "failed_check", i, last)


def _miscount(history: History, data: Data, i: int, chance: random.Random) -> Fault:  # noqa: ARG001
    """Nothing, a tenth, three tenths, or four times as much."""
    rows = history.runs[i].wrote.rows or 0
    _rewrite(history.runs[i], rows=round(rows * chance.choice(PARTS)))
    return _fault(history, "volume", i, i)


def _alter(history: History, data: Data, i: int, chance: random.Random) -> Fault | None:  # noqa: ARG001
    """A column goes, or has another type, or, which is no fault, comes; from then on."""
    columns, which = list(history.runs[i].wrote.columns), chance.choice(("drop", "type", "add"))
    place = chance.randrange(len(columns))
    if which == "drop" and len(columns) > 2:
        del columns[place]
    elif which == "add":
        columns.append((f"column_{i}", chance.choice(TYPES)))
    else:
        name, kind = columns[place]
        columns[place] = (name, chance.choice([one for one in TYPES if one != kind]))
    for run in (*history.runs[i:], *_after(history, i)):
        _rewrite(run, columns=tuple(columns))
    end = history.runs[i].end
    assert end is not None
    return None if which == "add" else Fault("schema_change", history.job.output, end, end + HOLD)


def _misplace(history: History, data: Data, i: int, chance: random.Random) -> None:  # noqa: ARG001
    """It writes yesterday's partition once more: that today's is not there follows from it."""
    due = history.runs[i].slot.nominal_at - timedelta(days=1)
    _rewrite(history.runs[i], partition=f"{due:%Y-%m-%d}")


INJECTIONS: Final[Mapping[str, tuple[Inject, Callable[[Data], bool]]]] = {
    "failed_check": (_fail_check, lambda data: bool(data.checks)),
    "volume": (_miscount, lambda data: data.rows is not None),
    "schema_change": (_alter, lambda data: bool(data.columns)),
    "missing_partition": (_misplace, lambda data: data.partitioned),
}


def _put(history: History, data: Data, chance: random.Random, share: float) -> Iterator[Fault]:
    able = [inject for inject, fits in INJECTIONS.values() if fits(data)]
    i = BEFORE + chance.randrange(BETWEEN)
    while able and i < len(history.runs) - 4:
        if _is_sound(history.runs[i]):
            fault = chance.choice(able)(history, data, i, chance)
            if fault is not None:
                yield fault
        i += BETWEEN + int(chance.expovariate(share))


def absent(history: History, end: datetime) -> Iterator[Fault]:
    """Days of which no partition was written; of those of a pause it may be told."""
    written = {run.wrote.partition for run in (*history.runs, *history.extra) if _wrote(run, end)}
    for run in history.runs:
        day = run.slot.nominal_at.replace(hour=0, minute=0)
        key = f"{day:%Y-%m-%d}"
        if key not in written and day < end - timedelta(days=3):
            key = f"day={key}"
            yield Fault("missing_partition", history.job.output, day, FOREVER, key=key)
    for pause in history.pauses:
        until = pause.until + timedelta(days=1)
        also = frozenset({"missing_partition"})
        yield Fault("pause", history.job.output, pause.since, until, also)


def _fault(history: History, kind: str, first: int, last: int) -> Fault:
    begun = history.runs[first].end
    sound = (run.end for run in history.runs[last + 1 :] if _is_sound(run))
    assert begun is not None
    return Fault(kind, history.job.output, begun, next(sound, None) or FOREVER)


def _rewrite(run: Run, **changes: object) -> None:
    run.wrote = replace(run.wrote, **changes)


def _after(history: History, i: int) -> Iterator[Run]:
    at = history.runs[i].slot.due_at
    return (run for run in history.extra if run.slot.due_at >= at)


def _is_sound(run: Run) -> bool:
    return run.end is not None and run.state == "COMPLETE" and run.updates


def _wrote(run: Run, end: datetime) -> bool:
    return _is_sound(run) and run.end is not None and run.end < end
