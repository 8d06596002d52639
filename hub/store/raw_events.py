"""Raw lineage events in the order in which they were recorded, for export and replay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import zstandard
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select, true

from hub.store.db import Database
from hub.store.tables import lineage_event as t

PAGE = 1000


class RawEvent(Struct, frozen=True):
    """An event as it is kept: the JSON that came in, without its secrets."""

    id: int
    json: bytes


class Window(Struct, frozen=True):
    """Which events, by event time: from `since`, before `until`; after the one of id `after`."""

    since: datetime | None = None
    until: datetime | None = None
    after: int = 0

    def condition(self) -> ColumnElement[bool]:
        bounds = true() & (t.c.id > self.after)
        if self.since is not None:
            bounds &= t.c.event_time >= self.since
        if self.until is not None:
            bounds &= t.c.event_time < self.until
        return bounds


def count(connection: Connection, window: Window) -> int:
    query = select(func.count()).select_from(t).where(window.condition())
    return connection.execute(query).scalar_one()


def pages(db: Database, window: Window) -> Iterator[list[RawEvent]]:
    """All events of the window, by id. Each page is read at once, no reader is held between."""
    unpack = zstandard.ZstdDecompressor().decompress
    while True:
        with db.reading() as connection:
            query = select(t.c.id, t.c.payload).where(window.condition()).order_by(t.c.id)
            rows = connection.execute(query.limit(PAGE)).all()
        if not rows:
            return
        yield [RawEvent(row.id, unpack(row.payload)) for row in rows]
        window = Window(window.since, window.until, rows[-1].id)
