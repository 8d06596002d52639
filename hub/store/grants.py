"""Grants that were made over the API: who may launch which jobs of others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select

from hub.errors import NotFound
from hub.store.access import next_id
from hub.store.tables import launch_grant
from hub.store.views import View

_MINE = launch_grant.c


class GrantView(View, frozen=True):
    """Lets a team launch jobs; * is any text. conf: the keys that a conf may have. id: 0 of those of
    trackside.yaml, which is where these are changed.
    """

    id: int
    team: str
    orchestrator: str
    namespace: str
    job: str
    conf: list[str]
    created_by: str | None
    created_at: datetime | None


def list_grants(connection: Connection) -> list[GrantView]:
    """By team and job."""
    rows = connection.execute(select(launch_grant).order_by(_MINE.team, _MINE.job, _MINE.id))
    return [_view(row) for row in rows]


def add_grant(connection: Connection, told: GrantView, by: str, now: datetime) -> GrantView:
    """The one there is, where it was made before."""
    same = {name: getattr(told, name) for name in ("team", "orchestrator", "namespace", "job")}
    same["conf"] = _text(told.conf)
    there = connection.execute(select(launch_grant).filter_by(**same)).first()
    if there is not None:
        return _view(there)
    number = next_id(connection, "launch_grant")
    made = {"id": number, **same, "created_by": by, "created_at": now}
    connection.execute(insert(launch_grant).values(**made))
    return msgspec.structs.replace(told, id=number, created_by=by, created_at=now)


def remove_grant(connection: Connection, number: int) -> GrantView:
    """What it was. Raises NotFound."""
    row = connection.execute(select(launch_grant).where(_MINE.id == number)).first()
    if row is None:
        raise NotFound(f"Grant '{number}' not found.")
    connection.execute(delete(launch_grant).where(_MINE.id == number))
    return _view(row)


def _view(row: Row[Any]) -> GrantView:
    return GrantView(
        row.id,
        row.team,
        row.orchestrator,
        row.namespace,
        row.job,
        msgspec.json.decode(row.conf, type=list[str]),
        row.created_by,
        row.created_at,
    )


def _text(conf: Sequence[str]) -> str:
    return msgspec.json.encode(conf).decode()
