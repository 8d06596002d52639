"""What is held since a restore, and the confirmation that it may leave."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from msgspec import Struct
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api.access import require
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub
from hub.store import holds as store
from hub.store.db import Connection

router: Final = APIRouter(prefix="/api/v1/store", tags=["operation"], responses=RESPONSES)


class Held(Struct):
    """hold: since when deliveries and launches wait, and why; null: nothing is held."""

    hold: store.Hold | None


@router.get("/hold", responses=answers(Held))
def get_hold(hub: Hub, eyes: Eyes) -> Response:  # noqa: ARG001  may read
    """Whether deliveries and launches wait since a restore."""
    with hub.db.reading() as connection:
        return answer(Held(store.find_hold(connection)))


@router.post("/confirm", responses=answers(Held))
def confirm_restore(hub: Hub, by: Annotated[Principal, Depends(require(Scope.ADMIN))]) -> Response:
    """What was held since a restore leaves from now on; the hold that ends, if there was one."""

    def change(connection: Connection, _: datetime) -> store.Hold | None:
        return store.confirm(connection)

    return answer(Held(edit(hub, by, "store_confirmed", "store", change)))
