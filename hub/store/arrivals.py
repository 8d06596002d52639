"""Arrivals: updates as subscriptions saw them, and where each partition of a target stands.

Only the trigger loop writes these rows, so that nobody comes in between what it reads and keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Select, Text, bindparam, delete, func, or_, select, update

from hub.model import EntityName
from hub.store.bulk import Fetch, Insert, Update, bulk_of
from hub.store.reading import among
from hub.store.tables import arrival, dataset_update, waiting
from hub.store.types import from_micros, to_micros

Row = tuple[int, str]
"""A subscription and a partition of its target."""


class Facts(Struct, frozen=True, omit_defaults=True):
    """What a condition may ask of an update, besides its dataset, partition and time."""

    rows: int | None = None
    bytes: int | None = None
    metrics: dict[str, float] = {}
    tags: tuple[str, ...] = ()
    job: EntityName | None = None
    team: str | None = None


class Fate:
    """What became of an arrival; where it waits, or is held, its row of `waiting` tells why."""

    WAITING: Final = "waiting"
    LAUNCHED: Final = "launched"
    COALESCED: Final = "coalesced"  # a launch, or a later update, stands for it
    REFUSED: Final = "refused"
    IGNORED: Final = "ignored"


class Came(Struct, frozen=True, kw_only=True):
    """An update as a subscription saw it, for one partition of its target. old: of a partition
    whose time is long over.
    """

    subscription_id: int
    update_id: int
    partition: str
    name: EntityName
    source_partition: str
    at: datetime
    seen_at: datetime
    facts: Facts
    old: bool = False
    fate: str = Fate.WAITING
    reason: str | None = None

    @property
    def row(self) -> Row:
        return self.subscription_id, self.partition


class Fated(Struct, frozen=True):
    """What became of an arrival."""

    came: Came
    fate: str
    reason: str | None
    launch: str | None = None  # its key


class Stand(Struct, frozen=True, kw_only=True):
    """Where one partition of a target stands. blocked: its condition is satisfied, and why it is
    not launched all the same. first_at: since when something waits. due_at: when time alone may
    change the answer.
    """

    subscription_id: int
    partition: str
    due_at: datetime | None = None
    waiting_for: Sequence[Mapping[str, Any]] = ()
    blocked: str | None = None
    first_at: datetime | None = None
    last_launch_at: datetime | None = None
    changed_at: datetime

    @property
    def row(self) -> Row:
        return self.subscription_id, self.partition


_CAME_KEY = ["subscription_id", "update_id", "partition"]
_CAME_REST = [
    "namespace",
    "name",
    "source_partition",
    "at",
    "seen_at",
    "facts",
    "old",
    "waits_since",
    "fate",
    "reason",
]
_PUT = Insert(
    arrival,
    [*_CAME_KEY, *_CAME_REST],
    "ON CONFLICT (subscription_id, update_id, partition) DO NOTHING",
)
_DECIDE = Update(arrival, _CAME_KEY, ["fate", "reason", "launch_id", "waits_since"])
_OPEN = Fetch(
    arrival,
    ["subscription_id", "partition"],
    [*_CAME_KEY, *_CAME_REST],
    where="t.waits_since IS NOT NULL",
)
_PARTS = Fetch(
    arrival,
    ["subscription_id", "partition"],
    ["subscription_id", "partition", "namespace", "name", "source_partition"],
)
_SEEN = Fetch(arrival, ["subscription_id", "update_id"], _CAME_KEY)
_STAND_KEY = ["subscription_id", "partition"]
_STAND_REST = ["due_at", "waiting_for", "blocked", "first_at", "last_launch_at", "changed_at"]
_STAND = Insert(
    waiting,
    [*_STAND_KEY, *_STAND_REST],
    "ON CONFLICT (subscription_id, partition) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _STAND_REST),
)
_WAKE = Update(waiting, _STAND_KEY, ["due_at"])
_STANDS = Fetch(waiting, _STAND_KEY, [*_STAND_KEY, *_STAND_REST])
_facts = msgspec.json.Decoder(Facts)


# -- reading -----------------------------------------------------------------------------------


def seen_already(
    connection: Connection, pairs: Iterable[tuple[int, int]]
) -> set[tuple[int, int, str]]:
    """What (subscriptions, updates) have met before, and for which partitions."""
    found = bulk_of(connection).fetch(_SEEN, sorted(set(pairs)))
    return {(row[0], row[1], row[2]) for row in found}


def open_of(connection: Connection, rows: Iterable[Row]) -> dict[Row, list[Came]]:
    """What waits for each of them, in the order of its time."""
    found: dict[Row, list[Came]] = {}
    for row in bulk_of(connection).fetch(_OPEN, sorted(set(rows))):
        came = _came(row)
        found.setdefault(came.row, []).append(came)
    for mine in found.values():
        mine.sort(key=lambda one: (one.at, one.update_id))
    return found


def open_of_subscription(connection: Connection, number: int) -> list[Came]:
    """All that waits for one, in the order of its time."""
    columns = [arrival.c[name] for name in (*_CAME_KEY, *_CAME_REST)]
    statement = select(*columns).where(
        arrival.c.subscription_id == number, arrival.c.waits_since.is_not(None)
    )
    rows = connection.execute(statement.order_by(arrival.c.at, arrival.c.update_id))
    return [_came(_raw(row)) for row in rows]


def stands_of(connection: Connection, rows: Iterable[Row]) -> dict[Row, Stand]:
    found = bulk_of(connection).fetch(_STANDS, sorted(set(rows)))
    return {stand.row: stand for stand in map(_stand, found)}


def parts_of(connection: Connection, rows: Iterable[Row]) -> list[tuple[Row, EntityName, str]]:
    """The source partitions of which updates ever came for a row, whatever became of them."""
    found = bulk_of(connection).fetch(_PARTS, sorted(set(rows)))
    return [((row[0], row[1]), EntityName(row[2], row[3]), row[4]) for row in set(found)]


def due_rows(connection: Connection, now: datetime, limit: int) -> list[Row]:
    """Those at which time alone may have changed the answer, the longest due first."""
    mine = waiting.c
    statement = (
        select(mine.subscription_id, mine.partition)
        .where(mine.due_at <= now)
        .order_by(mine.due_at)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(statement)]


def blocked_rows(connection: Connection, number: int, limit: int) -> list[Row]:
    """Partitions of a subscription that are satisfied and not launched, the longest first."""
    mine = waiting.c
    statement = (
        select(mine.partition)
        .where(mine.subscription_id == number, mine.blocked.is_not(None))
        .order_by(mine.first_at)
        .limit(limit)
    )
    return [(number, partition) for partition in connection.scalars(statement)]


def held_rows(
    connection: Connection, keys: Iterable[int], name: EntityName, partition: str
) -> set[Row]:
    """Where updates of a dataset wait, of those subscriptions. partition: "": of all partitions;
    else those of it, and those whose partition is only known by their runs.
    """
    given = {"space": name.namespace, "name": name.name, "part": partition}
    rows = among(connection, _HELD, arrival.c.subscription_id, keys, **given)
    return {(row.subscription_id, row.partition) for row in rows}


_PART = bindparam("part", type_=Text)
_HELD: Select[Any] = (
    select(arrival.c.subscription_id, arrival.c.partition)
    .distinct()
    .outerjoin(dataset_update, dataset_update.c.id == arrival.c.update_id)
    .where(
        arrival.c.waits_since.is_not(None),
        arrival.c.namespace == bindparam("space"),
        arrival.c.name == bindparam("name"),
        or_(
            _PART == "",
            arrival.c.source_partition == _PART,
            func.coalesce(dataset_update.c.partition_key, "") == "",
        ),
    )
)


# -- keeping -----------------------------------------------------------------------------------


def put_arrivals(connection: Connection, came: Iterable[Came]) -> None:
    """Keeps them; those that were seen before stay as they are."""
    rows = [
        (
            one.subscription_id,
            one.update_id,
            one.partition,
            one.name.namespace,
            one.name.name,
            one.source_partition,
            to_micros(one.at),
            to_micros(one.seen_at),
            msgspec.json.encode(one.facts).decode(),
            one.old,
            to_micros(one.seen_at) if one.fate == Fate.WAITING else None,
            one.fate,
            one.reason,
        )
        for one in came
    ]
    bulk_of(connection).insert(_PUT, rows)


def decide_arrivals(
    connection: Connection, fated: Iterable[Fated], launches: Mapping[str, int]
) -> None:
    """Keeps what became of them; `launches`: the ids of launches by their keys."""
    rows = [
        (
            one.came.subscription_id,
            one.came.update_id,
            one.came.partition,
            one.fate,
            one.reason,
            None if one.launch is None else launches[one.launch],
            None,
        )
        for one in fated
    ]
    bulk_of(connection).update(_DECIDE, rows)


def put_stands(connection: Connection, stands: Iterable[Stand]) -> None:
    rows = [
        (
            one.subscription_id,
            one.partition,
            _micros(one.due_at),
            msgspec.json.encode(one.waiting_for).decode(),
            one.blocked,
            _micros(one.first_at),
            _micros(one.last_launch_at),
            to_micros(one.changed_at),
        )
        for one in stands
    ]
    bulk_of(connection).insert(_STAND, rows)


def wake(connection: Connection, rows: Iterable[Row], now: datetime) -> None:
    """They are due at once."""
    bulk_of(connection).update(_WAKE, [(*row, to_micros(now)) for row in sorted(rows)])


def begin_anew(connection: Connection, number: int) -> None:
    """Forgets what waits for a subscription and where its partitions stand, but not when they were
    launched last: what waits is put there again by whoever asks for this.
    """
    mine = arrival.c
    connection.execute(
        delete(arrival).where(mine.subscription_id == number, mine.waits_since.is_not(None))
    )
    connection.execute(
        update(waiting)
        .where(waiting.c.subscription_id == number)
        .values(due_at=None, waiting_for="[]", blocked=None, first_at=None)
    )


def _came(row: Sequence[Any]) -> Came:
    number, change, partition, space, name, source, at, seen_at, facts, old, *_ = row
    return Came(
        subscription_id=number,
        update_id=change,
        partition=partition,
        name=EntityName(space, name),
        source_partition=source,
        at=from_micros(at),
        seen_at=from_micros(seen_at),
        facts=_facts.decode(facts),
        old=bool(old),
    )


def _raw(row: Sequence[Any]) -> list[Any]:
    return [to_micros(value) if isinstance(value, datetime) else value for value in row]


def _stand(row: Sequence[Any]) -> Stand:
    number, partition, due_at, waiting_for, blocked, first_at, last_launch_at, changed_at = row
    return Stand(
        subscription_id=number,
        partition=partition,
        due_at=_instant(due_at),
        waiting_for=msgspec.json.decode(waiting_for),
        blocked=blocked,
        first_at=_instant(first_at),
        last_launch_at=_instant(last_launch_at),
        changed_at=from_micros(changed_at),
    )


def _micros(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
