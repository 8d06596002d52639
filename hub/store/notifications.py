"""Notifications: what is to be told of an incident or a group, as whoever tells it keeps them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, and_, case, delete, func, insert, select, update

from hub.model import SEVERITIES, IncidentState
from hub.ports import (
    Fresh,
    Member,
    Notification,
    NotificationState,
    Part,
    Said,
    Sorted,
    Standing,
    WhoIsHit,
)
from hub.store import cases, decisions, deliveries, facts
from hub.store.access import next_ids
from hub.store.impact import Breach, Impact
from hub.store.meta import get_meta
from hub.store.reading import among, json_list
from hub.store.tables import (
    dataset,
    incident,
    incident_transition,
    job,
    look_again,
    membership,
    namespace,
    notification,
)
from hub.store.upsert import upsert

#: Members that are read of a notification; jobs and datasets that are named; runs of the trend.
MEMBERS: Final = 20
HIT: Final = 8
RUNS: Final = 12

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
    cases.save_cursor(connection, found.cursor)


def _make(connection: Connection, fresh: Sequence[Fresh], now: datetime) -> dict[int, int]:
    """The ids of new notifications, by the numbers that they have until then."""
    if not fresh:
        return {}
    prefix = f"trackside-{(get_meta(connection, 'store_epoch') or '')[:8]}"
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
        # One that waits is looked at no earlier for it, unless nothing would wake it.
        idle = notification.c.due_at.is_(None)
        told = notification.c.state == NotificationState.TOLD
        connection.execute(update(notification).where(live, idle | told).values(**values))


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
    counts, members = _counts(connection, keys), _members(connection, keys)
    return [_notification(row, counts[row.id], members[row.id]) for row in rows]


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


_FIRST = case({Standing.OPEN: 0, Standing.ACKNOWLEDGED: 1}, value=membership.c.standing, else_=2)
_WORST = case(
    {name: -index for index, name in enumerate(SEVERITIES)}, value=incident.c.severity, else_=0
)


def _members(connection: Connection, keys: Collection[int]) -> defaultdict[int, list[Member]]:
    """The first of each notification: open before over, severe before mild, old before new."""
    rank = func.row_number().over(
        partition_by=membership.c.notification_id,
        order_by=(_FIRST, _WORST, incident.c.opened_at, incident.c.id),
    )
    ranked = (
        select(
            membership.c.notification_id,
            membership.c.incident_id,
            membership.c.standing,
            rank.label("rank"),
        )
        .join(incident, incident.c.id == membership.c.incident_id)
        .where(membership.c.notification_id.in_(keys))
        .subquery()
    )
    top = select(ranked).where(ranked.c.rank <= MEMBERS).order_by(ranked.c.rank)
    places = connection.execute(top).all() if keys else []
    details = _details(connection, {row.incident_id for row in places})
    found: defaultdict[int, list[Member]] = defaultdict(list)
    for row in places:
        if row.incident_id in details:
            one = details[row.incident_id]
            standing = Standing(row.standing)
            found[row.notification_id].append(replace(one, standing=standing))
    return found


def _details(connection: Connection, keys: Collection[int]) -> dict[int, Member]:
    rows = among(connection, cases.ABOUT, incident.c.id, keys)
    abouts = cases.abouts_of(connection, rows)
    steps, runs = _steps(connection, keys), _runs(connection, rows)
    below = {row.id: _below(row) for row in rows}
    names = _names(connection, below.values())
    return {
        row.id: Member(
            id=row.id,
            about=abouts[row.id],
            state=IncidentState(row.state),
            standing=Standing.OPEN,
            reason=row.reason,
            evidence=msgspec.json.decode(row.evidence),
            since=row.since,
            opened_at=row.opened_at,
            resolved_at=row.resolved_at,
            cause=row.cause,
            hit=_hit(below[row.id], names),
            hidden=max(0, len(below[row.id]) - HIT),
            steps=steps[row.id],
            runs=runs.get(row.job_id, ()),
        )
        for row in rows
    }


Below = dict[tuple[str, int], Breach | None]


def _below(row: Row[Any]) -> Below:
    """What is downstream: first what is predicted to breach, then jobs and datasets, the nearest
    first.
    """
    if row.impact is None:
        return {}
    told = msgspec.json.decode(row.impact, type=Impact)
    found: Below = {}
    for one in told.predicted.breaches if told.predicted is not None else ():
        found.setdefault((one.subject_kind, one.subject_id), one)
    jobs, data = [("job", key) for key in told.jobs], [("dataset", key) for key in told.datasets]
    return found | {each: found.get(each) for each in (*jobs, *data)}


def _names(connection: Connection, belows: Collection[Below]) -> dict[tuple[str, int], WhoIsHit]:
    wanted = {each for below in belows for each in list(below)[:HIT]}
    found = {}
    for kind, table in (("job", job), ("dataset", dataset)):
        statement = select(table.c.id, namespace.c.name, table.c.name, table.c.team).join(
            namespace, namespace.c.id == table.c.namespace_id
        )
        keys = [key for sort, key in wanted if sort == kind]
        for row in among(connection, statement, table.c.id, keys):
            found[kind, row[0]] = WhoIsHit(f"{row[1]}:{row[2]}", row[3])
    return found


def _hit(below: Below, names: Mapping[tuple[str, int], WhoIsHit]) -> list[WhoIsHit]:
    return [
        names[each]
        if one is None
        else replace(names[each], breach_at=one.breach_at, probability=one.probability)
        for each, one in list(below.items())[:HIT]
        if each in names
    ]


def _steps(
    connection: Connection, keys: Collection[int]
) -> defaultdict[int, list[tuple[datetime, str, str, str | None]]]:
    mine = incident_transition.c
    statement = select(mine.incident_id, mine.at, mine.transition, mine.reason, mine.by, mine.id)
    rows = among(connection, statement, mine.incident_id, keys)
    found: defaultdict[int, list[tuple[datetime, str, str, str | None]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.id):
        found[row.incident_id].append((row.at, row.transition, row.reason, row.by))
    return found


def _runs(
    connection: Connection, rows: Sequence[Row[Any]]
) -> dict[int, tuple[tuple[str, float | None], ...]]:
    jobs = sorted({row.job_id for row in rows if row.job_id is not None})
    seen = facts.runs_seen(connection, jobs, RUNS) if jobs else {}
    return {
        key: tuple((str(run.state), _seconds(run.started_at, run.ended_at)) for run in runs[::-1])
        for key, runs in seen.items()
    }


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else (end - begin).total_seconds()


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
