"""How long the runs of a job took, as baselines learn it and rules look for slow changes in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import BigInteger, Connection, Row, bindparam, func, select, type_coerce

from hub.baselines.samples import Sample
from hub.model import CALLED_SO, Resolution, RunState
from hub.rules.base import History, Subject
from hub.schedules.origins import is_by_hand
from hub.schedules.zones import zone_of
from hub.store.facts import OF_DURATION, new_normals
from hub.store.reading import among, distinct
from hub.store.tables import incident, job_version, run, schedule
from hub.store.types import EPOCH, from_micros

#: Runs of a baseline, and of a slow change.
SAMPLES: Final = 90
LONG: Final = 1000
#: Where these span less time than that they hold no three weekends: so many of them are read then.
ENOUGH: Final = timedelta(days=21)
MORE: Final = 600
#: So many times as many runs are looked through, for those that the clock started.
_THROUGH: Final = 3
#: If the clock started fewer, those that people started count too.
_FEWEST: Final = 8
#: Kinds whose incidents are called by the run that took longer than is normal, or not as long.
_OF_RUNS: Final = ("overrun", "stuck", "too_fast")
#: Versions of a job that come more often than every so many runs tell no change of what it does.
_RUNS_PER_VERSION: Final = 10

# Plain numbers: of most runs no more than one time is needed.
_RUNS = (
    select(
        run.c.id,
        run.c.natural_id,
        run.c.backfill,
        type_coerce(run.c.started_at, BigInteger),
        type_coerce(run.c.ended_at, BigInteger),
        type_coerce(run.c.nominal_start, BigInteger),
    )
    .where(
        run.c.job_id == bindparam("job"),
        run.c.state == RunState.COMPLETED,
        run.c.started_at > bindparam("begun"),
        run.c.ended_at > run.c.started_at,
    )
    .order_by(run.c.sort_at.desc())
    .limit(bindparam("most"))
)
_ZONES = select(schedule.c.job_id, schedule.c.timezone)
#: The rules' names lead the index; there are few.
_OF_JOBS = select(
    incident.c.subject_id,
    incident.c.kind,
    incident.c.key,
    incident.c.resolution,
).where(
    incident.c.rule.in_(bindparam("rules", expanding=True)),
    incident.c.subject_kind == "job",
    incident.c.kind.in_(_OF_RUNS),
)
_VERSIONS = select(
    func.coalesce(
        run.c.nominal_start, run.c.started_at, run.c.sort_at, job_version.c.created_at
    ).label("at")
).select_from(job_version.outerjoin(run, run.c.id == job_version.c.run_id))


_MICROSECOND: Final = timedelta(microseconds=1)
_Run = tuple[int, str, str | None, int, int, int | None]


def histories_of(
    connection: Connection, jobs: Sequence[int], most: int = SAMPLES
) -> dict[int, History]:
    """How long the latest runs of each job took that completed, the latest first.

    Backfills and what people started are left out where the clock starts the job; runs within
    incidents are capped, and what was before a new normal no longer counts.
    """
    if not jobs:
        return {}
    zones = dict(tuple(row) for row in among(connection, _ZONES, schedule.c.job_id, jobs))
    told = _incidents(connection, jobs)
    begun = new_normals(connection, Subject.JOB, jobs, OF_DURATION)
    return {
        job: History(
            _samples(connection, job, most, told.get(job, ()), begun.get(job, EPOCH)),
            _zone(zones.get(job)),
        )
        for job in jobs
    }


def long_history(connection: Connection, job: int) -> History:
    """Of many more runs than a baseline has; a new version of the job begins anew too."""
    found = histories_of(connection, [job], LONG)[job]
    return replace(found, since_reset=_new_version(connection, job, found.samples))


def _samples(
    connection: Connection, job: int, most: int, told: Sequence[Row[Any]], begun: datetime
) -> list[Sample]:
    rows = _runs(connection, job, most, begun)
    if len(rows) == most < MORE and rows[0][3] - rows[-1][3] < ENOUGH // _MICROSECOND:
        most = MORE
        rows = _runs(connection, job, most, begun)
    by_clock = [row for row in rows if not is_by_hand(row[1], row[2])]
    if len(by_clock) < min(most, len(rows)):
        rows = _runs(connection, job, max(most, _THROUGH * SAMPLES), begun)
        by_clock = [row for row in rows if not is_by_hand(row[1], row[2])]
    unusual = {one.key for one in told if _is_unusual(one)}
    return [
        Sample(
            from_micros(started if nominal is None else nominal),
            (ended - started) / 1_000_000,
            str(key) in unusual,
        )
        for key, _, _, started, ended, nominal in (by_clock if len(by_clock) >= _FEWEST else rows)[
            :most
        ]
    ]


def _runs(connection: Connection, job: int, most: int, begun: datetime) -> list[_Run]:
    given = {"job": job, "most": most, "begun": begun}
    return [tuple(row) for row in connection.execute(_RUNS, given)]


def _zone(name: str | None) -> tzinfo:
    """UTC where there is no schedule, or one that can't be read."""
    try:
        return UTC if name is None else zone_of(name)
    except ValueError:
        return UTC


def _incidents(connection: Connection, jobs: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """Those that say something of how long runs took."""
    rules = distinct(connection, incident.c.rule)
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in among(connection, _OF_JOBS, incident.c.subject_id, jobs, rules=rules):
        found[row.subject_id].append(row)
    return found


def _is_unusual(one: Row[Any]) -> bool:
    """Whether its key is a run that took too long or not long enough, and nobody said otherwise."""
    return one.kind in _OF_RUNS and one.resolution not in (*CALLED_SO, Resolution.RETRACTED)


def _new_version(connection: Connection, job: int, samples: Sequence[Sample]) -> datetime | None:
    """When the job's latest version began; None: it is the first, or they come all the time."""
    found = [row.at for row in among(connection, _VERSIONS, job_version.c.job_id, [job])]
    if len(found) < 2 or not samples:
        return None
    recent = sum(at >= samples[-1].at for at in found)
    return max(found) if recent <= 1 or recent * _RUNS_PER_VERSION <= len(samples) else None
