"""Deliveries: what each target should show, what it was made to show, and why it was decided so."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Operator, Paged, Text
from hub.api.paths import Name
from hub.store import delivery_views as store
from hub.store.decisions import DecisionView, list_decisions
from hub.store.incidents import get_incident

router: Final = APIRouter(prefix="/api/v1", tags=["alerting"], responses=RESPONSES)

Number = Annotated[int, Path(ge=1, le=2**53)]


class Deliveries(Struct, rename="camel"):
    deliveries: list[store.DeliveryView]
    next_cursor: str | None


class Decisions(Struct, rename="camel"):
    decisions: list[DecisionView]


class Resent(Struct, rename="camel"):
    """How many are sent again."""

    deliveries: int


@router.get("/deliveries", responses=answers(Deliveries))
def list_deliveries(
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    target: Annotated[Text | None, Query(max_length=63)] = None,
    key: Annotated[Text | None, Query(max_length=255, description="of a notification")] = None,
    dead: Annotated[bool | None, Query(description="only those given up, or only others")] = None,
    waiting: Annotated[
        bool | None, Query(description="only those of which something is to be sent, or others")
    ] = None,
) -> Response:
    """Deliveries, the latest first: one for each notification and target."""
    with hub.db.reading() as connection:
        found = store.list_deliveries(
            connection,
            page,
            eyes,
            target=target,
            notification_key=key,
            dead=dead,
            waiting=waiting,
        )
    return answer(Deliveries(found.items, found.next))


@router.post("/deliveries/{delivery}/resend", responses=answers(store.DeliveryView))
def resend_delivery(delivery: Number, hub: Hub, by: Operator) -> Response:
    """Sends once more what the target should show, also where it was given up."""
    again = edit(
        hub,
        by,
        "delivery_resent",
        str(delivery),
        lambda connection, now: store.resend(connection, delivery, now),
    )
    return answer(again)


@router.post("/targets/{target}/resend", responses=answers(Resent))
def resend_dead(target: Name, hub: Hub, by: Operator) -> Response:
    """The same for all deliveries of a target that were given up."""
    count = edit(
        hub,
        by,
        "target_resent",
        target,
        lambda connection, now: store.resend_dead(connection, target, now),
    )
    return answer(Resent(count))


@router.get("/incidents/{incident}/decisions", responses=answers(Decisions))
def list_incident_decisions(incident: Number, hub: Hub, eyes: Eyes) -> Response:
    """Why somebody was told of an incident, or was not: the oldest first."""
    with hub.db.reading() as connection:
        get_incident(connection, eyes, incident)
        return answer(Decisions(list_decisions(connection, incident)))
