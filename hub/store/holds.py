"""Whether what leaves the hub is held: after a restore nobody knows what was sent since (D10).

What came of the world is recorded and judged all the same; deliveries and launches wait until a
person confirms.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, text

from hub.store.meta import drop_meta, get_meta, put_meta
from hub.store.migrate import renew_epoch
from hub.store.views import View

_HELD: Final = "held"
#: In a backup: that it is one, so that it is noticed wherever somebody puts it.
BACKUP: Final = "backup_made_at"
#: On PostgreSQL: the database in which a hub has worked last.
_PLACE: Final = "place"


class Hold(View, frozen=True):
    """Since when nothing leaves, and why."""

    since: datetime
    why: str

    def __str__(self) -> str:
        return (
            f"{self.why} at {self.since:%Y-%m-%d %H:%M} UTC; deliveries and launches wait for "
            "trackside store confirm"
        )


def find_hold(connection: Connection) -> Hold | None:
    told = get_meta(connection, _HELD)
    return None if told is None else msgspec.json.decode(told, type=Hold)


def held(connection: Connection) -> bool:
    """Whether nothing may leave: asked in the transaction that takes a row to send it."""
    return get_meta(connection, _HELD) is not None


def begin_again(connection: Connection, why: str, now: datetime) -> str:
    """Another life of the store, in which nothing leaves until a person confirms; its epoch."""
    put_meta(connection, _HELD, msgspec.json.encode(Hold(now, why)).decode())
    drop_meta(connection, BACKUP)
    return renew_epoch(connection)


def confirm(connection: Connection) -> Hold | None:
    """What was held leaves from now on; the hold that ends, if there was one."""
    found = find_hold(connection)
    drop_meta(connection, _HELD)
    return found


def notice(connection: Connection, now: datetime) -> Hold | None:
    """At the start of a hub: the hold, also where a copy was put in place that nobody told of.

    That is a backup of SQLite that was copied, or a dump of PostgreSQL that was restored into
    another database than it was made of.
    """
    if get_meta(connection, BACKUP) is not None:
        begin_again(connection, "the store was found to be a backup", now)
    if connection.dialect.name == "postgresql":
        _notice_place(connection, now)
    return find_hold(connection)


def _notice_place(connection: Connection, now: datetime) -> None:
    here = str(connection.execute(text(_DATABASE)).scalar_one())
    before = get_meta(connection, _PLACE)
    if before is not None and before != here and not held(connection):
        begin_again(connection, "the store was found in another database", now)
    if before != here:
        put_meta(connection, _PLACE, here)


_DATABASE: Final = """
SELECT (SELECT system_identifier FROM pg_control_system()) || ' ' || oid
FROM pg_database WHERE datname = current_database()
"""
