"""Datasets as rules are chosen for them, with who made them what they are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Select, func, select

from hub.model import EntityName
from hub.store.expectations import NOBODY
from hub.store.reading import among, newest_of_each
from hub.store.tables import dataset, freshness_policy, job, namespace, orchestrator, run, schedule
from hub.store.tables import dataset_update as update


class DatasetRow(Struct, frozen=True):
    """A dataset as rules are chosen for it.

    job: the one that updated it last, whose orchestrator is named too. paused: so is that job.
    """

    id: int
    name: EntityName
    orchestrator_id: int  # of the job that updated it last
    team: str | None
    known_at: datetime
    last_update_at: datetime | None
    max_lag_s: float | None
    orchestrator: str | None = None
    job: EntityName | None = None
    cron: str | None = None
    timezone: str | None = None
    paused: bool = False

    @property
    def inner(self) -> bool:
        return False


_DATASETS: Select[Any] = (
    select(
        dataset.c.id,
        namespace.c.name.label("space"),
        dataset.c.name,
        dataset.c.team,
        dataset.c.created_at,
        dataset.c.last_update_at,
        freshness_policy.c.max_lag_s,
        freshness_policy.c.cron,
        freshness_policy.c.timezone,
    )
    .join(namespace, namespace.c.id == dataset.c.namespace_id)
    .outerjoin(freshness_policy, freshness_policy.c.dataset_id == dataset.c.id)
    .where(dataset.c.hidden.is_(False))
)


def dataset_rows(connection: Connection, keys: Iterable[int]) -> list[DatasetRow]:
    rows = among(connection, _DATASETS, dataset.c.id, keys)
    makers = _makers(connection, [row.id for row in rows])
    found = []
    for row in rows:
        maker = makers.get(row.id, _NOBODY)
        found.append(
            DatasetRow(
                row.id,
                EntityName(row.space, row.name),
                maker.orchestrator_id,
                row.team,
                row.created_at,
                row.last_update_at,
                row.max_lag_s,
                maker.orchestrator,
                maker.job,
                row.cron,
                row.timezone,
                maker.paused,
            )
        )
    return found


class _Maker(Struct, frozen=True):
    """Who updated a dataset last. `paused`: so is the job, or the Dag whose task it is."""

    orchestrator_id: int = NOBODY
    orchestrator: str | None = None
    job: EntityName | None = None
    paused: bool = False


_NOBODY = _Maker()
_MAKERS = (
    select(
        update.c.dataset_id,
        run.c.orchestrator_id,
        orchestrator.c.name.label("orchestrator"),
        namespace.c.name.label("space"),
        job.c.name,
        schedule.c.paused,
    )
    .join(run, run.c.id == update.c.run_id)
    .join(orchestrator, orchestrator.c.id == run.c.orchestrator_id)
    .join(job, job.c.id == run.c.job_id)
    .join(namespace, namespace.c.id == job.c.namespace_id)
    .outerjoin(schedule, schedule.c.job_id == func.coalesce(job.c.parent_job_id, job.c.id))
)


def _makers(connection: Connection, keys: list[int]) -> dict[int, _Maker]:
    """The maker of the latest update of each dataset."""
    latest = newest_of_each(connection, update, "dataset_id", "at", keys, 1)
    return {
        row.dataset_id: _Maker(
            row.orchestrator_id,
            row.orchestrator,
            EntityName(row.space, row.name),
            bool(row.paused),
        )
        for row in among(connection, _MAKERS, update.c.id, latest)
    }
