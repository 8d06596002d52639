"""How producing teams offer their datasets: to whom, until when, and who depends on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, select

from hub.model import EntityName, Viewer
from hub.store.names import find_dataset
from hub.store.subscriptions import Kept, naming, subscriptions_by_id
from hub.store.tables import offer
from hub.store.updates import Offered, datasets_named, offered
from hub.store.upsert import upsert
from hub.store.views import View

Visibility = Literal["public", "teams", "private"]
_USUAL: Final = "usual"


class OfferView(View, frozen=True):
    """How a dataset is offered. visibility: public, teams or private (to its own team); `usual`
    where nobody has said: public, or private if its team is. deprecatedAt: when it is to end.
    """

    dataset: EntityName
    team: str | None
    visibility: str
    teams: list[str]
    deprecated_at: datetime | None
    deprecation: str | None
    changed_by: str | None
    changed_at: datetime | None


class Deprecation(View, frozen=True):
    """A dataset that is to end: when, and what its team says of it."""

    dataset: EntityName
    ends_at: datetime
    text: str


class Terms(Struct, frozen=True):
    visibility: Visibility
    teams: Sequence[str] = ()


def get_offer(connection: Connection, viewer: Viewer, name: EntityName) -> OfferView:
    """Raises NotFound for a dataset that is not there, or not seen."""
    one = _dataset(connection, viewer, name)
    return _view(one, _row(connection, one.names[0]))


def put_offer(
    connection: Connection, viewer: Viewer, name: EntityName, terms: Terms, by: str, now: datetime
) -> OfferView:
    """From now on it is offered so; updates that others wait for and may not see are refused."""
    told = {"visibility": terms.visibility, "teams": msgspec.json.encode(terms.teams).decode()}
    return _put(connection, viewer, name, told, by, now)


def deprecate(
    connection: Connection,
    viewer: Viewer,
    name: EntityName,
    ends_at: datetime | None,
    text: str,
    by: str,
    now: datetime,
) -> OfferView:
    """Announces that the dataset is to end, or takes that back (None)."""
    told = {"deprecated_at": ends_at, "deprecation": text if ends_at else None}
    return _put(connection, viewer, name, told, by, now)


def _put(
    connection: Connection,
    viewer: Viewer,
    name: EntityName,
    told: dict[str, Any],
    by: str,
    now: datetime,
) -> OfferView:
    one = _dataset(connection, viewer, name)
    own = one.names[0]
    before = _row(connection, own)
    usual = {
        "visibility": _USUAL if before is None else before.visibility,
        "teams": "[]" if before is None else before.teams,
        "deprecated_at": None if before is None else before.deprecated_at,
        "deprecation": None if before is None else before.deprecation,
    }
    key = {"namespace": own.namespace, "name": own.name}
    upsert(connection, offer, [{**key, **usual, **told, "changed_by": by, "changed_at": now}])
    return _view(one, _row(connection, own))


def _dataset(connection: Connection, viewer: Viewer, name: EntityName) -> Offered:
    key = find_dataset(connection, viewer, name)
    return offered(connection, [key])[key]


def _row(connection: Connection, name: EntityName) -> Row[Any] | None:
    mine = offer.c
    statement = select(offer).where(mine.namespace == name.namespace, mine.name == name.name)
    return connection.execute(statement).first()


def _view(one: Offered, row: Row[Any] | None) -> OfferView:
    if row is None:
        return OfferView(one.names[0], one.team, _USUAL, [], None, None, None, None)
    return OfferView(
        one.names[0],
        one.team,
        row.visibility,
        msgspec.json.decode(row.teams),
        row.deprecated_at,
        row.deprecation,
        row.changed_by,
        row.changed_at,
    )


def owner_of(connection: Connection, viewer: Viewer, name: EntityName) -> str | None:
    """The team of the dataset. Raises NotFound."""
    return _dataset(connection, viewer, name).team


# -- who depends on what -----------------------------------------------------------------------


def dependants(connection: Connection, viewer: Viewer, name: EntityName) -> list[Kept]:
    """The subscriptions that name a dataset by any of its names, by name."""
    names = {name, *_dataset(connection, viewer, name).names}
    named = naming(connection, names)
    keys = {one.subscription_id for each in named.values() for one in each}
    return sorted(subscriptions_by_id(connection, keys).values(), key=lambda one: one.name)


def offers_of(connection: Connection, names: Iterable[EntityName]) -> list[Offered]:
    """How the datasets are offered. One that is not there is nobody's."""
    keys = set(datasets_named(connection, names).values())
    return list(offered(connection, keys).values())


def deprecations(connection: Connection, names: Iterable[EntityName]) -> list[Deprecation]:
    """Which of the datasets are to end, the soonest first."""
    keys = set(datasets_named(connection, names).values())
    found = []
    for one in offered(connection, keys).values():
        row = _row(connection, one.names[0])
        if row is not None and row.deprecated_at is not None:
            found.append(Deprecation(one.names[0], row.deprecated_at, row.deprecation or ""))
    return sorted(found, key=lambda one: one.ends_at)
