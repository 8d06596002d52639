"""How far a loop has read the transitions of incidents."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from hub.store.tables import incident_transition, transition_cursor
from hub.store.upsert import upsert


def step_of(connection: Connection, reader: str) -> int:
    """The id of the last transition that the reader has dealt with; 0: of none."""
    return _held(connection, reader) or 0


def save_step(connection: Connection, reader: str, step: int) -> None:
    """In the transaction of what came of the transitions up to there."""
    upsert(connection, transition_cursor, [{"reader": reader, "seq": step}])


def start_at_last_step(connection: Connection, reader: str) -> bool:
    """Whether the reader is new here. What is recorded by now is passed over then."""
    if _held(connection, reader) is not None:
        return False
    last = connection.scalar(select(func.max(incident_transition.c.id)))
    save_step(connection, reader, last or 0)
    return True


def _held(connection: Connection, reader: str) -> int | None:
    mine = transition_cursor.c
    return connection.scalar(select(mine.seq).where(mine.reader == reader))
