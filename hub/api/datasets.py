"""Datasets, their versions and their tags."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from msgspec import Struct
from starlette.responses import Response

from hub.access import Principal, viewer_of
from hub.api.answers import answer, answers
from hub.api.edits import Change, edit
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.params import Eyes, Hub, Operator, Paged
from hub.api.paths import Name, NewName
from hub.model import EntityName
from hub.record.terms import whole_words
from hub.store import datasets, tags
from hub.store.views import DatasetVersionView, DatasetView

router = APIRouter(prefix="/api/v1", tags=["datasets"], responses=RESPONSES)

_ONE = "/namespaces/{namespace}/datasets/{dataset}"
_FIELD_TAG = _ONE + "/fields/{field}/tags/{tag}"


class Datasets(Struct, rename="camel"):
    datasets: list[DatasetView]
    total_count: int | None
    next_cursor: str | None


class DatasetVersions(Struct, rename="camel"):
    versions: list[DatasetVersionView]
    total_count: int | None
    next_cursor: str | None


@router.get("/datasets", responses=answers(Datasets))
def list_all_datasets(hub: Hub, eyes: Eyes, page: Paged) -> Response:
    """Datasets of all namespaces, those with news first."""
    with hub.db.reading() as connection:
        found = datasets.list_datasets(connection, eyes, page)
    return answer(Datasets(found.items, found.total, found.next))


@router.get("/namespaces/{namespace}/datasets", responses=answers(Datasets))
def list_datasets(namespace: Name, hub: Hub, eyes: Eyes, page: Paged) -> Response:
    with hub.db.reading() as connection:
        found = datasets.list_datasets(connection, eyes, page, within=namespace)
    return answer(Datasets(found.items, found.total, found.next))


@router.get(_ONE, responses=answers(DatasetView))
def get_dataset(namespace: Name, dataset: Name, hub: Hub, eyes: Eyes) -> Response:
    """One dataset; a symlink's name answers with the dataset it stands for."""
    with hub.db.reading() as connection:
        return answer(datasets.get_dataset(connection, eyes, EntityName(namespace, dataset)))


@router.delete(_ONE, responses=answers(DatasetView))
def hide_dataset(namespace: Name, dataset: Name, hub: Hub, by: Operator) -> Response:
    """Hides a dataset until its next event; shows it as it was."""
    name = EntityName(namespace, dataset)
    by.require_namespace(namespace)
    return answer(
        edit(
            hub,
            by,
            "dataset_hidden",
            f"{namespace}/{dataset}",
            lambda connection, _: datasets.hide_dataset(connection, viewer_of(by), name),
        )
    )


@router.get(_ONE + "/versions", responses=answers(DatasetVersions))
def list_dataset_versions(
    namespace: Name, dataset: Name, hub: Hub, eyes: Eyes, page: Paged
) -> Response:
    """The dataset as each update left it, the latest first."""
    name = EntityName(namespace, dataset)
    with hub.db.reading() as connection:
        found = datasets.list_dataset_versions(connection, eyes, name, page)
    return answer(DatasetVersions(found.items, found.total, found.next))


@router.get(_ONE + "/versions/{version}", responses=answers(DatasetVersionView))
def get_dataset_version(
    namespace: Name, dataset: Name, version: UUID, hub: Hub, eyes: Eyes
) -> Response:
    name = EntityName(namespace, dataset)
    with hub.db.reading() as connection:
        return answer(datasets.get_dataset_version(connection, eyes, name, version))


@router.post(_ONE + "/tags/{tag}", responses=answers(DatasetView))
def tag_dataset(namespace: Name, dataset: Name, tag: NewName, hub: Hub, by: Operator) -> Response:
    """Puts a tag on a dataset; shows the dataset."""
    name, eyes = EntityName(namespace, dataset), viewer_of(by)
    return _edited(
        hub,
        by,
        "dataset_tagged",
        name,
        lambda c, now: tags.tag_dataset(c, eyes, name, tag, now, whole_words),
    )


@router.delete(_ONE + "/tags/{tag}", responses=answers(DatasetView))
def untag_dataset(namespace: Name, dataset: Name, tag: NewName, hub: Hub, by: Operator) -> Response:
    """Takes a tag off a dataset; shows the dataset."""
    name, eyes = EntityName(namespace, dataset), viewer_of(by)
    return _edited(
        hub,
        by,
        "dataset_untagged",
        name,
        lambda c, _: tags.untag_dataset(c, eyes, name, tag, whole_words),
    )


@router.post(_FIELD_TAG, responses=answers(DatasetView))
def tag_field(
    namespace: Name, dataset: Name, field: Name, tag: NewName, hub: Hub, by: Operator
) -> Response:
    """Puts a tag on a column, in upper case as Marquez does; shows the dataset."""
    name, eyes = EntityName(namespace, dataset), viewer_of(by)
    return _edited(
        hub,
        by,
        "field_tagged",
        name,
        lambda c, now: tags.tag_dataset(c, eyes, name, tag.upper(), now, whole_words, field=field),
    )


@router.delete(_FIELD_TAG, responses=answers(DatasetView))
def untag_field(
    namespace: Name, dataset: Name, field: Name, tag: NewName, hub: Hub, by: Operator
) -> Response:
    """Takes a tag off a column; shows the dataset."""
    name, eyes = EntityName(namespace, dataset), viewer_of(by)
    return _edited(
        hub,
        by,
        "field_untagged",
        name,
        lambda c, _: tags.untag_dataset(c, eyes, name, tag, whole_words, field=field),
    )


def _edited(
    hub: RunningHub, by: Principal, action: str, name: EntityName, change: Change[None]
) -> Response:
    by.require_namespace(name.namespace)
    edit(hub, by, action, f"{name.namespace}/{name.name}", change)
    with hub.db.reading() as connection:
        return answer(datasets.get_dataset(connection, viewer_of(by), name))
