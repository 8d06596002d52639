"""Triggers: what teams want launched when, what was launched, and the stop switch."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request
from msgspec import Struct
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api import launches as api
from hub.api.access import principal_of, require
from hub.api.params import Eyes, Hub, Operator, Paged, Text
from hub.errors import BadInput
from hub.model import Viewer
from hub.ports.pages import to
from hub.store import arrival_views, launch_stops, launch_views
from hub.store import subscriptions as store
from hub.store.db import Connection
from hub.store.launches import State
from hub.store.reading import Page
from hub.store.subscriptions import Kept
from hub.triggers import why
from hub.triggers.arriving import Subscriber
from hub.triggers.deciding import paused
from hub.triggers.spec import spec_of
from hub.web.site import back_to, hub_url, page, pages, read_form

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]
Number = Annotated[int, Query(ge=1, le=2**53)]
Launcher = Annotated[Principal, Depends(require(Scope.TRIGGER))]

#: Subscriptions of one page, and launches that stand beside them.
_LISTED: Final = 50
_LATEST: Final = 10


class Told(Struct, frozen=True):
    """A subscription in a list: how it stands, in one word and in one sentence."""

    kept: Kept
    state: str
    sentence: str
    target: str
    when: str


def told_of(connection: Connection, kept: Kept) -> Told:
    one = Subscriber(kept, spec_of(kept.spec))
    waiting = arrival_views.count_waiting(connection, kept.id)
    stands = arrival_views.list_stands(connection, kept.id, 1)
    held = paused(one) if kept.is_paused else None
    last = arrival_views.list_arrivals(connection, kept.id, Page(1), pause=held).items
    return Told(
        kept,
        why.state_of(kept, waiting),
        why.why_all(one, stands, waiting, last),
        one.spec.launch.job,
        str(one.spec.when),
    )


@router.get("/triggers")
def show_triggers(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    paged: Paged,
    team: Annotated[Text | None, Query(max_length=512)] = None,
) -> Response:
    shown, now = Page(_LISTED, paged.offset, paged.after), datetime.now(UTC)
    with hub.db.reading() as connection:
        found = store.list_subscriptions(connection, eyes, shown, team=team or None)
        return page(
            request,
            "triggers.html",
            subscriptions=[told_of(connection, kept) for kept in found.items],
            next=found.next,
            team=team,
            stops=launch_stops.list_stops(connection),
            launches=_launches(connection, eyes, launch_views.Wanted(), Page(_LATEST), now).items,
            orchestrators=sorted(hub.fleet.members),
            hub_url=hub_url(request),
            may_trigger=principal_of(request).has(Scope.TRIGGER),
        )


@router.get("/launches")
def show_launches(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    paged: Paged,
    state: Annotated[State | None, Query()] = None,
    orchestrator: Annotated[Text | None, Query(max_length=63)] = None,
) -> Response:
    wanted = launch_views.Wanted(state=state, orchestrator=orchestrator or None)
    with hub.db.reading() as connection:
        found = _launches(connection, eyes, wanted, paged, datetime.now(UTC))
    return page(
        request,
        "launches.html",
        launches=found.items,
        next=found.next,
        state=state,
        orchestrator=orchestrator,
        states=list(State),
    )


def _launches(
    connection: Connection, eyes: Viewer, wanted: launch_views.Wanted, paged: Page, now: datetime
) -> Any:
    return launch_views.list_launches(connection, eyes, wanted, paged, now)


@router.get("/launch")
def show_launch(request: Request, hub: Hub, eyes: Eyes, id: Number) -> Response:  # noqa: A002
    with hub.db.reading() as connection:
        found = launch_views.get_launch(connection, eyes, id, datetime.now(UTC))
        number = found.launch.subscription_id
        named = store.subscriptions_by_id(connection, [number]) if number else {}
    return page(
        request,
        "launch.html",
        launch=found.launch,
        steps=found.steps,
        subscription=named[number].name if number in named else None,
        resendable=found.launch.state in launch_views.RESENT,
        may_trigger=principal_of(request).has(Scope.TRIGGER),
    )


_DO: Final = {
    "resend": api.resend_launch,
    "cancel": api.cancel_launch,
    "release": api.release_launch,
}


@router.post("/launch")
def act_on_launch(hub: Hub, by: Launcher, id: Number, form: Form) -> Response:  # noqa: A002
    """`say`: resend, cancel or release."""
    word = form.get("say", "")
    if word not in _DO:
        raise BadInput("say", word, "resend, cancel or release")
    _DO[word](id, hub, by)
    return back_to(to("launch", id=id))


@router.post("/stops")
def switch(hub: Hub, by: Operator, form: Form) -> Response:
    """`say`: stop or go; of all orchestrators, or of one."""
    word = form.get("say", "")
    asked = api.Stopped(orchestrator=form.get("orchestrator") or None, why=form.get("why", ""))
    if word == "stop":
        api.stop_launches(asked, hub, by)
    elif word == "go":
        api.let_launches_go(asked, hub, by)
    else:
        raise BadInput("say", word, "stop or go")
    return back_to("triggers")
