"""From names to numbers: jobs, datasets (aliases resolved) and node ids of the lineage graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from hub.errors import NotFound
from hub.model import EntityName, Viewer
from hub.store.reading import among, dataset_seen, job_seen
from hub.store.tables import dataset, job, namespace

canonical = dataset.alias("canonical")

#: Named by Marquez's clients where they know no other; it is there, if only empty.
DEFAULT_NAMESPACE = "default"
_NOBODYS_ID = 0


def find_namespace(connection: Connection, name: str) -> int:
    found = connection.scalar(select(namespace.c.id).where(namespace.c.name == name))
    if found is not None:
        return int(found)
    if name == DEFAULT_NAMESPACE:
        return _NOBODYS_ID
    raise NotFound(f"Namespace '{name}' not found.")


def find_job(connection: Connection, viewer: Viewer, name: EntityName) -> int:
    """The id of a job that the viewer may see; raises NotFound."""
    found = match_job(connection, viewer, [name])
    if found is None:
        find_namespace(connection, name.namespace)
        raise NotFound(f"Job '{name.name}' not found.")
    return found


def find_dataset(connection: Connection, viewer: Viewer, name: EntityName) -> int:
    """The id of a dataset that the viewer may see, of its canonical one for an alias."""
    found = match_dataset(connection, viewer, [name])
    if found is None:
        find_namespace(connection, name.namespace)
        raise NotFound(f"Dataset '{name.name}' not found.")
    return found


def match_job(connection: Connection, viewer: Viewer, names: Sequence[EntityName]) -> int | None:
    """The first job there is among possible readings of one text."""
    statement = (
        select(job.c.id, namespace.c.name, job.c.name)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .where(_named(job, names), job_seen(viewer))
    )
    return _first(connection, statement, names)


def match_dataset(
    connection: Connection, viewer: Viewer, names: Sequence[EntityName]
) -> int | None:
    """The first dataset there is among possible readings of one text."""
    shown = func.coalesce(dataset.c.canonical_id, dataset.c.id)
    statement = (
        select(canonical.c.id, namespace.c.name, dataset.c.name)
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .join(canonical, canonical.c.id == shown)
        .where(_named(dataset, names), dataset_seen(viewer, canonical))
    )
    return _first(connection, statement, names)


#: So many names of a namespace are compared with one that isn't there.
_NEAR = 2000


def names_near(
    connection: Connection, viewer: Viewer, names: Sequence[EntityName]
) -> list[EntityName]:
    """Datasets that may have been meant: those of the same namespaces, or of the same name."""
    spaces = {each.namespace for each in names}
    called = {each.name for each in names}
    statement = (
        select(namespace.c.name, dataset.c.name)
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .where(dataset_seen(viewer), dataset.c.canonical_id.is_(None))
        .limit(_NEAR)
    )
    return [
        EntityName(*row)
        for mine in (namespace.c.name.in_(spaces), dataset.c.name.in_(called))
        for row in connection.execute(statement.where(mine))
    ]


def name_of_dataset(connection: Connection, dataset_id: int) -> EntityName:
    statement = (
        select(namespace.c.name, dataset.c.name)
        .join(dataset, dataset.c.namespace_id == namespace.c.id)
        .where(dataset.c.id == dataset_id)
    )
    return EntityName(*connection.execute(statement).one())


def names_of_jobs(connection: Connection, job_ids: Iterable[int]) -> list[EntityName]:
    statement = select(namespace.c.name, job.c.name).join(job, job.c.namespace_id == namespace.c.id)
    return sorted(EntityName(*row) for row in among(connection, statement, job.c.id, job_ids))


def names_of_datasets(connection: Connection, keys: Iterable[int]) -> dict[int, EntityName]:
    statement = select(dataset.c.id, namespace.c.name, dataset.c.name).join(
        namespace, namespace.c.id == dataset.c.namespace_id
    )
    found = among(connection, statement, dataset.c.id, keys)
    return {key: EntityName(space, name) for key, space, name in found}


def _named(entity: Any, names: Sequence[EntityName]) -> ColumnElement[bool]:
    return or_(
        *(
            and_(entity.c.namespace_id == _namespace_id(each.namespace), entity.c.name == each.name)
            for each in names
        )
    )


def _namespace_id(name: str) -> ColumnElement[int]:
    return select(namespace.c.id).where(namespace.c.name == name).scalar_subquery()


def _first(
    connection: Connection, statement: Select[Any], names: Sequence[EntityName]
) -> int | None:
    if not names:
        return None
    found = {EntityName(space, name): key for key, space, name in connection.execute(statement)}
    return next((int(found[name]) for name in names if name in found), None)
