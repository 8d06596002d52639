"""What people ask for in a channel comes in here, signed by the channel; nobody needs a token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.body import read_body
from hub.api.errors import RESPONSES
from hub.api.params import Hub
from hub.api.paths import Name
from hub.evaluate.asked import do

router: Final = APIRouter(prefix="/api/v1/inbound", tags=["alerting"], responses=RESPONSES)

LONGEST: Final = 256 * 1024


class Done(Struct, rename="camel"):
    """incidents: to how many something was done; 0 also where it was asked for before."""

    incidents: int


async def body_of(request: Request) -> bytes:
    """As it was signed, so not a byte of it is changed."""
    return await read_body(request.receive, request.headers.raw, LONGEST)


@router.post("/{target}", responses=answers(Done))
def take_inbound(
    target: Name, request: Request, hub: Hub, body: Annotated[bytes, Depends(body_of)]
) -> Response:
    """Acknowledges, snoozes, silences, ... what the target was told of, as its channel asks.

    401 for what the channel has not signed, or has signed too long ago.
    """
    now = datetime.now(UTC)
    headers = {name.lower(): value for name, value in request.headers.items()}
    actions = hub.teller.inbound(target, headers, body, now)
    done = 0
    for one in actions:
        done += hub.writer.call(lambda it, one=one: do(it, hub.book, target, one, now))  # type: ignore[misc]
    return answer(Done(done))
