"""Receivers: other consumers of OpenLineage that lineage events are sent on to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as Running
from hub.api.params import Eyes, Hub, Operator
from hub.errors import NotFound
from hub.store import forward as store
from hub.store.views import View

router: Final = APIRouter(prefix="/api/v1/forward", tags=["forward"], responses=RESPONSES)

Called = Annotated[str, Path(min_length=1, max_length=63, description="its name")]
Number = Annotated[int | None, Query(ge=1, le=2**53, description="only this one")]


class ReceiverView(View, frozen=True):
    """A receiver and how sending to it goes.

    waitingSince: when the oldest event came in that it does not have. parked: that it did not take
    and that are kept. leftOut: by its filter. passedOver: deleted by retention before they were sent.
    """

    name: str
    type: str
    since: datetime | None
    waiting_since: datetime | None
    sent_at: datetime | None
    sent: int
    left_out: int
    passed_over: int
    parked: int
    failures: int
    next_at: datetime | None
    error: str | None


class Receivers(Struct, rename="camel"):
    receivers: list[ReceiverView]


class ParkedEvents(Struct, rename="camel"):
    parked: Sequence[store.Parked]


class Meant(Struct, rename="camel"):
    """How many events are meant."""

    events: int


@router.get("", responses=answers(Receivers))
def list_receivers(hub: Hub, eyes: Eyes) -> Response:  # noqa: ARG001  who may look at all
    """The receivers of `forward`, and how sending to each goes."""
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        states, parked = store.receivers(connection), store.count_parked(connection)
        shown = [
            _view(one.name, str(one.transport["type"]), states.get(one.name), parked, waiting)
            for one in hub.settings.forward
            for waiting in [store.oldest_waiting(connection, one.name, now)]
        ]
    return answer(Receivers(shown))


@router.get("/{receiver}/parked", responses=answers(ParkedEvents))
def list_parked(
    receiver: Called,
    hub: Hub,
    by: Operator,  # noqa: ARG001  reasons may tell of what is private
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[int, Query(ge=0, le=2**53, description="behind the one of this id")] = 0,
) -> Response:
    """Events that a receiver did not take, the oldest first; why, and which lineage event it was."""
    _require(hub, receiver)
    with hub.db.reading() as connection:
        return answer(ParkedEvents(store.list_parked(connection, receiver, limit, after)))


@router.post("/{receiver}/retry", responses=answers(Meant))
def retry_forward(receiver: Called, hub: Hub, by: Operator, parked: Number = None) -> Response:
    """Sends what it did not take once more, and does not wait for the end of a pause."""
    _require(hub, receiver)
    count = edit(
        hub, by, "forward_retried", receiver, lambda c, _: store.want_again(c, receiver, parked)
    )
    return answer(Meant(count))


@router.delete("/{receiver}/parked", responses=answers(Meant))
def drop_parked(receiver: Called, hub: Hub, by: Operator) -> Response:
    """Forgets what it did not take; the lineage events themselves stay."""
    _require(hub, receiver)
    count = edit(hub, by, "forward_dropped", receiver, lambda c, _: store.drop_parked(c, receiver))
    return answer(Meant(count))


def _require(hub: Running, receiver: str) -> None:
    if all(one.name != receiver for one in hub.settings.forward):
        raise NotFound(f"There is no receiver {receiver!r} in forward of trackside.yaml.")


def _view(
    name: str,
    kind: str,
    state: store.Receiver | None,
    parked: dict[str, int],
    waiting: datetime | None,
) -> ReceiverView:
    held = parked.get(name, 0)
    if state is None:  # nothing was sent yet
        return ReceiverView(name, kind, None, None, None, 0, 0, 0, held, 0, None, None)
    return ReceiverView(
        name,
        kind,
        state.since,
        waiting,
        state.sent_at,
        state.sent,
        state.left_out,
        state.passed_over,
        held,
        state.failures,
        state.next_at,
        state.error,
    )
