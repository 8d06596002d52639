"""What is private to teams that a viewer does not belong to."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, select

from hub.model import EntityName, Viewer
from hub.store.reading import kept_from
from hub.store.tables import dataset, job, namespace, team


class Closed(Struct, frozen=True):
    """Teams that the viewer sees nothing of, and the names of what they own."""

    teams: frozenset[str] = frozenset()
    names: tuple[EntityName, ...] = ()


def closed_to(connection: Connection, viewer: Viewer) -> Closed:
    if viewer.all:
        return Closed()
    private = set(connection.scalars(select(team.c.name).where(team.c.private)))
    teams = frozenset(private - viewer.teams)
    if not teams:
        return Closed()
    names: list[EntityName] = []
    for owned in (job, dataset):
        statement = (
            select(namespace.c.name, owned.c.name)
            .join(namespace, namespace.c.id == owned.c.namespace_id)
            .where(kept_from(viewer, owned.c.team))
        )
        names += [EntityName(*row) for row in connection.execute(statement)]
    return Closed(teams, tuple(names))
