"""Orchestrators: health, backlog, watermarks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Instant, Limit, Paged, Text
from hub.api.paths import Name
from hub.store import orchestrators as store

router = APIRouter(prefix="/api/v1/orchestrators", tags=["orchestrators"], responses=RESPONSES)

#: How far back samples go where nothing else is asked for.
USUAL = timedelta(hours=24)


class Orchestrators(Struct, rename="camel"):
    orchestrators: list[store.OrchestratorView]
    next_cursor: str | None


class Backlog(Struct, rename="camel"):
    samples: list[store.BacklogView]


@router.get("", responses=answers(Orchestrators))
def list_orchestrators(hub: Hub, eyes: Eyes, page: Paged) -> Response:  # noqa: ARG001  may read
    """Orchestrators by name, each with its health, watermarks and latest backlog."""
    with hub.db.reading() as connection:
        found = store.list_orchestrators(connection, page)
    return answer(Orchestrators(found.items, found.next))


@router.get("/{orchestrator}", responses=answers(store.OrchestratorView))
def get_orchestrator(orchestrator: Name, hub: Hub, eyes: Eyes) -> Response:  # noqa: ARG001
    with hub.db.reading() as connection:
        return answer(store.get_orchestrator(connection, orchestrator))


@router.get("/{orchestrator}/backlog", responses=answers(Backlog))
def list_backlog(
    orchestrator: Name,
    hub: Hub,
    eyes: Eyes,  # noqa: ARG001  may read
    pool: Annotated[Text | None, Query(max_length=1024)] = None,
    since: Annotated[Instant | None, Query(description="the last 24 hours if not told")] = None,
    limit: Limit = 1000,
) -> Response:
    """Samples of the work that waited, the latest first."""
    start = since or datetime.now(UTC) - USUAL
    with hub.db.reading() as connection:
        return answer(Backlog(store.list_backlog(connection, orchestrator, pool, start, limit)))
