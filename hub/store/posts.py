"""Messages that are no incident's: each is sent once and kept as a notification that is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, insert

from hub.ports import Decision, Delivery, Message, NotificationState, Standing
from hub.store import decisions, deliveries
from hub.store.access import next_id
from hub.store.meta import key_prefix
from hub.store.tables import notification


def post(
    connection: Connection,
    route: str,
    message: Message,
    targets: Sequence[str],
    now: datetime,
    what: str,
) -> int:
    """Its id. what: as the decision calls it. route: by which it is known whose it is."""
    number = next_id(connection, "notification")
    key = f"{key_prefix(connection)}-{number}"
    connection.execute(
        insert(notification).values(
            id=number,
            key=key,
            route=route,
            targets=msgspec.json.encode(targets).decode(),
            state=NotificationState.OVER,
            standing=Standing.OPEN,
            version=1,
            loud=False,
            begun_at=now,
            said_at=now,
            steps=0,
        )
    )
    wanted = Delivery(key, 1, Standing.OPEN, message)
    deliveries.want(connection, number, wanted, targets, now)
    told = f"{what} to {', '.join(targets)}"
    decisions.note(connection, [Decision(notification=number, what="sent", reason=told)], now)
    return number
