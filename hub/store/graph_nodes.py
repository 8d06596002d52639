"""What is drawn of the nodes of a graph: names, teams, states, and where something is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, select

from hub.model import IncidentState, Viewer
from hub.store.reading import among, dataset_seen, job_seen
from hub.store.tables import dataset, incident, job, namespace


class NodeView(Struct, frozen=True):
    """A job or a dataset. state: of a job's latest run; group: the job that it is a part of."""

    namespace: str
    name: str
    team: str | None
    state: str | None = None
    group: str | None = None


_above = job.alias("above")


def job_nodes(connection: Connection, viewer: Viewer, keys: Iterable[int]) -> dict[int, NodeView]:
    statement = (
        select(
            job.c.id,
            namespace.c.name.label("space"),
            job.c.name,
            job.c.team,
            job.c.latest_run_state,
            _above.c.name.label("above"),
        )
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .outerjoin(_above, _above.c.id == job.c.parent_job_id)
        .where(job_seen(viewer))
    )
    return {
        row.id: NodeView(row.space, row.name, row.team, row.latest_run_state, row.above)
        for row in among(connection, statement, job.c.id, keys)
    }


def dataset_nodes(
    connection: Connection, viewer: Viewer, keys: Iterable[int]
) -> dict[int, NodeView]:
    statement = (
        select(dataset.c.id, namespace.c.name.label("space"), dataset.c.name, dataset.c.team)
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .where(dataset_seen(viewer))
    )
    return {
        row.id: NodeView(row.space, row.name, row.team)
        for row in among(connection, statement, dataset.c.id, keys)
    }


_IN_TROUBLE: Final = select(incident.c.job_id, incident.c.dataset_id).where(
    incident.c.state != IncidentState.RESOLVED, incident.c.dry_run.is_(False)
)


def in_trouble(
    connection: Connection, jobs: Collection[int], datasets: Collection[int]
) -> tuple[set[int], set[int]]:
    """Those of the jobs, and of the datasets, that have an open incident."""
    rows = connection.execute(_IN_TROUBLE).all()
    return {row.job_id for row in rows} & {*jobs}, {row.dataset_id for row in rows} & {*datasets}
