"""Datasets: the table, and one of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from hub.api.params import Eyes, Hub, Paged, Text
from hub.model import EntityName
from hub.store import datasets, incidents, names, offers, quality
from hub.store.closed import closed_to
from hub.store.lineage import Way
from hub.store.reading import Page
from hub.store.schema_history import list_schemas
from hub.web.dataset_parts import (
    charts_of,
    freshness_rule,
    freshness_told,
    gate_of,
    jobs_by_team,
    partitions_of,
)
from hub.web.picture import lineage_of
from hub.web.schema_changes import changes_of
from hub.web.site import page, pages

router: Final = pages()

Namespace = Annotated[Text | None, Query(max_length=4096)]
Name = Annotated[Text, Query(min_length=1, max_length=4096)]
#: Updates that the charts show, and schemas that are compared.
_UPDATES: Final = 120
_SCHEMAS: Final = 20


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
    called, now = EntityName(namespace, name), datetime.now(UTC)
    with hub.db.reading() as connection:
        key = names.find_dataset(connection, eyes, called)
        view = datasets.get_dataset(connection, eyes, called)
        wanted = incidents.Filter(dataset_id=key)
        updates = quality.list_updates(connection, eyes, key, Page(_UPDATES))
        gate = gate_of(connection, eyes, key, now)
        policy = quality.freshness_of(connection, key)
        closed = closed_to(connection, eyes).teams
        dependants = offers.dependants(connection, eyes, called)
        return page(
            request,
            "dataset.html",
            dataset=view,
            gate=gate,
            partitions=partitions_of(connection, eyes, key, now),
            updates=updates,
            charts=charts_of(updates.items),
            checks=quality.list_checks(connection, eyes, key, Page(30)).items,
            freshness=freshness_told(policy, gate, view.last_modified_at, now),
            freshness_rule=freshness_rule(called),
            incidents=incidents.list_incidents(connection, eyes, wanted, Page(20)).items,
            picture=lineage_of(connection, eyes, dataset=called),
            facets=sorted(view.facets.items()),
            changes=changes_of(list_schemas(connection, key, _SCHEMAS)),
            producers=jobs_by_team(connection, eyes, key, Way.UPSTREAM),
            consumers=jobs_by_team(connection, eyes, key, Way.DOWNSTREAM),
            subscriptions=[one for one in dependants if one.team not in closed],
            offer=offers.get_offer(connection, eyes, called),
        )
