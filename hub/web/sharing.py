"""Links to an incident that whoever has them may read, until they are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from hub.access import viewer_of
from hub.api.edits import note
from hub.api.hub import Hub as RunningHub
from hub.api.params import Eyes, Hub, Operator
from hub.errors import Conflict, NotFound
from hub.model import Viewer
from hub.people import SHARE
from hub.ports.pages import to
from hub.seals import Signer
from hub.store.incidents import get_incident
from hub.web.site import hub_url, page, pages

router: Final = pages()

Number = Annotated[int, Query(ge=1, le=2**53)]
_HOLDS: Final = timedelta(days=7)


@router.post("/share")
def share(request: Request, hub: Hub, eyes: Eyes, by: Operator, id: Number) -> Response:  # noqa: A002
    """Makes a link that shows what the one who shares it may see of the incident."""
    with hub.db.reading() as connection:
        get_incident(connection, eyes, id)
    until = datetime.now(UTC) + _HOLDS
    seen = viewer_of(by)
    told = {"incident": id, "teams": sorted(seen.teams), "all": seen.all}
    key = _signer(hub).sign(SHARE, told, until)
    note(hub, by, "incident_shared", f"incident:{id}")
    return page(
        request,
        "share.html",
        id=id,
        until=until,
        link=f"{hub_url(request)}/{to('shared', key=key)}",
    )


@router.get("/shared")
def show_shared(
    request: Request, hub: Hub, key: Annotated[str, Query(max_length=4096)]
) -> Response:
    """The incident, for whoever has the link; nothing can be done there."""
    told = _signer(hub).read(SHARE, key, datetime.now(UTC))
    if told is None:
        raise NotFound("this link is over, or was never given")
    eyes = Viewer(teams=frozenset(told["teams"]), all=told["all"])
    with hub.db.reading() as connection:
        one = get_incident(connection, eyes, told["incident"])
    return page(request, "shared.html", one=one)


def _signer(hub: RunningHub) -> Signer:
    if hub.people.signer is None:
        raise Conflict("links are signed: set sign_in.signing_key in trackside.yaml first")
    return hub.people.signer
