"""Parameters that many routes share, with their bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator
from starlette.requests import Request

from hub.access import Principal, Scope
from hub.api.access import require, viewer
from hub.api.hub import Hub as RunningHub
from hub.api.node_ids import parse
from hub.model import EntityName, Viewer
from hub.store.reading import Page
from hub.store.types import storable


async def hub_of(request: Request) -> RunningHub:
    """The hub that serves."""
    hub: RunningHub = request.app.state.hub
    return hub


def in_utc(at: datetime) -> datetime:
    """The instant; a naive one is meant in UTC, as Marquez takes it."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


Hub = Annotated[RunningHub, Depends(hub_of)]
Eyes = Annotated[Viewer, Depends(viewer)]
Operator = Annotated[Principal, Depends(require(Scope.OPERATE))]
Sender = Annotated[Principal, Depends(require(Scope.INGEST))]

Text = Annotated[str, AfterValidator(storable)]
Instant = Annotated[datetime, AfterValidator(in_utc)]

Limit = Annotated[int, Query(ge=0, le=1000, description="most rows of one answer")]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1, description="rows to skip; prefer `cursor`")]
Cursor = Annotated[
    Text | None, Query(max_length=4096, description="`nextCursor` of the answer before")
]
Depth = Annotated[int, Query(ge=0, le=1000)]
NodeId = Annotated[
    Text,
    Query(
        alias="nodeId",
        min_length=1,
        max_length=8192,
        description="job:<namespace>:<name>, dataset:<namespace>:<name>, ...; each part may be "
        "percent-encoded",
    ),
]


async def job_of_run(
    job: Annotated[
        Text | None,
        Query(max_length=8192, description="<namespace>:<name>, where several share a run id"),
    ] = None,
) -> list[EntityName]:
    """Narrows a run id that several jobs of one Dagster run carry; what the text may mean."""
    return [] if job is None else parse(f"job:{job}").entities


JobOfRun = Annotated[list[EntityName], Depends(job_of_run)]


async def page_of(limit: Limit = 100, offset: Offset = 0, cursor: Cursor = None) -> Page:
    """A page of a list: by `cursor` where it grows, or by `offset` as Marquez's clients ask."""
    return Page(limit, 0 if cursor else offset, cursor)


Paged = Annotated[Page, Depends(page_of)]
