"""Deliveries as people see them: listed, sent again, counted."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, and_, exists, func, select, true, update

from hub.errors import NotFound
from hub.model import Viewer
from hub.store.deliveries import again_from
from hub.store.digests import DIGEST_OF_TEAM
from hub.store.job_changes import CHANGES_OF_TEAM
from hub.store.reading import Page, Slice, cut, kept_from, newest_first
from hub.store.tables import delivery, incident, membership, notification, team
from hub.store.views import View

_MINE: Final = delivery.c


class DeliveryView(View, frozen=True):
    """wanted, wantedVersion: what the target should show; delivered: what it was made to show."""

    id: int
    target: str
    key: str
    title: str
    wanted: str
    wanted_version: int
    delivered: str | None
    delivered_version: int
    delivered_at: datetime | None
    attempts: int
    next_at: datetime | None
    error: str | None
    dead: bool
    created_at: datetime


def list_deliveries(
    connection: Connection,
    page: Page,
    viewer: Viewer = Viewer(all=True),  # noqa: B008  it is frozen
    *,
    target: str | None = None,
    notification_key: str | None = None,
    dead: bool | None = None,
    waiting: bool | None = None,
) -> Slice[DeliveryView]:
    """The latest first. waiting: something is to be sent."""
    statement = select(delivery).where(_open_to(viewer))
    if target is not None:
        statement = statement.where(_MINE.target == target)
    if notification_key is not None:
        statement = statement.where(_MINE.key == notification_key)
    if dead is not None:
        statement = statement.where(_MINE.dead == dead)
    if waiting is not None:
        waits = _MINE.next_at.is_not(None)
        statement = statement.where(waits if waiting else ~waits)
    rows = connection.execute(newest_first(statement, page, _MINE.created_at, _MINE.id)).all()
    kept, following = cut(rows, page, lambda row: (row.created_at, row.id))
    return Slice([_view(row) for row in kept], following)


def deliveries_of(connection: Connection, viewer: Viewer, incident_id: int) -> list[DeliveryView]:
    """Of the notifications that an incident is part of, the latest first."""
    its = select(membership.c.notification_id).where(membership.c.incident_id == incident_id)
    mine = select(delivery).where(_MINE.notification_id.in_(its), _open_to(viewer))
    rows = connection.execute(mine.order_by(_MINE.created_at.desc(), _MINE.id.desc()))
    return [_view(row) for row in rows]


def _open_to(viewer: Viewer) -> Any:
    """None of what it tells of is private to others."""
    if viewer.all:
        return true()
    closed = (
        select(membership.c.incident_id)
        .join(incident, incident.c.id == membership.c.incident_id)
        .where(
            membership.c.notification_id == _MINE.notification_id,
            kept_from(viewer, incident.c.team),
        )
    )
    of_team = (
        select(team.c.name)
        .join(
            notification,
            notification.c.route.in_([DIGEST_OF_TEAM + team.c.name, CHANGES_OF_TEAM + team.c.name]),
        )
        .where(notification.c.id == _MINE.notification_id, kept_from(viewer, team.c.name))
    )
    return and_(~exists(closed), ~exists(of_team))


def resend(connection: Connection, key: int, now: datetime) -> DeliveryView:
    """Sends what the target should show, once more, also where it was given up. Or NotFound."""
    done = connection.execute(
        update(delivery).where(_MINE.id == key).values(**again_from(now), revivals=0)
    )
    if not done.rowcount:
        raise NotFound(f"Delivery '{key}' not found.")
    return _view(connection.execute(select(delivery).where(_MINE.id == key)).one())


def resend_dead(connection: Connection, target: str, now: datetime) -> int:
    """The same for all of a target that were given up; how many."""
    mine = and_(_MINE.target == target, _MINE.dead)
    return int(
        connection.execute(
            update(delivery).where(mine).values(**again_from(now), revivals=0)
        ).rowcount
    )


def figures(connection: Connection, now: datetime) -> tuple[dict[str, float], dict[str, int]]:
    """By target: how long the longest due one waits, in seconds, and how many were given up.

    One that failed waits since then: that it is tried again later does not make it less late.
    """
    since = func.coalesce(_MINE.failing_since, _MINE.next_at)
    waits = and_(_MINE.next_at.is_not(None), since <= now)
    due = select(_MINE.target, func.min(since)).where(waits)
    lags = {
        row[0]: max(0.0, (now - row[1]).total_seconds())
        for row in connection.execute(due.group_by(_MINE.target))
    }
    given_up = select(_MINE.target, func.count()).where(_MINE.dead).group_by(_MINE.target)
    return lags, {row[0]: row[1] for row in connection.execute(given_up)}


def _view(row: Row[Any]) -> DeliveryView:
    return DeliveryView(
        row.id,
        row.target,
        row.key,
        msgspec.json.decode(row.message)["title"],
        row.standing,
        row.version,
        row.delivered_standing,
        row.delivered_version,
        row.delivered_at,
        row.attempts,
        row.next_at,
        row.error,
        row.dead,
        row.created_at,
    )
