"""Silences: what nobody is to hear of for a while."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from hub.errors import NotFound
from hub.ports import Silence
from hub.store.access import next_id
from hub.store.reading import Page, Slice, cut, newest_first
from hub.store.tables import silence
from hub.store.views import View


class SilenceView(View, frozen=True):
    """match: all of it must be so. id 0: of trackside.yaml."""

    id: int
    match: dict[str, str]
    starts_at: datetime
    ends_at: datetime
    by: str
    why: str
    active: bool


def in_force(connection: Connection, now: datetime) -> list[Silence]:
    """Those that hold now."""
    mine = silence.c
    rows = connection.execute(select(silence).where(mine.ends_at > now, mine.starts_at <= now))
    return [_silence(row) for row in rows]


def list_silences(
    connection: Connection, page: Page, now: datetime, *, over: bool = False
) -> Slice[SilenceView]:
    """Those that hold or will, or with `over` all of them, the one that ends last first."""
    wanted = select(silence) if over else select(silence).where(silence.c.ends_at > now)
    statement = newest_first(wanted, page, silence.c.ends_at, silence.c.id)
    kept, following = cut(
        connection.execute(statement).all(), page, lambda row: (row.ends_at, row.id)
    )
    return Slice([view_of(_silence(row), now) for row in kept], following)


def add_silence(
    connection: Connection,
    match: Mapping[str, str],
    starts_at: datetime,
    ends_at: datetime,
    by: str,
    why: str,
    now: datetime,
) -> Silence:
    made = Silence(
        id=next_id(connection, "silence"),
        match=dict(match),
        starts_at=starts_at,
        ends_at=ends_at,
        by=by,
        why=why,
    )
    told = msgspec.structs.asdict(made) | {"match": msgspec.json.encode(made.match).decode()}
    connection.execute(silence.insert().values(**told, created_at=now))
    return made


def end_silence(connection: Connection, key: int, now: datetime) -> Silence:
    """It holds no longer. Raises NotFound; one that is over stays as it is."""
    row = connection.execute(select(silence).where(silence.c.id == key)).first()
    if row is None:
        raise NotFound(f"Silence '{key}' not found.")
    if row.ends_at <= now:
        return _silence(row)
    connection.execute(silence.update().where(silence.c.id == key).values(ends_at=now))
    return msgspec.structs.replace(_silence(row), ends_at=now)


def view_of(one: Silence, now: datetime) -> SilenceView:
    active = one.starts_at <= now < one.ends_at
    return SilenceView(one.id, dict(one.match), one.starts_at, one.ends_at, one.by, one.why, active)


def _silence(row: Row[Any]) -> Silence:
    return Silence(
        id=row.id,
        match=msgspec.json.decode(row.match),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        by=row.by,
        why=row.why,
    )
