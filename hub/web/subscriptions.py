"""A subscription: how far its condition has come, what it launched, and what it would have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from markupsafe import Markup
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api import subscriptions as api
from hub.api.access import principal_of, require
from hub.api.params import Eyes, Hub, Text
from hub.errors import BadInput
from hub.model import Viewer
from hub.ports.pages import to
from hub.store import arrival_views, offers
from hub.store import subscriptions as store
from hub.store.db import Connection
from hub.store.launch_views import Wanted, list_launches
from hub.store.reading import Page
from hub.store.subscriptions import API, Kept
from hub.triggers import why
from hub.triggers.arriving import Subscriber
from hub.triggers.deciding import paused
from hub.triggers.dry_run import Rehearsal, dry_run
from hub.triggers.rights import refuse_unseen
from hub.triggers.seen_now import standing
from hub.triggers.spec import spec_of
from hub.web.charts import Bar, bars
from hub.web.condition_tree import drawn, timing
from hub.web.site import back_to, page, pages, read_form

router: Final = pages()

Form = Annotated[dict[str, str], Depends(read_form)]
Name = Annotated[Text, Query(min_length=1, max_length=63)]
Starter = Annotated[Principal, Depends(require(Scope.TRIGGER))]

_SHOWN: Final = 30
#: Days that a dry run on the page goes back.
_DAYS: Final = (7, 30, 90)


@router.get("/subscription")
def show_subscription(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    name: Name,
    partition: Annotated[Text | None, Query(max_length=512)] = None,
    days: Annotated[int | None, Query(description="to run dry", ge=1, le=90)] = None,
) -> Response:
    now = datetime.now(UTC)
    with hub.db.reading() as connection:
        kept = store.get_subscription(connection, name, eyes)
        one = Subscriber(kept, spec_of(kept.spec))
        pause = paused(one) if kept.is_paused else None
        waiting = arrival_views.count_waiting(connection, kept.id)
        stands = arrival_views.list_stands(connection, kept.id, _SHOWN)
        seen = arrival_views.list_arrivals(connection, kept.id, Page(_SHOWN), pause=pause).items
        asked = partition if partition is not None else stands[0].partition if stands else ""
        mine = Wanted(subscription=kept.id)
        inputs = store.inputs_of(connection, [kept.id]).get(kept.id, {})
        return page(
            request,
            "subscription.html",
            kept=kept,
            spec=one.spec,
            state=why.state_of(kept, waiting),
            sentence=why.why_all(one, stands, waiting, seen),
            partition=asked,
            condition=drawn(standing(connection, kept, asked, now)),
            timing=timing(one.spec.condition),
            stands=stands,
            waiting=waiting,
            arrivals=seen,
            launches=list_launches(connection, eyes, mine, Page(_SHOWN), now).items,
            deprecations=offers.deprecations(connection, inputs),
            rehearsal=None if days is None else _rehearsed(connection, eyes, kept, days, now),
            days=days,
            periods=_DAYS,
            chart_of=chart_of,
            changeable=kept.origin == API,
            may_trigger=principal_of(request).has(Scope.TRIGGER),
        )


def _rehearsed(
    connection: Connection, eyes: Viewer, kept: Kept, days: int, now: datetime
) -> Rehearsal:
    spec = spec_of(kept.spec)
    refuse_unseen(connection, eyes, spec.inputs)
    return dry_run(connection, spec, now - timedelta(days=days), now, kept)


def chart_of(found: Rehearsal) -> Markup:
    """What it would have launched, day by day."""
    counted = Counter(one.at.date() for one in found.launches)
    first = found.since.date()
    days = [first + timedelta(days=n) for n in range((found.until.date() - first).days + 1)]
    columns = [Bar(day, (("b-run", counted[day], f"{counted[day]} launched"),)) for day in days]
    return bars(columns, "launches that would have been, day by day")


@router.post("/subscription")
def act_on_subscription(hub: Hub, by: Starter, name: Name, form: Form) -> Response:
    """`say`: pause, resume (`how`: coalesce or replay) or remove."""
    word = form.get("say", "")
    if word == "pause":
        api.pause_subscription(name, hub, by, api.Paused(reason=form.get("reason", "")[:1000]))
    elif word == "resume":
        api.resume_subscription(name, _how(form), hub, by)
    elif word == "remove":
        api.remove_subscription(name, hub, by)
        return back_to("triggers")
    else:
        raise BadInput("say", word, "pause, resume or remove")
    return back_to(to("subscription", name=name))


def _how(form: Mapping[str, str]) -> api.Resumed:
    word = form.get("how", "coalesce")
    if word not in ("coalesce", "replay"):
        raise BadInput("how", word, "coalesce or replay")
    return api.Resumed.model_validate({"how": word})
