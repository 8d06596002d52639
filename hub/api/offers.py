"""How datasets are offered to other teams, who depends on them, and which are to end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.access import Principal, Scope, viewer_of
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Instant, Operator, Text
from hub.api.paths import Name
from hub.errors import BadInput
from hub.model import EntityName
from hub.store import offers as store
from hub.store.closed import closed_to
from hub.store.db import Connection
from hub.store.offers import OfferView, Terms, Visibility
from hub.store.views import View

router: Final = APIRouter(prefix="/api/v1", tags=["subscriptions"], responses=RESPONSES)

_ONE: Final = "/namespaces/{namespace}/datasets/{dataset}"


class DependantView(View, frozen=True):
    """A subscription that names the dataset: whose it is, and what it launches. Of a team that is
    private to the viewer only that there is one.
    """

    subscription: str | None
    team: str | None
    orchestrator: str | None
    job: str | None
    condition: str | None
    paused: bool


class Dependants(Struct, rename="camel"):
    subscriptions: list[DependantView]


class Offered(BaseModel):
    """To whom: public (everybody), teams (those listed), private (its own team)."""

    model_config = ConfigDict(extra="forbid")

    visibility: Visibility
    teams: list[Annotated[Text, Field(min_length=1, max_length=512)]] = Field([], max_length=1000)


class Announced(BaseModel):
    """That a dataset is to end: when, and what its subscribers are to do."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    ends_at: Instant = Field(alias="endsAt")
    text: Text = Field("", max_length=2000)


@router.get(_ONE + "/subscriptions", responses=answers(Dependants))
def list_dependants(namespace: Name, dataset: Name, hub: Hub, eyes: Eyes) -> Response:
    """Who depends on a dataset: the subscriptions that name it, by name."""
    with hub.db.reading() as connection:
        found = store.dependants(connection, eyes, EntityName(namespace, dataset))
        closed = closed_to(connection, eyes).teams
    views = []
    for one in found:
        launch = one.spec["launch"]
        hidden = one.team in closed
        views.append(
            DependantView(None, None, None, None, None, one.is_paused)
            if hidden
            else DependantView(
                one.name,
                one.team,
                launch["orchestrator"],
                launch["job"],
                str(one.spec["when"]),
                one.is_paused,
            )
        )
    return answer(Dependants(views))


@router.get(_ONE + "/offer", responses=answers(OfferView))
def get_offer(namespace: Name, dataset: Name, hub: Hub, eyes: Eyes) -> Response:
    """To whom a dataset is offered, and whether it is to end."""
    with hub.db.reading() as connection:
        return answer(store.get_offer(connection, eyes, EntityName(namespace, dataset)))


@router.put(_ONE + "/offer", responses=answers(OfferView))
def put_offer(namespace: Name, dataset: Name, asked: Offered, hub: Hub, by: Operator) -> Response:
    """Offers a dataset to everybody, to some teams, or to its own alone: from now on the updates
    that other subscriptions see are refused, with the reason.
    """
    if asked.teams and asked.visibility != "teams":
        raise BadInput("teams", asked.teams, "none, unless visibility is teams")
    name, terms = EntityName(namespace, dataset), Terms(asked.visibility, tuple(asked.teams))

    def put(connection: Connection, now: datetime) -> OfferView:
        _require_own(connection, by, name)
        return store.put_offer(connection, viewer_of(by), name, terms, by.name, now)

    return answer(edit(hub, by, "dataset_offered", f"{namespace}/{dataset}", put))


@router.put(_ONE + "/deprecation", responses=answers(OfferView))
def deprecate_dataset(
    namespace: Name, dataset: Name, asked: Announced, hub: Hub, by: Operator
) -> Response:
    """Announces that a dataset is to end; its subscribers see it with their subscriptions."""
    name = EntityName(namespace, dataset)

    def announce(connection: Connection, now: datetime) -> OfferView:
        _require_own(connection, by, name)
        eyes = viewer_of(by)
        return store.deprecate(connection, eyes, name, asked.ends_at, asked.text, by.name, now)

    return answer(edit(hub, by, "dataset_deprecated", f"{namespace}/{dataset}", announce))


@router.delete(_ONE + "/deprecation", responses=answers(OfferView))
def keep_dataset(namespace: Name, dataset: Name, hub: Hub, by: Operator) -> Response:
    """Takes the announcement back: the dataset stays."""
    name = EntityName(namespace, dataset)

    def take_back(connection: Connection, now: datetime) -> OfferView:
        _require_own(connection, by, name)
        return store.deprecate(connection, viewer_of(by), name, None, "", by.name, now)

    return answer(edit(hub, by, "dataset_kept", f"{namespace}/{dataset}", take_back))


def _require_own(connection: Connection, by: Principal, name: EntityName) -> None:
    """Returns for a member of the team that has the dataset, or who may write its namespace."""
    team = store.owner_of(connection, viewer_of(by), name)
    if by.has(Scope.ADMIN) or (team is not None and team in by.teams):
        return
    by.require_namespace(name.namespace)
