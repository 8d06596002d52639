"""Orchestrators: all of them, and one: how well it is known, what was seen of it, what waits in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query, Request
from markupsafe import Markup
from starlette.responses import Response

from hub.api.params import Eyes, Hub, Paged, Text
from hub.store import incidents, orchestrators
from hub.store.orchestrator_seen import seen_of
from hub.store.orchestrators import BacklogView
from hub.store.reading import Page
from hub.web.charts import Amount, line
from hub.web.site import page, pages
from hub.web.words import number

router: Final = pages()

Name = Annotated[Text, Query(min_length=1, max_length=512)]
#: How far back the work that waited is drawn, and samples in all.
_BACK: Final = timedelta(hours=24)
_SAMPLES: Final = 2000
_INCIDENTS: Final = 20


@router.get("/orchestrators")
def show_orchestrators(request: Request, hub: Hub, eyes: Eyes, paged: Paged) -> Response:  # noqa: ARG001  may read
    with hub.db.reading() as connection:
        found = orchestrators.list_orchestrators(connection, paged)
    return page(request, "orchestrators.html", orchestrators=found.items, next=found.next)


@router.get("/orchestrator")
def show_orchestrator(request: Request, hub: Hub, eyes: Eyes, name: Name) -> Response:
    now = datetime.now(UTC)
    wanted = incidents.Filter(open=True, orchestrator=name)
    with hub.db.reading() as connection:
        one = orchestrators.get_orchestrator(connection, name)
        waited = orchestrators.list_backlog(connection, name, None, now - _BACK, _SAMPLES)
        return page(
            request,
            "orchestrator.html",
            one=one,
            seen=seen_of(connection, eyes, name),
            declared=name in hub.fleet.members,
            waiting=waiting(waited),
            incidents=incidents.list_incidents(connection, eyes, wanted, Page(_INCIDENTS)).items,
        )


def waiting(samples: Iterable[BacklogView]) -> list[tuple[str, Markup]]:
    """Of each queue or pool, how much waited in it over time."""
    pools: dict[str, list[Amount]] = {}
    for one in samples:
        room = f"{one.running} of {one.capacity} running" if one.capacity is not None else ""
        pools.setdefault(one.pool, []).append(Amount(one.at, one.queued, None, room))
    return [
        (pool, line(found, number, f"work that waited in {pool or 'it'}"))
        for pool, found in sorted(pools.items())
    ]
