"""Datasets: lists, one with all that belongs to it, and its versions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, exists, func, select, update

from hub.errors import NotFound
from hub.model import EntityName, Viewer
from hub.store.columns import column_lineage_of
from hub.store.counts import total_of
from hub.store.facets import Facets, facets_of_datasets
from hub.store.names import find_dataset, find_namespace
from hub.store.reading import (
    Page,
    PublicKind,
    Slice,
    among,
    cut,
    dataset_seen,
    decode_cursor,
    json_list,
    kept_per_viewer,
    newest_first,
    numbered,
    public_uuid,
    without_index,
)
from hub.store.runs import run_views_by_id
from hub.store.tables import dataset, dataset_schema, dataset_tag, dataset_update, namespace
from hub.store.views import (
    ColumnLineage,
    DatasetVersionView,
    DatasetView,
    FieldView,
    RunView,
)

_STREAMS = frozenset({"STREAM", "TOPIC", "QUEUE"})
_GONE = "DROP"

#: What a view shows of a dataset's own row.
_SHOWN = (
    dataset.c.id,
    dataset.c.name,
    dataset.c.kind,
    dataset.c.source_name,
    dataset.c.source_uri,
    dataset.c.description,
    dataset.c.lifecycle,
    dataset.c.schema_id,
    dataset.c.owners,
    dataset.c.team,
    dataset.c.created_at,
    dataset.c.updated_at,
    dataset.c.last_update_at,
)

Tags = dict[str, list[str]]  # by column; "" holds those of the dataset itself


def _latest_update() -> Any:
    mine = select(dataset_update.c.id).where(dataset_update.c.dataset_id == dataset.c.id)
    return mine.order_by(dataset_update.c.at.desc()).limit(1).scalar_subquery()


@kept_per_viewer
def select_datasets(viewer: Viewer) -> Select[Any]:
    """Rows that `dataset_views` takes, of the datasets the viewer may see; no aliases."""
    return (
        select(
            *_SHOWN,
            namespace.c.name.label("namespace"),
            dataset_schema.c.fields,
            _latest_update().label("update_id"),
            exists().where(dataset_tag.c.dataset_id == dataset.c.id).label("tagged"),
        )
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .outerjoin(dataset_schema, dataset_schema.c.id == dataset.c.schema_id)
        .where(dataset.c.canonical_id.is_(None), dataset_seen(viewer))
    )


def list_datasets(
    connection: Connection, viewer: Viewer, page: Page, *, within: str | None = None
) -> Slice[DatasetView]:
    """Datasets of one namespace by name, or of all namespaces, those with news first."""
    no_alias = without_index(connection, dataset.c.canonical_id).is_(None)
    some = select(dataset.c.id, dataset.c.name, dataset.c.updated_at).where(
        no_alias, dataset_seen(viewer)
    )
    if within is None:
        scope = None
        paged = newest_first(some, page, dataset.c.updated_at, dataset.c.id)
        rows = connection.execute(paged).all()
        kept, following = cut(rows, page, lambda row: (row.updated_at, row.id))
    else:
        scope = find_namespace(connection, within)
        rows = connection.execute(_by_name(some, scope, page)).all()
        kept, following = cut(rows, page, lambda row: (row.name,))
    views = dataset_views_by_id(connection, viewer, [row.id for row in kept], facets=True)
    total = total_of(connection, viewer, "datasets", scope)
    return Slice([views[row.id] for row in kept], following, total)


def _by_name(some: Select[Any], scope: int, page: Page) -> Select[Any]:
    mine = some.where(dataset.c.namespace_id == scope)
    if page.after is not None:
        mine = mine.where(dataset.c.name > decode_cursor(page.after, tuple[str])[0])
    return mine.order_by(dataset.c.name).limit(page.limit + 1).offset(page.offset)


def get_dataset(connection: Connection, viewer: Viewer, name: EntityName) -> DatasetView:
    key = find_dataset(connection, viewer, name)
    return dataset_views_by_id(connection, viewer, [key], facets=True)[key]


def dataset_views_by_id(
    connection: Connection, viewer: Viewer, keys: Iterable[int], *, facets: bool = False
) -> dict[int, DatasetView]:
    rows = among(connection, select_datasets(viewer), dataset.c.id, keys)
    views = dataset_views(connection, viewer, rows, facets=facets)
    return {row.id: view for row, view in zip(rows, views, strict=True)}


def dataset_views(
    connection: Connection, viewer: Viewer, rows: Sequence[Row[Any]], *, facets: bool = False
) -> list[DatasetView]:
    """Rows of `select_datasets` with their tags and, if asked for, facets and column lineage."""
    keys = [row.id for row in rows]
    tags = _tags_of(connection, [row.id for row in rows if row.tagged])
    told = facets_of_datasets(connection, keys) if facets else {}
    columns = column_lineage_of(connection, viewer, keys) if facets else {}
    return [_view(row, tags[row.id], told.get(row.id, {}), columns.get(row.id)) for row in rows]


def _view(
    row: Row[Any], tags: Tags, facets: Facets, columns: list[ColumnLineage] | None
) -> DatasetView:
    return DatasetView(
        id=EntityName(row.namespace, row.name),
        type=_type(row.kind),
        name=row.name,
        physical_name=row.name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        namespace=row.namespace,
        source_name=row.source_name or "default",
        fields=_fields(row.fields, tags),
        tags=tags.get("", []),
        last_modified_at=row.last_update_at,
        last_lifecycle_state=row.lifecycle,
        description=row.description,
        current_version=_version(row.update_id, row.schema_id),
        column_lineage=columns,
        facets=facets,
        deleted=row.lifecycle == _GONE,
        kind=row.kind,
        source_uri=row.source_uri,
        owners=json_list(row.owners),
        team=row.team,
    )


def _type(kind: str | None) -> str:
    return "STREAM" if (kind or "").upper() in _STREAMS else "DB_TABLE"


def _version(update_id: int | None, schema_id: int | None) -> str | None:
    """The current version: the latest update, else the schema it was described with."""
    if update_id is not None:
        return public_uuid(PublicKind.UPDATE, update_id)
    return None if schema_id is None else public_uuid(PublicKind.SCHEMA, schema_id)


def _fields(text: str | None, tags: Tags) -> list[FieldView]:
    return [
        FieldView(name, kind, tags.get(name, []), description)
        for name, kind, description in json_list(text)
    ]


_TAGS = select(dataset_tag.c.dataset_id, dataset_tag.c.field, dataset_tag.c.tag)


def _tags_of(connection: Connection, keys: Iterable[int]) -> dict[int, Tags]:
    found: dict[int, Tags] = defaultdict(lambda: defaultdict(list))
    for key, field, tag in among(connection, _TAGS, dataset_tag.c.dataset_id, keys):
        found[key][field].append(tag)
    return found


def hide_dataset(connection: Connection, viewer: Viewer, name: EntityName) -> DatasetView:
    """Hides the dataset until its next event; shows it as it was."""
    view = get_dataset(connection, viewer, name)
    key = find_dataset(connection, viewer, name)
    connection.execute(update(dataset).where(dataset.c.id == key).values(hidden=True))
    return view


# -- versions ----------------------------------------------------------------------------------


def list_dataset_versions(
    connection: Connection, viewer: Viewer, name: EntityName, page: Page
) -> Slice[DatasetVersionView]:
    """The versions of a dataset, the latest first: its updates, else the one it is described as."""
    key = find_dataset(connection, viewer, name)
    mine = _updates().where(dataset_update.c.dataset_id == key)
    paged = newest_first(mine, page, dataset_update.c.at, dataset_update.c.id)
    rows = connection.execute(paged).all()
    if not rows and page.after is None and page.offset == 0:
        rows = connection.execute(_described().where(dataset.c.id == key)).all()
    kept, following = cut(rows, page, lambda row: (row.at, row.id))
    views = _version_views(connection, viewer, key, kept)
    counted = select(func.count()).where(dataset_update.c.dataset_id == key)
    return Slice(views, following, connection.scalar(counted) or len(views))


def get_dataset_version(
    connection: Connection, viewer: Viewer, name: EntityName, version: UUID
) -> DatasetVersionView:
    key = find_dataset(connection, viewer, name)
    rows = connection.execute(_one_version(key, version)).all()
    if not rows:
        raise NotFound(f"Dataset version '{version}' not found.")
    return _version_views(connection, viewer, key, rows)[0]


def _one_version(key: int, version: UUID) -> Select[Any]:
    kind, number = numbered(version) or (PublicKind.UPDATE, 0)
    if kind is PublicKind.SCHEMA:
        schema = dataset_schema.c
        return _described(current=False).where(schema.id == number, schema.dataset_id == key)
    # A UUID of another kind stands for no version: 0 is nobody's id.
    number = number if kind is PublicKind.UPDATE else 0
    return _updates().where(dataset_update.c.id == number, dataset_update.c.dataset_id == key)


def _updates() -> Select[Any]:
    return select(dataset_update, dataset_schema.c.fields).outerjoin(
        dataset_schema, dataset_schema.c.id == dataset_update.c.schema_id
    )


def _described(*, current: bool = True) -> Select[Any]:
    """The version of a dataset that nobody reported to have written: what its schema says."""
    joined = (
        dataset.c.schema_id == dataset_schema.c.id
        if current
        else dataset.c.id == dataset_schema.c.dataset_id
    )
    return select(
        dataset_schema.c.first_at.label("at"),
        dataset_schema.c.id,
        dataset_schema.c.id.label("schema_id"),
        dataset_schema.c.fields,
    ).join(dataset, joined)


def _version_views(
    connection: Connection, viewer: Viewer, key: int, rows: Sequence[Row[Any]]
) -> list[DatasetVersionView]:
    now = dataset_views_by_id(connection, viewer, [key], facets=True)[key]
    tags = _tags_of(connection, [key])[key]
    made_by = [run for row in rows if (run := row._mapping.get("run_id")) is not None]  # noqa: SLF001
    runs = run_views_by_id(connection, viewer, made_by)
    return [_version_view(now, tags, row._mapping, runs) for row in rows]  # noqa: SLF001


def _version_view(
    now: DatasetView, tags: Tags, row: Any, runs: dict[int, RunView]
) -> DatasetVersionView:
    updated = "dataset_id" in row
    schema_id = row["schema_id"]
    return DatasetVersionView(
        id=now.id,
        type=now.type,
        name=now.name,
        physical_name=now.physical_name,
        created_at=row["at"],
        version=public_uuid(PublicKind.UPDATE if updated else PublicKind.SCHEMA, row["id"]),
        namespace=now.namespace,
        source_name=now.source_name,
        fields=_fields(row["fields"], tags),
        tags=now.tags,
        lifecycle_state=row["lifecycle"] if updated else now.last_lifecycle_state,
        description=now.description,
        current_schema_version=schema_id and public_uuid(PublicKind.SCHEMA, schema_id),
        created_by_run=runs.get(row["run_id"]) if updated else None,
        facets=now.facets,
        partition=(row["partition_key"] or None) if updated else None,
        rows=row["rows"] if updated else None,
        bytes=row["bytes"] if updated else None,
        files=row["files"] if updated else None,
    )
