"""Datasets: the table, and one of them."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from hub.api.params import Eyes, Hub, Paged, Text
from hub.model import EntityName, Viewer
from hub.store import datasets, incidents, names, quality
from hub.store.db import Connection
from hub.store.lineage import Way, walk
from hub.store.reading import Page
from hub.web.picture import lineage_of
from hub.web.site import page, pages

router: Final = pages()

Namespace = Annotated[Text | None, Query(max_length=4096)]
Name = Annotated[Text, Query(min_length=1, max_length=4096)]


@router.get("/datasets")
def show_datasets(
    request: Request, hub: Hub, eyes: Eyes, paged: Paged, namespace: Namespace = None
) -> Response:
    shown = Page(min(paged.limit, 50), paged.offset, paged.after)
    with hub.db.reading() as connection:
        found = datasets.list_datasets(connection, eyes, shown, within=namespace)
    return page(
        request,
        "datasets.html",
        datasets=found.items,
        total=found.total,
        next=found.next,
        namespace=namespace,
    )


@router.get("/dataset")
def show_dataset(request: Request, hub: Hub, eyes: Eyes, namespace: Name, name: Name) -> Response:
    called = EntityName(namespace, name)
    with hub.db.reading() as connection:
        key = names.find_dataset(connection, eyes, called)
        view = datasets.get_dataset(connection, eyes, called)
        wanted = incidents.Filter(dataset_id=key)
        return page(
            request,
            "dataset.html",
            dataset=view,
            updates=quality.list_updates(connection, eyes, key, Page(30)),
            checks=quality.list_checks(connection, eyes, key, Page(30)).items,
            freshness=quality.freshness_of(connection, key),
            incidents=incidents.list_incidents(connection, eyes, wanted, Page(20)).items,
            picture=lineage_of(connection, eyes, dataset=called),
            facets=sorted(view.facets.items()),
            producers=_next_to(connection, eyes, key, Way.UPSTREAM),
            consumers=_next_to(connection, eyes, key, Way.DOWNSTREAM),
        )


def _next_to(connection: Connection, eyes: Viewer, key: int, way: Way) -> list[EntityName]:
    """The jobs one step away."""
    found = walk(connection, eyes, dataset_id=key, way=way, depth=0, limit=200)
    return names.names_of_jobs(connection, found.jobs)
