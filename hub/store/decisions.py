"""Why somebody was told of an incident, or was not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, insert, or_, select

from hub.ports import Decision
from hub.store.access import next_ids
from hub.store.reading import among
from hub.store.tables import decision, membership, notification
from hub.store.views import View

#: Of one incident or notification, so many are kept; what follows is not noted.
MOST: Final = 200


class DecisionView(View, frozen=True):
    """what: sent, grouped, muted, nobody, escalated, retry, dead, held or over. notification: its key."""

    at: datetime
    what: str
    reason: str
    target: str | None
    notification: str | None


def note(connection: Connection, found: Sequence[Decision], now: datetime) -> None:
    """Notes what was decided; the same once again is left out."""
    fresh = _fresh(connection, found)
    if not fresh:
        return
    numbers = next_ids(connection, "decision", len(fresh))
    rows = [
        {
            "id": number,
            "at": now,
            "incident_id": one.incident,
            "notification_id": one.notification,
            "target": one.target,
            "what": one.what,
            "reason": one.reason,
        }
        for number, one in zip(numbers, fresh, strict=True)
    ]
    connection.execute(insert(decision), rows)


def _fresh(connection: Connection, found: Sequence[Decision]) -> list[Decision]:
    last: dict[tuple[str, int | None], tuple[str, str, str | None]] = {}
    counts: dict[tuple[str, int | None], int] = {}
    for name in ("incident", "notification"):
        column = decision.c[f"{name}_id"]
        keys = {getattr(one, name) for one in found} - {None}
        tops = among(
            connection,
            select(column, func.max(decision.c.id), func.count()).group_by(column),
            column,
            keys,
        )
        counts |= {(name, row[0]): row[2] for row in tops}
        rows = among(connection, select(decision), decision.c.id, [row[1] for row in tops])
        last |= {
            (name, getattr(row, f"{name}_id")): (row.what, row.reason, row.target) for row in rows
        }
    kept = []
    for one in found:
        key = ("incident", one.incident) if one.incident else ("notification", one.notification)
        told = (one.what, one.reason, one.target)
        if last.get(key) == told or counts.get(key, 0) >= MOST:
            continue
        last[key], counts[key] = told, counts.get(key, 0) + 1
        kept.append(one)
    return kept


def list_decisions(connection: Connection, incident: int) -> list[DecisionView]:
    """Of one incident and the notifications that it is part of, the oldest first."""
    its = select(membership.c.notification_id).where(membership.c.incident_id == incident)
    statement = (
        select(decision, notification.c.key.label("key"))
        .outerjoin(notification, notification.c.id == decision.c.notification_id)
        .where(or_(decision.c.incident_id == incident, decision.c.notification_id.in_(its)))
        .order_by(decision.c.id)
    )
    return [
        DecisionView(row.at, row.what, row.reason, row.target, row.key)
        for row in connection.execute(statement)
    ]
