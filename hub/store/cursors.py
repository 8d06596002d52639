"""How far a loop has read the changes: one place per writer (DESIGN D4)."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select

from hub.store.changes import Places, following, heads
from hub.store.reading import distinct
from hub.store.tables import change, cursor
from hub.store.upsert import upsert


class Change(Struct, frozen=True):
    """A transition as a loop reads it; the ids are the store's."""

    kind: str
    job_id: int | None
    run_id: int | None
    dataset_id: int | None
    detail: str | None = None  # JSON
    at: datetime | None = None  # when it was recorded
    attempt_id: int | None = None


def read_changes(connection: Connection, reader: str, limit: int) -> tuple[list[Change], Places]:
    """The changes that the reader has not dealt with, at most `limit`, and where it is then."""
    held = {row.writer_id: row.seq for row in connection.execute(_PLACES, {"reader": reader})}
    found: list[Change] = []
    moved: Places = {}
    for writer in distinct(connection, change.c.writer_id):
        room = limit - len(found)
        if room <= 0:
            break
        mine = following(connection, writer, held.get(writer, 0), room)
        if mine:
            moved[writer] = mine[-1].seq
        found += [
            Change(
                row.kind,
                row.job_id,
                row.run_id,
                row.dataset_id,
                row.detail,
                row.at,
                row.attempt_id,
            )
            for row in mine
        ]
    return found, moved


_PLACES = select(cursor.c.writer_id, cursor.c.seq).where(cursor.c.reader == bindparam("reader"))


def save_places(connection: Connection, reader: str, moved: Places) -> None:
    """In the transaction of what came of the changes up to there."""
    rows = [{"reader": reader, "writer_id": w, "seq": seq} for w, seq in moved.items()]
    upsert(connection, cursor, rows)


def start_at_end(connection: Connection, reader: str) -> None:
    """Where the reader has read nothing yet, what is recorded by now is passed over."""
    if connection.scalar(select(cursor.c.seq).where(cursor.c.reader == reader).limit(1)) is None:
        # With a place of no writer it was here, though there is nothing recorded yet.
        save_places(connection, reader, {_NO_WRITER: 0, **heads(connection)})


_NO_WRITER = 0
