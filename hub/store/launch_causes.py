"""What a launch is for: the updates that caused it, and the run that wrote the latest of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from hub.model import EntityName, Viewer
from hub.ports import CauseRun, Json
from hub.store.reading import among, dataset_seen, to_uuid_text
from hub.store.tables import dataset, dataset_update, job, namespace, run
from hub.store.views import View

#: So many updates of one launch are looked at.
MOST: Final = 200
_job_space = namespace.alias("job_space")


class CauseView(View, frozen=True):
    """An update that caused a launch, and the run that wrote it."""

    id: int
    dataset: EntityName
    partition: str | None
    at: datetime
    run_id: str | None
    job: EntityName | None


_UPDATES = (
    select(
        dataset_update.c.id,
        dataset_update.c.partition_key,
        dataset_update.c.at,
        namespace.c.name.label("space"),
        dataset.c.name,
        run.c.attempt_uuid,
        _job_space.c.name.label("job_space"),
        job.c.name.label("job_name"),
    )
    .join(dataset, dataset.c.id == dataset_update.c.dataset_id)
    .join(namespace, namespace.c.id == dataset.c.namespace_id)
    .outerjoin(run, run.c.id == dataset_update.c.run_id)
    .outerjoin(job, job.c.id == run.c.job_id)
    .outerjoin(_job_space, _job_space.c.id == job.c.namespace_id)
)


def updates_in(cause: Json) -> list[int]:
    """The ids of the updates that a cause names."""
    told = cause.get("updates", [])
    listed: Sequence[Any] = told if isinstance(told, list) else []
    return [one for one in listed if isinstance(one, int)][:MOST]


def cause_run(connection: Connection, cause: Json) -> CauseRun | None:
    """The run that wrote the latest of the updates; None if no run is known to have done so."""
    rows = among(connection, _UPDATES, dataset_update.c.id, updates_in(cause))
    written = [row for row in rows if row.attempt_uuid is not None]
    if not written:
        return None
    last = max(written, key=lambda row: (row.at, row.id))
    return CauseRun(to_uuid_text(last.attempt_uuid), EntityName(last.job_space, last.job_name))


def causes(connection: Connection, viewer: Viewer, cause: Json) -> list[CauseView]:
    """The updates that the viewer may see, the oldest first; those that are gone are left out."""
    seen = _UPDATES.where(dataset_seen(viewer))
    rows = among(connection, seen, dataset_update.c.id, updates_in(cause))
    return [
        CauseView(
            row.id,
            EntityName(row.space, row.name),
            row.partition_key or None,
            row.at,
            None if row.attempt_uuid is None else to_uuid_text(row.attempt_uuid),
            None if row.job_name is None else EntityName(row.job_space, row.job_name),
        )
        for row in sorted(rows, key=lambda row: (row.at, row.id))
    ]
