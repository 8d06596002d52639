"""Starting a run of a job from a page, where its orchestrator can be asked for one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Request
from msgspec import Struct
from pydantic import ValidationError
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api.access import principal_of, require
from hub.api.hub import Hub as RunningHub
from hub.api.launches import Asked, JobNamed, ask_for
from hub.api.params import Hub
from hub.errors import BadInput
from hub.model import EntityName
from hub.ports import Capability
from hub.ports.pages import to
from hub.web.site import back_to, pages, read_form

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]
Launcher = Annotated[Principal, Depends(require(Scope.TRIGGER))]


class Offer(Struct, frozen=True):
    """A run that can be asked for. key: of this page, so that a second click is the same launch."""

    orchestrator: str
    job: EntityName
    partition: str | None
    key: str
    note: str
    allowed: bool


def offer_of(
    request: Request,
    hub: RunningHub,
    orchestrator: str | None,
    job: EntityName,
    partition: str | None = None,
    note: str = "",
) -> Offer | None:
    """None where its orchestrator can't be asked to start one."""
    if orchestrator is None or not can(hub, orchestrator, Capability.LAUNCH):
        return None
    key = f"page:{job.namespace}:{job.name}:{datetime.now(UTC):%Y%m%d%H%M%S%f}"[-200:]
    allowed = principal_of(request).has(Scope.TRIGGER)
    return Offer(orchestrator, job, partition, key, note, allowed)


def can(hub: RunningHub, orchestrator: str, what: Capability) -> bool:
    return hub.fleet.can(orchestrator, what)


@router.post("/launches")
def launch(hub: Hub, by: Launcher, form: Form) -> Response:
    """Asks for a run, and leads to what becomes of it."""
    try:
        asked = Asked(
            key=form.get("key") or None,
            orchestrator=form.get("orchestrator", ""),
            job=JobNamed(namespace=form.get("namespace", ""), name=form.get("name", "")),
            partition=form.get("partition") or None,
            note=form.get("note", ""),
        )
    except ValidationError as error:
        wrong = error.errors()[0]
        field = ".".join(str(part) for part in wrong["loc"])
        raise BadInput(field, str(wrong["input"])[:80], wrong["msg"]) from error
    return back_to(to("launch", id=ask_for(hub, by, asked).launch.id))
