"""When no hub was there: what was missed then may have happened unheard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, select

from hub.rules.base import Blind
from hub.store.meta import get_meta, put_meta
from hub.store.tables import outage
from hub.store.types import from_micros, to_micros
from hub.store.upsert import upsert

#: No sign of life of any hub for longer than that is an outage.
LONGEST_BREATH: Final = timedelta(seconds=60)
#: Outages before that no longer matter to any slot that is judged.
KEPT: Final = timedelta(days=35)
_ALIVE: Final = "alive_at"


def breathe(connection: Connection, now: datetime) -> None:
    """Says that a hub is there, and keeps the outage before, if there was one."""
    before = get_meta(connection, _ALIVE)
    last = None if before is None else from_micros(int(before))
    if last is not None and now - last > LONGEST_BREATH:
        upsert(connection, outage, [{"begun_at": last, "ended_at": now}])
        connection.execute(outage.delete().where(outage.c.ended_at < now - KEPT))
    if last is None or now > last:
        put_meta(connection, _ALIVE, str(to_micros(now)))


def outages(connection: Connection, since: datetime) -> list[Blind]:
    """Those that were not over by then."""
    rows = connection.execute(_OUTAGES, {"since": since})
    return [Blind(row.begun_at, row.ended_at, "the hub was down") for row in rows]


def was_there(connection: Connection, now: datetime) -> None:
    """Says that there was a hub all the time until now, whoever failed to say so."""
    before = get_meta(connection, _ALIVE)
    if before is None or int(before) < to_micros(now):
        put_meta(connection, _ALIVE, str(to_micros(now)))


_OUTAGES = select(outage).where(outage.c.ended_at > bindparam("since")).order_by(outage.c.begun_at)


def keep_outages(connection: Connection, found: Sequence[Blind]) -> None:
    """Enters outages that are known from elsewhere."""
    upsert(connection, outage, [{"begun_at": one.since, "ended_at": one.until} for one in found])
