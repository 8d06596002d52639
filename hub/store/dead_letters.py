"""Dead letters: input that could not be understood or stored, as people deal with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    delete,
    func,
    select,
    true,
    update,
)

from hub.errors import NotFound
from hub.store.reading import Page, Slice, cut, newest_first, unpack
from hub.store.tables import dead_letter as t
from hub.store.views import View

#: The orchestrators whose letters are meant; None: everybody's.
Whose = Sequence[str] | None


class Letter(View, frozen=True):
    """Input that was refused: where in it, what stood there and what was expected.

    `size` is in bytes, as it came in.
    """

    id: int
    received_at: datetime
    door: str
    orchestrator: str | None
    code: str
    path: str
    found: str
    expected: str
    size: int
    replayed_at: datetime | None


_COLUMNS = [t.c[name] for name in Letter.__struct_fields__]


def list_letters(
    connection: Connection, *, after: int = 0, limit: int = 100, waiting: bool = False
) -> list[Letter]:
    """Those behind the id `after`, the oldest first; `waiting`: only those not replayed."""
    statement = _listed(waiting=waiting).where(t.c.id > after).order_by(t.c.id).limit(limit)
    return [_letter(row) for row in connection.execute(statement)]


def latest_letters(
    connection: Connection, page: Page, *, waiting: bool = False, of: Whose = None
) -> Slice[Letter]:
    """The latest first; `waiting`: only those not replayed."""
    listed = _listed(waiting=waiting).where(_sent_by(of))
    rows = connection.execute(newest_first(listed, page, t.c.received_at, t.c.id)).all()
    kept, following = cut(rows, page, lambda row: (row.received_at, row.id))
    return Slice([_letter(row) for row in kept], following, count_letters(connection, of))


def count_letters(connection: Connection, of: Whose = None) -> int:
    return int(connection.scalar(select(func.count()).select_from(t).where(_sent_by(of))) or 0)


def get_letter(connection: Connection, key: int, of: Whose = None) -> tuple[Letter, bytes]:
    """A letter and what was sent, less its secrets. Raises NotFound."""
    mine = select(*_COLUMNS, t.c.payload).where(t.c.id == key, _sent_by(of))
    row = connection.execute(mine).first()
    if row is None:
        raise NotFound(f"Dead letter {key} not found.")
    return _letter(row[:-1]), unpack(row.payload)


def mark_replayed(connection: Connection, keys: Sequence[int], now: datetime) -> None:
    connection.execute(update(t).where(t.c.id.in_(keys)).values(replayed_at=now))


def drop_letters(connection: Connection, keys: Sequence[int]) -> int:
    """Deletes letters for good; how many there were."""
    return connection.execute(delete(t).where(t.c.id.in_(keys))).rowcount


def _sent_by(orchestrators: Whose) -> ColumnElement[bool]:
    return true() if orchestrators is None else t.c.orchestrator.in_(orchestrators)


def _listed(*, waiting: bool) -> Select[Any]:
    statement = select(*_COLUMNS)
    return statement.where(t.c.replayed_at.is_(None)) if waiting else statement


def _letter(row: Row[Any] | tuple[Any, ...]) -> Letter:
    return Letter(*row)
