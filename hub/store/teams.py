"""What a team owns, and which of its promises were kept."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import BigInteger, Connection, func, select, type_coerce

from hub.model import RunState, Viewer
from hub.store.access import list_teams
from hub.store.datasets import dataset_views_by_id
from hub.store.jobs import job_views_by_id
from hub.store.reading import closed_teams, dataset_seen, distinct, job_seen
from hub.store.tables import dataset, incident, job, run
from hub.store.views import DatasetView, JobView

_DAY: Final = 86_400_000_000
_EPOCH: Final = date(1970, 1, 1)
#: Kinds of rule whose incidents are promises broken; a run that failed is one by itself.
BREACHES: Final = ("missed_schedule", "late_finish", "freshness", "missing_partition")


class Owned(Struct, frozen=True):
    """The first of what a team owns, and how much it is in all."""

    jobs: list[JobView]
    datasets: list[DatasetView]
    job_count: int
    dataset_count: int


class Promises(Struct, frozen=True):
    """Of one day: runs that completed, runs that failed, and what was too late or never came."""

    day: date
    kept: int
    failed: int
    late: int

    @property
    def broken(self) -> int:
        return self.failed + self.late


def team_names(connection: Connection, viewer: Viewer) -> list[str]:
    """Teams that were made, or that own something; none that is private to others."""
    names = {one.name for one in list_teams(connection)}
    names |= {
        name for column in (job.c.team, dataset.c.team) for name in distinct(connection, column)
    }
    return sorted(name for name in names - closed_teams(connection, viewer) if name)


def owned_by(connection: Connection, viewer: Viewer, team: str, limit: int) -> Owned:
    """Jobs that are part of no other, those with news first; datasets likewise."""
    jobs = [job_seen(viewer), job.c.team == team, job.c.parent_job_id.is_(None)]
    datasets = [dataset_seen(viewer), dataset.c.team == team, dataset.c.canonical_id.is_(None)]
    job_ids = list(_latest(connection, job, jobs, limit))
    dataset_ids = list(_latest(connection, dataset, datasets, limit))
    seen = job_views_by_id(connection, viewer, job_ids, runs=10)
    told = dataset_views_by_id(connection, viewer, dataset_ids)
    return Owned(
        [seen[key] for key in job_ids if key in seen],
        [told[key] for key in dataset_ids if key in told],
        connection.scalar(select(func.count()).select_from(job).where(*jobs)) or 0,
        connection.scalar(select(func.count()).select_from(dataset).where(*datasets)) or 0,
    )


def _latest(connection: Connection, table: Any, conditions: list[Any], limit: int) -> Any:
    statement = select(table.c.id).where(*conditions)
    return connection.scalars(statement.order_by(table.c.updated_at.desc()).limit(limit))


def promises_of(
    connection: Connection, viewer: Viewer, team: str, until: datetime, days: int
) -> list[Promises]:
    """Of each of so many days up to that time, the earliest first."""
    last = until.astimezone(UTC).date()
    first = last - timedelta(days=days - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    ended = _ended(connection, viewer, team, since)
    late = _late(connection, team, since)
    found = [first + timedelta(days=n) for n in range(days)]
    return [
        Promises(day, ended[day, RunState.COMPLETED], ended[day, RunState.FAILED], late.get(day, 0))
        for day in found
    ]


def _ended(
    connection: Connection, viewer: Viewer, team: str, since: datetime
) -> Counter[tuple[date, str]]:
    day = (type_coerce(run.c.ended_at, BigInteger) // _DAY).label("day")
    statement = (
        select(day, run.c.state, func.count().label("runs"))
        .join(job, job.c.id == run.c.job_id)
        .where(
            job_seen(viewer),
            job.c.team == team,
            job.c.parent_job_id.is_(None),
            run.c.ended_at >= since,
        )
        .group_by(day, run.c.state)
    )
    found: Counter[tuple[date, str]] = Counter()
    for row in connection.execute(statement):
        found[_day(row.day), row.state] += row.runs
    return found


def _late(connection: Connection, team: str, since: datetime) -> dict[date, int]:
    """Incidents that nobody is to be woken for are none, and neither is what evidence took back."""
    mine = incident.c
    day = (type_coerce(mine.opened_at, BigInteger) // _DAY).label("day")
    statement = (
        select(day, func.count().label("incidents"))
        .where(
            mine.team == team,
            mine.kind.in_(BREACHES),
            mine.opened_at >= since,
            mine.dry_run.is_(False),
            mine.resolution.is_distinct_from("retracted"),
        )
        .group_by(day)
    )
    return {_day(row.day): row.incidents for row in connection.execute(statement)}


def _day(number: float) -> date:
    return _EPOCH + timedelta(days=int(number))
