"""Who wants to look at what next: as somebody needs it who moves the clock himself."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, func, select

from hub.model import EntityName
from hub.store.expectations import Looked
from hub.store.tables import dataset, expectation, job, namespace


class Waiting(Struct, frozen=True):
    """A rule that wants to look at a subject, by its name; None: of neither a job nor a dataset.

    inner: it is a job within another, as a task in a Dag.
    """

    looked: Looked
    subject: EntityName | None
    orchestrator_id: int
    due_at: datetime
    inner: bool


def waiting(connection: Connection, until: datetime) -> list[Waiting]:
    """Who wants to look until then, the first first."""
    spaces = namespace.alias(), namespace.alias()
    mine = expectation.c
    of_job = (mine.subject_kind == "job") & (job.c.id == mine.subject_id)
    of_dataset = (mine.subject_kind == "dataset") & (dataset.c.id == mine.subject_id)
    rows = connection.execute(
        select(
            mine.rule,
            mine.subject_kind,
            mine.subject_id,
            func.coalesce(spaces[0].c.name, spaces[1].c.name),
            func.coalesce(job.c.name, dataset.c.name),
            mine.orchestrator_id,
            mine.due_at,
            job.c.parent_job_id.is_not(None),
        )
        .outerjoin(job, of_job)
        .outerjoin(spaces[0], spaces[0].c.id == job.c.namespace_id)
        .outerjoin(dataset, of_dataset)
        .outerjoin(spaces[1], spaces[1].c.id == dataset.c.namespace_id)
        .where(mine.due_at <= until)
        .order_by(mine.due_at)
    )
    return [
        Waiting(Looked(*looked), space and EntityName(space, name), whose, at, bool(inner))
        for *looked, space, name, whose, at, inner in rows
    ]
