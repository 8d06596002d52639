"""Subscriptions as they are kept: what a team wants, and the datasets that it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, Select, bindparam, delete, or_, select, update

from hub.errors import Conflict, NotFound
from hub.model import EntityName, Viewer
from hub.store.access import next_id
from hub.store.reading import Page, Slice, among, cut, decode_cursor, kept_from
from hub.store.tables import arrival, subscription, subscription_input, waiting
from hub.store.upsert import upsert

API: Final = "api"
FILE: Final = "file"
_S = subscription.c


class Kept(Struct, frozen=True, kw_only=True):
    """A subscription. spec: as it was checked. settled_version: what the trigger loop goes by; it
    has yet to look at a later one. refusal: why nothing is launched for it.
    """

    id: int
    name: str
    team: str | None
    spec: Mapping[str, Any]
    origin: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    since: datetime | None = None
    version: int = 1
    settled_version: int = 0
    paused_at: datetime | None = None
    paused_by: str | None = None
    pause_reason: str | None = None
    replay_to: datetime | None = None
    look_at: datetime | None = None
    refusal: str | None = None

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None


class Wanted(Struct, frozen=True, kw_only=True):
    """What a subscription is to be. since: updates that were made from then on count, too."""

    name: str
    team: str | None
    spec: Mapping[str, Any]
    inputs: frozenset[EntityName]
    since: datetime | None = None
    refusal: str | None = None


def put_subscription(
    connection: Connection, wanted: Wanted, *, origin: str, by: str, now: datetime
) -> Kept:
    """Makes it, or changes what it is to be; what waits for it is looked at anew. One that is the
    same stays as it is.
    """
    held = find_subscription(connection, wanted.name)
    if held is None:
        return _make(connection, wanted, origin, by, now)
    same = (held.team, held.spec, held.origin, held.since, held.refusal) == (
        wanted.team, wanted.spec, origin, wanted.since or held.since, wanted.refusal
    )  # fmt: skip
    if same:
        return held
    values = {
        "team": wanted.team,
        "spec": _json(wanted.spec),
        "origin": origin,
        "updated_at": now,
        "since": wanted.since or held.since,
        "version": held.version + 1,
        "look_at": now,
        "refusal": wanted.refusal,
    }
    connection.execute(update(subscription).where(_S.id == held.id).values(**values))
    _put_inputs(connection, held.id, wanted.inputs, now)
    return get_subscription(connection, wanted.name)


def _make(connection: Connection, wanted: Wanted, origin: str, by: str, now: datetime) -> Kept:
    number = next_id(connection, "subscription")
    connection.execute(
        subscription.insert().values(
            id=number,
            name=wanted.name,
            team=wanted.team,
            spec=_json(wanted.spec),
            origin=origin,
            created_by=by,
            created_at=now,
            updated_at=now,
            since=wanted.since,
            version=1,
            settled_version=0,
            look_at=now,
            refusal=wanted.refusal,
        )
    )
    _put_inputs(connection, number, wanted.inputs, now)
    return get_subscription(connection, wanted.name)


def _put_inputs(
    connection: Connection, number: int, inputs: Iterable[EntityName], now: datetime
) -> None:
    mine = subscription_input.c
    held = set(inputs_of(connection, [number]).get(number, {}))
    for name in held - set(inputs):
        connection.execute(
            delete(subscription_input).where(
                mine.subscription_id == number,
                mine.namespace == name.namespace,
                mine.name == name.name,
            )
        )
    rows = [
        {"namespace": one.namespace, "name": one.name, "subscription_id": number, "since": now}
        for one in sorted(set(inputs) - held)
    ]
    upsert(connection, subscription_input, rows)


def delete_subscription(connection: Connection, name: str) -> None:
    """It is no more, nor what became of the updates it saw; its launches stay. Raises NotFound."""
    number = get_subscription(connection, name).id
    for table in (arrival, waiting, subscription_input):
        connection.execute(delete(table).where(table.c.subscription_id == number))
    connection.execute(delete(subscription).where(_S.id == number))


def pause(connection: Connection, name: str, by: str, reason: str, now: datetime) -> Kept:
    """What comes in is held from now on. One that is paused stays so. Raises NotFound."""
    held = get_subscription(connection, name)
    if held.is_paused:
        return held
    values = {"paused_at": now, "paused_by": by, "pause_reason": reason, "replay_to": None}
    return _edited(connection, held, values)


def resume(connection: Connection, name: str, now: datetime, *, replay: bool) -> Kept:
    """What was held is taken together, or one by one as it came (replay). Raises NotFound, and
    Conflict for one that is not paused.
    """
    held = get_subscription(connection, name)
    if not held.is_paused:
        raise Conflict(f"the subscription {name!r} is not paused")
    values = {
        "paused_at": None,
        "paused_by": None,
        "pause_reason": None,
        "replay_to": now if replay else None,
    }
    waits = (waiting.c.subscription_id == held.id, waiting.c.first_at.is_not(None))
    connection.execute(update(waiting).where(*waits).values(due_at=now))
    return _edited(connection, held, values)


def _edited(connection: Connection, held: Kept, values: Mapping[str, Any]) -> Kept:
    # What it says is the same: nothing of that is left to look at for the trigger loop.
    settled = held.settled_version + (held.settled_version == held.version)
    told = {**values, "version": held.version + 1, "settled_version": settled}
    connection.execute(update(subscription).where(_S.id == held.id).values(**told))
    return get_subscription(connection, held.name)


# -- reading -----------------------------------------------------------------------------------


def get_subscription(connection: Connection, name: str, viewer: Viewer | None = None) -> Kept:
    """Raises NotFound, also for one of a team that is private to the viewer."""
    found = find_subscription(connection, name, viewer)
    if found is None:
        raise NotFound(f"Subscription '{name}' not found.")
    return found


def find_subscription(
    connection: Connection, name: str, viewer: Viewer | None = None
) -> Kept | None:
    statement = _seen(viewer).where(_S.name == name)
    row = connection.execute(statement).first()
    return None if row is None else _kept(row)


def list_subscriptions(
    connection: Connection, viewer: Viewer, page: Page, *, team: str | None = None
) -> Slice[Kept]:
    """By name."""
    statement = _seen(viewer).order_by(_S.name).limit(page.limit + 1).offset(page.offset)
    if team is not None:
        statement = statement.where(_S.team == team)
    if page.after is not None:
        (last,) = decode_cursor(page.after, tuple[str])
        statement = statement.where(_S.name > last)
    rows = connection.execute(statement).all()
    kept, following = cut(rows, page, lambda row: (row.name,))
    return Slice([_kept(row) for row in kept], following)


def of_origin(connection: Connection, origin: str) -> list[Kept]:
    return [
        _kept(row) for row in connection.execute(select(subscription).where(_S.origin == origin))
    ]


def subscriptions_by_id(connection: Connection, keys: Iterable[int]) -> dict[int, Kept]:
    return {row.id: _kept(row) for row in among(connection, _ALL, _S.id, keys)}


_ALL: Select[Any] = select(subscription)


def _seen(viewer: Viewer | None) -> Select[Any]:
    if viewer is None or viewer.all:
        return select(subscription)
    return select(subscription).where(
        or_(_S.team.is_(None), ~kept_from(viewer, subscription.c.team))
    )


def looked_for(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Subscriptions that are to be looked at by now: for room, or because they were changed."""
    statement = select(_S.id).where(_S.look_at <= now).order_by(_S.look_at).limit(limit)
    return list(connection.scalars(statement))


class Named(Struct, frozen=True):
    """A subscription that names a dataset; updates that were recorded from `since` on count."""

    subscription_id: int
    name: EntityName
    since: datetime


def naming(connection: Connection, names: Iterable[EntityName]) -> dict[EntityName, list[Named]]:
    """The subscriptions that name each of the datasets."""
    wanted: dict[str, list[str]] = {}
    for one in set(names):
        wanted.setdefault(one.namespace, []).append(one.name)
    found: dict[EntityName, list[Named]] = {}
    for space, mine in wanted.items():
        rows = among(connection, _NAMING, subscription_input.c.name, mine, space=space)
        for row in rows:
            name = EntityName(space, row.name)
            found.setdefault(name, []).append(Named(row.subscription_id, name, row.since))
    return found


_NAMING: Select[Any] = select(
    subscription_input.c.name, subscription_input.c.subscription_id, subscription_input.c.since
).where(subscription_input.c.namespace == bindparam("space"))


def inputs_of(connection: Connection, keys: Iterable[int]) -> dict[int, dict[EntityName, datetime]]:
    """The datasets that each subscription names, and since when."""
    found: dict[int, dict[EntityName, datetime]] = {}
    mine = subscription_input.c
    for row in among(connection, _INPUTS, mine.subscription_id, keys):
        names = found.setdefault(row.subscription_id, {})
        names[EntityName(row.namespace, row.name)] = row.since
    return found


_INPUTS: Select[Any] = select(subscription_input)


# -- for the trigger loop ----------------------------------------------------------------------


class Settled(Struct, frozen=True):
    """A subscription as the trigger loop leaves it: of which version, and when to look again."""

    id: int
    version: int
    look_at: datetime | None


def versions_of(connection: Connection, keys: Sequence[int]) -> dict[int, int]:
    """Held until the transaction ends: nobody changes them meanwhile."""
    return {row.id: row.version for row in among(connection, _LOCKED, _S.id, sorted(keys))}


_LOCKED: Select[Any] = select(_S.id, _S.version).order_by(_S.id).with_for_update()


def settle(connection: Connection, rows: Iterable[Settled]) -> None:
    for one in rows:
        connection.execute(
            update(subscription)
            .where(_S.id == one.id)
            .values(settled_version=one.version, look_at=one.look_at)
        )


def _kept(row: Row[Any]) -> Kept:
    told = {name: getattr(row, name) for name in Kept.__struct_fields__}
    return Kept(**told | {"spec": msgspec.json.decode(row.spec)})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
