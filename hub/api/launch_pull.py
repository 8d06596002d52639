"""Launches that an engine fetches itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.launch_rights import fetching
from hub.api.params import Hub, Sender, Text
from hub.errors import Unavailable
from hub.model import EntityName
from hub.ports import launch_run_id
from hub.triggers.pulling import LEASE_S, LONGEST_LEASE_S

router: Final = APIRouter(prefix="/api/v1/launches", tags=["launches"], responses=RESPONSES)

Number = Annotated[int, Path(ge=1, le=2**53)]
Orchestrator = Annotated[Text, Query(max_length=63, description="whose launches")]


class CauseTold(Struct, rename="camel"):
    run_id: str
    job: EntityName


class Fetched(Struct, rename="camel"):
    """lease: to be told with ack or nack, until `leasedUntil`. runId: for the run's events.

    again: it was fetched before, by somebody who has told nothing since; its key is the same.
    """

    id: int
    lease: str
    leased_until: datetime
    key: str
    run_id: str
    job: EntityName
    partition: str | None
    conf: dict[str, Any]
    note: str
    cause: CauseTold | None
    again: bool


class Taken(BaseModel):
    """runId: of the run's OpenLineage events, where it is not the one that was proposed."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    lease: Text = Field(max_length=64)
    run_id: UUID | None = Field(None, alias="runId")


class NotTaken(BaseModel):
    """permanent: it is given up, until a person sends it again."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    lease: Text = Field(max_length=64)
    error: Text = Field(max_length=2000)
    permanent: bool = False
    retry_after_s: float | None = Field(None, alias="retryAfterS", ge=0, le=86_400)


@router.get(
    "/next",
    responses={**answers(Fetched), 204: {"description": "There is none"}},
)
def fetch_launch(
    hub: Hub,
    by: Sender,
    orchestrator: Orchestrator,
    lease: Annotated[float, Query(ge=1, le=LONGEST_LEASE_S, description="seconds")] = LEASE_S,
) -> Response:
    """The next launch of an orchestrator, leased to whom asks; 204 if there is none.

    One of which nothing is told until its lease ends is fetched again.
    """
    fetching(hub, by, orchestrator)
    way = hub.hands.ways().get(orchestrator)
    found = hub.pulling.fetch(orchestrator, lease, every=way is not None and way.pulls)
    if found is None:
        return Response(status_code=204)
    one, request = found
    cause = request.cause
    return answer(
        Fetched(
            one.id,
            one.token,
            one.until,
            one.key,
            launch_run_id(one.key),
            one.job,
            one.partition,
            one.conf,
            one.note,
            None if cause is None else CauseTold(cause.run_id, cause.job),
            one.asked_before,
        )
    )


@router.post("/{launch}/ack", status_code=204)
def take_launch(
    launch: Number, told: Taken, hub: Hub, by: Sender, orchestrator: Orchestrator
) -> Response:
    """The engine has started the run."""
    fetching(hub, by, orchestrator)
    run_id = None if told.run_id is None else str(told.run_id)
    hub.pulling.ack(orchestrator, launch, told.lease, run_id)
    return Response(status_code=204)


@router.post("/{launch}/nack", status_code=204)
def refuse_launch(
    launch: Number, told: NotTaken, hub: Hub, by: Sender, orchestrator: Orchestrator
) -> Response:
    """The engine can't start it now, or not at all."""
    fetching(hub, by, orchestrator)
    error = Unavailable(told.error, permanent=told.permanent, retry_after_s=told.retry_after_s)
    hub.pulling.nack(orchestrator, launch, told.lease, error)
    return Response(status_code=204)
