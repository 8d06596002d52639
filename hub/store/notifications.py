"""Notifications: what is to be told of an incident or a group, as whoever tells it keeps them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from hub.ports import (
    Fresh,
    Member,
    Notification,
    NotificationState,
    Part,
    Said,
    Sorted,
    Standing,
)
from hub.store import cases, decisions, deliveries
from hub.store.access import next_ids
from hub.store.members import members
from hub.store.meta import key_prefix
from hub.store.reading import among, json_list
from hub.store.step_cursors import save_step
from hub.store.tables import (
    look_again,
    membership,
    notification,
)
from hub.store.upsert import upsert

# -- what became of cases ----------------------------------------------------------------------


def keep_sorted(connection: Connection, found: Sorted, now: datetime) -> None:
    """In the transaction that moves the cursor."""
    numbers = _make(connection, found.fresh, now)
    _enter(connection, found.parts, numbers)
    _touch(connection, {numbers.get(n, n): loud for n, loud in found.touched.items()}, now)
    for number in found.revived:
        connection.execute(
            update(notification)
            .where(notification.c.id == number)
            .values(state=NotificationState.TOLD, due_at=now, loud=True)
        )
    _look_again(connection, found, now)
    decisions.note(connection, found.decisions, now)
    save_step(connection, cases.READER, found.cursor)


def _make(connection: Connection, fresh: Sequence[Fresh], now: datetime) -> dict[int, int]:
    """The ids of new notifications, by the numbers that they have until then."""
    if not fresh:
        return {}
    prefix = key_prefix(connection)
    numbers = next_ids(connection, "notification", len(fresh))
    rows = [
        {
            "id": number,
            "key": f"{prefix}-{number}",
            "route": one.route,
            "targets": _text(one.targets),
            "group_key": one.group,
            "state": NotificationState.WAITING,
            "standing": None,
            "version": 0,
            "loud": False,
            "begun_at": now,
            "steps": 0,
            "due_at": one.due_at,
        }
        for number, one in zip(numbers, fresh, strict=True)
    ]
    connection.execute(insert(notification), rows)
    return {one.number: number for number, one in zip(numbers, fresh, strict=True)}


def _enter(connection: Connection, parts: Sequence[Part], numbers: Mapping[int, int]) -> None:
    rows = [
        {
            "notification_id": numbers.get(part.notification, part.notification),
            "incident_id": part.incident,
            "standing": part.standing,
        }
        for part in parts
        if part.standing is not None
    ]
    upsert(connection, membership, rows)
    for part in parts:
        if part.standing is None:
            connection.execute(
                delete(membership).where(
                    membership.c.notification_id == part.notification,
                    membership.c.incident_id == part.incident,
                )
            )


def _touch(connection: Connection, touched: Mapping[int, bool], now: datetime) -> None:
    for loud in (False, True):
        keys = [number for number, is_loud in touched.items() if is_loud is loud]
        if not keys:
            continue
        live = and_(notification.c.id.in_(keys), notification.c.state != NotificationState.OVER)
        values: dict[str, Any] = {"due_at": now} | ({"loud": True} if loud else {})
        connection.execute(update(notification).where(live).values(**values))


def _look_again(connection: Connection, found: Sorted, now: datetime) -> None:
    later = [{"incident_id": one.incident, "at": one.at} for one in found.looks if one.at]
    done = [one.incident for one in found.looks if one.at is None]
    for start in range(0, len(done), 1000):
        some = done[start : start + 1000]
        connection.execute(delete(look_again).where(look_again.c.incident_id.in_(some)))
    upsert(connection, look_again, later)
    cases.look_at_caused_by(connection, found.hidden, now)


# -- what is due -------------------------------------------------------------------------------


def due(connection: Connection, now: datetime, limit: int) -> list[Notification]:
    """Those that have something to say, or may have, the longest due first."""
    statement = (
        select(notification)
        .where(notification.c.due_at <= now)
        .order_by(notification.c.due_at)
        .limit(limit)
    )
    rows = connection.execute(statement).all()
    keys = [row.id for row in rows]
    counts, found = _counts(connection, keys), members(connection, keys)
    return [_notification(row, counts[row.id], found[row.id]) for row in rows]


def _notification(
    row: Row[Any], counts: Mapping[Standing, int], members: Sequence[Member]
) -> Notification:
    return Notification(
        id=row.id,
        key=row.key,
        route=row.route,
        targets=tuple(json_list(row.targets)),
        group=row.group_key,
        state=NotificationState(row.state),
        standing=None if row.standing is None else Standing(row.standing),
        version=row.version,
        loud=row.loud,
        begun_at=row.begun_at,
        told_at=row.told_at,
        said_at=row.said_at,
        repeated_at=row.repeated_at,
        steps=row.steps,
        counts=counts,
        members=members,
    )


def _counts(connection: Connection, keys: Collection[int]) -> defaultdict[int, dict[Standing, int]]:
    mine = membership.c
    statement = select(mine.notification_id, mine.standing, func.count()).group_by(
        mine.notification_id, mine.standing
    )
    found: defaultdict[int, dict[Standing, int]] = defaultdict(dict)
    for row in among(connection, statement, mine.notification_id, keys):
        found[row[0]][Standing(row[1])] = row[2]
    return found


# -- what was said -----------------------------------------------------------------------------


def keep_said(connection: Connection, said: Sequence[Said], now: datetime) -> None:
    """Keeps what is to be delivered, and when to look again."""
    for one in said:
        values: dict[str, Any] = {"state": one.state, "due_at": one.due_at, "loud": one.loud}
        if one.deliver is not None:
            values |= {
                "standing": one.deliver.standing,
                "version": one.deliver.version,
                "said_at": now,
                "steps": one.steps,
            }
            values |= {"told_at": now, "repeated_at": now} if one.begun else {}
            values |= {"repeated_at": now} if one.repeated else {}
            values |= {"targets": _text(one.targets)} if one.targets else {}
            deliveries.want(connection, one.id, one.deliver, one.targets, now)
        connection.execute(update(notification).where(notification.c.id == one.id).values(**values))
    decisions.note(connection, [each for one in said for each in one.decisions], now)


def members_open(connection: Connection, key: str) -> list[int]:
    """Incidents of the notification with this key that are not over."""
    return list(
        connection.scalars(
            select(membership.c.incident_id)
            .join(notification, notification.c.id == membership.c.notification_id)
            .where(notification.c.key == key, membership.c.standing != Standing.RESOLVED)
            .order_by(membership.c.incident_id)
        )
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
