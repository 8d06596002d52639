"""The stream by which pages hear that something has changed."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Header
from starlette.responses import StreamingResponse

from hub.api.params import Eyes, Hub, Text
from hub.web.site import pages

router: Final = pages()


@router.get("/live")
async def stream(
    hub: Hub,
    eyes: Eyes,
    last_event_id: Annotated[Text | None, Header(max_length=4096)] = None,
) -> StreamingResponse:
    hub.live.check_room()
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        hub.live.stream(eyes, last_event_id), media_type="text/event-stream", headers=headers
    )
