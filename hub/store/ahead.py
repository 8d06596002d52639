"""Who wants to look at what next: as somebody needs it who moves the clock himself."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, func, select

from hub.model import EntityName
from hub.store.tables import dataset, expectation, job, namespace


class Waiting(Struct, frozen=True):
    """A rule that wants to look at a subject, by its name; None: of neither a job nor a dataset."""

    rule: str
    kind: str
    subject: EntityName | None
    orchestrator_id: int
    due_at: datetime


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
            func.coalesce(spaces[0].c.name, spaces[1].c.name),
            func.coalesce(job.c.name, dataset.c.name),
            mine.orchestrator_id,
            mine.due_at,
        )
        .outerjoin(job, of_job)
        .outerjoin(spaces[0], spaces[0].c.id == job.c.namespace_id)
        .outerjoin(dataset, of_dataset)
        .outerjoin(spaces[1], spaces[1].c.id == dataset.c.namespace_id)
        .where(mine.due_at <= until)
        .order_by(mine.due_at)
    )
    return [
        Waiting(rule, kind, None if space is None else EntityName(space, name), whose, at)
        for rule, kind, space, name, whose, at in rows
    ]
