"""Launches that an engine fetches itself."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.hangup import hung_up
from hub.api.hub import Hub as RunningHub
from hub.api.launch_rights import fetching
from hub.api.launch_watch import LaunchLooker, LaunchWaiter
from hub.api.params import Hub, Sender, Text
from hub.api.watch import LOOK_S
from hub.errors import Unavailable
from hub.model import EntityName
from hub.ports import LaunchRequest, LeasedLaunch, launch_run_id
from hub.triggers.pulling import LEASE_S, LONGEST_LEASE_S
from hub.triggers.pulling import Fetched as Held

#: The longest that one request waits for a launch.
LONGEST_WAIT_S: Final = 300.0

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
    """runId: of the run's OpenLineage events, where it is not the one that was proposed.

    naturalId: what the orchestrator calls the run, where the hub asks it too and so knows it by that.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    lease: Text = Field(max_length=64)
    run_id: UUID | None = Field(None, alias="runId")
    natural_id: Text | None = Field(None, alias="naturalId", max_length=500)


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
async def fetch_launch(
    request: Request,
    hub: Hub,
    by: Sender,
    orchestrator: Orchestrator,
    lease: Annotated[float, Query(ge=1, le=LONGEST_LEASE_S, description="seconds")] = LEASE_S,
    wait: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT_S, description="seconds to wait for one")
    ] = 0.0,
    job: Annotated[
        tuple[Text, ...], Query(max_length=500, description="only of jobs with these names")
    ] = (),
) -> Response:
    """The next launch of an orchestrator, leased to whom asks; 204 if there is none.

    One of which nothing is told until its lease ends is fetched again.
    """
    fetching(hub, by, orchestrator)
    found = await _fetched(request, hub, orchestrator, lease, wait, job)
    return Response(status_code=204) if found is None else _told(*found)


async def _fetched(
    request: Request,
    hub: RunningHub,
    orchestrator: str,
    lease: float,
    wait: float,
    jobs: tuple[str, ...],
) -> Held | None:
    """Waits without a thread; to whom has hung up nothing is leased."""
    way = hub.hands.ways().get(orchestrator)
    every = way is not None and way.pulls
    fetch = partial(hub.pulling.fetch, orchestrator, lease, every=every, jobs=jobs)
    loop = asyncio.get_running_loop()
    end = loop.time() + wait
    pause = 0.0
    with hung_up(request) as left:
        while not left.done():
            found = await asyncio.to_thread(fetch)
            seconds = end - loop.time()
            if found is not None or seconds <= 0 or hub.watch.closed:
                return found
            waiter = LaunchWaiter(orchestrator, every, loop.create_future())
            await hub.watch.wait(LaunchLooker, waiter, waiter.due, seconds, left)
            # What is due may be held by a stop, or somebody else's by now: no reason to spin.
            await asyncio.wait({left}, timeout=pause)
            pause = LOOK_S
    return None


def _told(one: LeasedLaunch, request: LaunchRequest) -> Response:
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
    run_id = None if told.run_id is None else told.run_id.hex
    hub.pulling.ack(orchestrator, launch, told.lease, told.natural_id or run_id)
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
