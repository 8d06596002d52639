"""Digests: when each is due, and what has happened in its period."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, and_, case, exists, or_, select

from hub.model import SEVERITIES, Resolution, Transition
from hub.ports import (
    Due,
    Happening,
    Period,
    Posted,
    WhoIsHit,
)
from hub.store import posts
from hub.store.cases import ABOUT, abouts_of
from hub.store.members import breaches_of
from hub.store.reading import among
from hub.store.tables import digest, incident, incident_transition, membership, notification
from hub.store.upsert import upsert

#: Incidents that one digest looks at, the open ones first.
MOST: Final = 3000
#: The route of a notification that is a digest, before its name.
DIGEST: Final = "digest of "
DIGEST_OF_TEAM: Final = DIGEST + "team "


def settle(connection: Connection, wanted: Mapping[str, Due]) -> None:
    """Those that are asked for, and no others; one that is as it was keeps its time."""
    known = {row.name: row.plan for row in connection.execute(select(digest))}
    gone = known.keys() - wanted.keys()
    if gone:
        connection.execute(digest.delete().where(digest.c.name.in_(gone)))
    changed = [one for one in wanted.values() if known.get(one.name) != one.plan]
    upsert(connection, digest, [msgspec.structs.asdict(one) for one in changed])


def due(connection: Connection, now: datetime) -> list[Due]:
    rows = connection.execute(select(digest).where(digest.c.due_at <= now).order_by(digest.c.name))
    return [Due(row.name, row.plan, row.since, row.due_at) for row in rows]


def post(connection: Connection, one: Posted, now: datetime) -> int | None:
    """Once for each period: whoever comes second finds that its row has moved on.

    The id of the notification, None if nothing is told.
    """
    mine = and_(digest.c.name == one.before.name, digest.c.due_at == one.before.due_at)
    values = msgspec.structs.asdict(one.after)
    if not connection.execute(digest.update().where(mine).values(**values)).rowcount:
        return None
    if one.message is None:
        return None
    route, what = DIGEST + one.before.name, f"the digest of {one.before.name}"
    return posts.post(connection, route, one.message, one.targets, now, what)


# -- what has happened -------------------------------------------------------------------------

_WORST = case({name: -i for i, name in enumerate(SEVERITIES)}, value=incident.c.severity, else_=0)


def period(connection: Connection, since: datetime, until: datetime) -> Period:
    """What opened or ended in it, and what is open; the most urgent MOST of them."""
    mine = incident.c
    opened = and_(mine.opened_at >= since, mine.opened_at < until)
    ended = and_(mine.resolved_at >= since, mine.resolved_at < until)
    still = and_(mine.resolved_at.is_(None), mine.opened_at < until)
    statement = (
        select(mine.id)
        .where(or_(opened, ended, still), mine.dry_run.is_(False))
        .order_by(mine.resolved_at.is_not(None), _WORST, mine.opened_at.desc(), mine.id)
        .limit(MOST + 1)
    )
    keys = list(connection.scalars(statement))
    rows = among(connection, ABOUT, mine.id, keys[:MOST])
    return Period(since, until, _happened(connection, rows, until), len(keys) > MOST)


def _happened(connection: Connection, rows: Sequence[Row[Any]], until: datetime) -> list[Happening]:
    abouts = abouts_of(connection, rows)
    keys = [row.id for row in rows]
    told, seen = _told(connection, keys), _acknowledged(connection, keys)
    ahead = breaches_of(connection, [row for row in rows if row.resolved_at is None])
    found: defaultdict[int, list[WhoIsHit]] = defaultdict(list, ahead)
    return [
        Happening(
            id=row.id,
            about=abouts[row.id],
            reason=row.reason,
            opened_at=row.opened_at,
            resolved_at=row.resolved_at if row.resolved_at and row.resolved_at < until else None,
            resolution=None if row.resolution is None else Resolution(row.resolution),
            told=row.id in told,
            acknowledged=row.id in seen,
            breaches=found[row.id],
        )
        for row in rows
    ]


def _told(connection: Connection, keys: Collection[int]) -> set[int]:
    """Those of which somebody was told."""
    statement = (
        select(membership.c.incident_id)
        .join(notification, notification.c.id == membership.c.notification_id)
        .where(notification.c.told_at.is_not(None))
    )
    return {row[0] for row in among(connection, statement, membership.c.incident_id, keys)}


def _acknowledged(connection: Connection, keys: Collection[int]) -> set[int]:
    step = incident_transition.c
    said = exists().where(
        step.incident_id == incident.c.id,
        step.transition.in_([Transition.ACKNOWLEDGED, Transition.SNOOZED, Transition.NOTED]),
    )
    statement = select(incident.c.id).where(said)
    return {row[0] for row in among(connection, statement, incident.c.id, keys)}
