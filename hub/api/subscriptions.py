"""Subscriptions: what teams want launched when, and why it was or was not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.access import Principal, Scope
from hub.api.access import require
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.params import Eyes, Hub, Instant, Paged, Text
from hub.api.paths import Name
from hub.errors import BadInput, Conflict, NotFound
from hub.model import EntityName, Viewer
from hub.store import arrival_views, offers
from hub.store import subscriptions as store
from hub.store.arrival_views import ArrivalView, StandView
from hub.store.db import Connection
from hub.store.launch_views import LaunchView, Wanted, list_launches
from hub.store.offers import Deprecation
from hub.store.reading import Page, PublicKind, numbered
from hub.store.subscriptions import API, FILE, Kept
from hub.store.updates import datasets_named
from hub.store.views import View
from hub.triggers import why as words
from hub.triggers.arriving import Subscriber
from hub.triggers.circles import circle_text
from hub.triggers.deciding import paused
from hub.triggers.dry_run import Rehearsal, dry_run
from hub.triggers.plan import BY_FILE, wanted_of
from hub.triggers.rights import (
    may_change,
    refuse_unlaunchable,
    refuse_unoffered,
    refuse_unseen,
    team_for,
)
from hub.triggers.spec import Spec, spec_of

router: Final = APIRouter(
    prefix="/api/v1/subscriptions", tags=["subscriptions"], responses=RESPONSES
)
Starter = Annotated[Principal, Depends(require(Scope.TRIGGER))]
Fate = Literal["waiting", "held", "launched", "coalesced", "refused", "ignored"]
#: Partitions and updates that an answer to "why" shows.
SHOWN: Final = 50


class InputView(View, frozen=True):
    """A dataset that the subscription names. known: the hub has heard of it."""

    dataset: EntityName
    since: datetime
    known: bool


class SubscriptionView(View, frozen=True):
    """A subscription. state: refused, paused, waiting or idle; waiting: partitions for which
    something waits. managedBy: the file that alone may change it. deprecations: inputs that are
    to end.
    """

    name: str
    team: str | None
    spec: dict[str, Any]
    inputs: list[InputView]
    state: str
    waiting: int
    refusal: str | None
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    managed_by: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    deprecations: list[Deprecation]


class Subscriptions(Struct, rename="camel"):
    subscriptions: list[SubscriptionView]
    next_cursor: str | None


class Arrivals(Struct, rename="camel"):
    arrivals: list[ArrivalView]
    next_cursor: str | None


class Launched(Struct, rename="camel"):
    launches: list[LaunchView]
    next_cursor: str | None


class WhyView(Struct, rename="camel"):
    """sentence: the answer. partitions: of the target, where they stand; arrivals: updates and what
    became of each.
    """

    sentence: str
    state: str
    partitions: list[StandView]
    arrivals: list[ArrivalView]
    deprecations: list[Deprecation]


class Paused(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Text = Field("", max_length=1000)


class Resumed(BaseModel):
    """coalesce: what was held is taken together. replay: as it came, launch by launch."""

    model_config = ConfigDict(extra="forbid")

    how: Literal["coalesce", "replay"]


class Rehearsed(BaseModel):
    """spec: another than the one that is kept. The last 30 days, if not told."""

    model_config = ConfigDict(extra="forbid")

    spec: Spec | None = None
    since: Instant | None = None
    until: Instant | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What exactly is asked about."""

    update: Annotated[
        Text | None,
        Query(max_length=64, description="number of an update, or version of a dataset"),
    ] = None
    partition: Annotated[Text | None, Query(max_length=512, description="of the target")] = None

    @property
    def number(self) -> int | None:
        return None if self.update is None else _number(self.update)


# -- what there is -----------------------------------------------------------------------------


@router.get("", responses=answers(Subscriptions))
def list_subscriptions(
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    team: Annotated[Text | None, Query(max_length=512)] = None,
) -> Response:
    """Subscriptions by name, those of the file and of the API."""
    with hub.db.reading() as connection:
        found = store.list_subscriptions(connection, eyes, page, team=team)
        views = [_view(connection, one) for one in found.items]
    return answer(Subscriptions(views, found.next))


@router.get("/{subscription}", responses=answers(SubscriptionView))
def get_subscription(subscription: Name, hub: Hub, eyes: Eyes) -> Response:
    with hub.db.reading() as connection:
        return answer(_view(connection, store.get_subscription(connection, subscription, eyes)))


@router.get("/{subscription}/why", responses=answers(WhyView))
def explain_subscription(
    subscription: Name, hub: Hub, eyes: Eyes, asked: Annotated[Asked, Depends()]
) -> Response:
    """Why it did or did not launch: of one update, of one partition of its target, or at all."""
    with hub.db.reading() as connection:
        kept = store.get_subscription(connection, subscription, eyes)
        return answer(_why(connection, kept, asked))


@router.get("/{subscription}/arrivals", responses=answers(Arrivals))
def list_arrivals(
    subscription: Name,
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    asked: Annotated[Asked, Depends()],
    fate: Annotated[Fate | None, Query()] = None,
) -> Response:
    """The updates that it saw and what became of each, the latest first."""
    with hub.db.reading() as connection:
        kept = store.get_subscription(connection, subscription, eyes)
        found = arrival_views.list_arrivals(
            connection,
            kept.id,
            page,
            pause=_pause(kept),
            fate=fate,
            partition=asked.partition,
            update=asked.number,
        )
    return answer(Arrivals(found.items, found.next))


@router.get("/{subscription}/launches", responses=answers(Launched))
def list_launches_of(subscription: Name, hub: Hub, eyes: Eyes, page: Paged) -> Response:
    """What it has launched and what became of it, the latest first."""
    with hub.db.reading() as connection:
        kept = store.get_subscription(connection, subscription, eyes)
        wanted = Wanted(subscription=kept.id)
        found = list_launches(connection, eyes, wanted, page, datetime.now(UTC))
    return answer(Launched(found.items, found.next))


# -- what people change ------------------------------------------------------------------------


@router.post("", status_code=201, responses=answers(SubscriptionView, 201))
def add_subscription(spec: Spec, hub: Hub, by: Starter) -> Response:
    """Launches the job whenever the condition holds, of updates from now on (or from `since`).

    The team must be one's own, each input be offered to it, and the job be one that it may launch.
    """

    def add(connection: Connection, now: datetime) -> SubscriptionView:
        if store.find_subscription(connection, spec.name) is not None:
            raise Conflict(f"there is a subscription {spec.name!r} already; PUT changes it")
        return _put(hub, connection, by, spec, now)

    return answer(edit(hub, by, "subscription_added", f"subscription:{spec.name}", add), 201)


@router.put("/{subscription}", responses=answers(SubscriptionView))
def change_subscription(subscription: Name, spec: Spec, hub: Hub, by: Starter) -> Response:
    """Changes what it is to be, or makes it. What waits is kept where its input still is one, and
    counts by the new mapping from now on.
    """
    if spec.name != subscription:
        raise BadInput("name", spec.name, f"the name in the path, {subscription!r}")

    def change(connection: Connection, now: datetime) -> SubscriptionView:
        held = store.find_subscription(connection, subscription)
        if held is not None:
            _refuse_managed(held)
            may_change(by, held.team)
        return _put(hub, connection, by, spec, now)

    return answer(edit(hub, by, "subscription_changed", f"subscription:{subscription}", change))


@router.delete("/{subscription}", status_code=204)
def remove_subscription(subscription: Name, hub: Hub, by: Starter) -> Response:
    """It launches nothing any more; what became of the updates it saw goes, too. Launches stay."""

    def remove(connection: Connection, _: datetime) -> None:
        held = _own(connection, by, subscription)
        _refuse_managed(held)
        store.delete_subscription(connection, subscription)

    edit(hub, by, "subscription_removed", f"subscription:{subscription}", remove)
    return Response(status_code=204)


@router.post("/{subscription}/pause", responses=answers(SubscriptionView))
def pause_subscription(
    subscription: Name, hub: Hub, by: Starter, asked: Paused | None = None
) -> Response:
    """Holds what comes in from now on; nothing of it is lost."""
    reason = asked.reason if asked is not None else ""

    def pause(connection: Connection, now: datetime) -> SubscriptionView:
        _own(connection, by, subscription)
        return _view(connection, store.pause(connection, subscription, by.name, reason, now))

    return answer(edit(hub, by, "subscription_paused", f"subscription:{subscription}", pause))


@router.post("/{subscription}/resume", responses=answers(SubscriptionView))
def resume_subscription(subscription: Name, asked: Resumed, hub: Hub, by: Starter) -> Response:
    """Goes on: what was held is taken together (coalesce) or as it came (replay)."""

    def resume(connection: Connection, now: datetime) -> SubscriptionView:
        _own(connection, by, subscription)
        replay = asked.how == "replay"
        return _view(connection, store.resume(connection, subscription, now, replay=replay))

    return answer(edit(hub, by, "subscription_resumed", f"subscription:{subscription}", resume))


# -- what would be -----------------------------------------------------------------------------


@router.post("/dry-run", responses=answers(Rehearsal))
def rehearse_spec(asked: Rehearsed, hub: Hub, eyes: Eyes) -> Response:
    """What a subscription that is not there would have launched of past updates."""
    if asked.spec is None:
        raise BadInput("spec", None, "a subscription, as it would be posted")
    with hub.db.reading() as connection:
        return answer(_rehearse(connection, eyes, asked.spec, asked, None))


@router.post("/{subscription}/dry-run", responses=answers(Rehearsal))
def rehearse_subscription(
    subscription: Name, hub: Hub, eyes: Eyes, asked: Rehearsed | None = None
) -> Response:
    """What it would have launched of past updates, as it is or as the body would change it."""
    asked = asked or Rehearsed()
    with hub.db.reading() as connection:
        kept = store.get_subscription(connection, subscription, eyes)
        spec = asked.spec or spec_of(kept.spec)
        return answer(_rehearse(connection, eyes, spec, asked, kept))


def _rehearse(
    connection: Connection, eyes: Viewer, spec: Spec, asked: Rehearsed, kept: Kept | None
) -> Rehearsal:
    until = asked.until or datetime.now(UTC)
    since = asked.since or until - timedelta(days=30)
    refuse_unseen(connection, eyes, spec.inputs)
    return dry_run(connection, spec, since, until, kept)


# -- parts -------------------------------------------------------------------------------------


def _put(
    hub: RunningHub, connection: Connection, by: Principal, spec: Spec, now: datetime
) -> SubscriptionView:
    member = hub.fleet.members.get(spec.launch.orchestrator)
    if member is None:
        raise NotFound(f"No orchestrator '{spec.launch.orchestrator}' is declared.")
    told = {"team": team_for(by, spec.team)}
    spec = spec.model_copy(update=told).placed(member.namespace)
    refuse_unoffered(connection, spec.team, spec.inputs)
    refuse_unlaunchable(connection, hub.grants, spec)
    circle = circle_text(connection, spec)
    if circle is not None:
        raise Conflict(f"{spec.name!r} is refused: {circle}")
    kept = store.put_subscription(connection, wanted_of(spec), origin=API, by=by.name, now=now)
    return _view(connection, kept)


def _own(connection: Connection, by: Principal, name: str) -> Kept:
    held = store.get_subscription(connection, name)
    may_change(by, held.team)
    return held


def _refuse_managed(kept: Kept) -> None:
    if kept.origin == FILE:
        raise Conflict(f"the subscription {kept.name!r} is managed by {BY_FILE}; change it there")


def _pause(kept: Kept) -> str | None:
    return paused(Subscriber(kept, spec_of(kept.spec))) if kept.is_paused else None


def _view(connection: Connection, kept: Kept) -> SubscriptionView:
    inputs = store.inputs_of(connection, [kept.id]).get(kept.id, {})
    known = datasets_named(connection, inputs)
    waiting = arrival_views.count_waiting(connection, kept.id)
    return SubscriptionView(
        kept.name,
        kept.team,
        dict(kept.spec),
        [InputView(name, since, name in known) for name, since in sorted(inputs.items())],
        words.state_of(kept, waiting),
        waiting,
        kept.refusal,
        kept.paused_at,
        kept.paused_by,
        kept.pause_reason,
        BY_FILE if kept.origin == FILE else None,
        kept.created_by,
        kept.created_at,
        kept.updated_at,
        offers.deprecations(connection, inputs),
    )


def _why(connection: Connection, kept: Kept, asked: Asked) -> WhyView:
    one = Subscriber(kept, spec_of(kept.spec))
    waiting = arrival_views.count_waiting(connection, kept.id)
    stands = arrival_views.list_stands(connection, kept.id, SHOWN, partition=asked.partition)
    seen = arrival_views.list_arrivals(
        connection,
        kept.id,
        Page(SHOWN),
        pause=_pause(kept),
        partition=asked.partition,
        update=asked.number,
    ).items
    if asked.number is not None:
        sentence = words.why_update(one, asked.number, seen)
        stands = [each for each in stands if each.partition in {it.target_partition for it in seen}]
    elif asked.partition is not None:
        stand = stands[0] if stands else None
        sentence = words.why_partition(one, asked.partition, stand, seen)
    else:
        sentence = words.why_all(one, stands, waiting, seen)
    inputs = store.inputs_of(connection, [kept.id]).get(kept.id, {})
    return WhyView(
        sentence,
        words.state_of(kept, waiting),
        stands,
        seen,
        offers.deprecations(connection, inputs),
    )


def _number(text: str) -> int:
    """The number of an update, or of the dataset version that shows it."""
    try:
        found = None if text.isdigit() else numbered(UUID(text))
    except ValueError:
        found = None
    if text.isdigit():
        return int(text)
    if found is None or found[0] is not PublicKind.UPDATE:
        raise BadInput("update", text, "the number of an update, or the version of a dataset")
    return found[1]
