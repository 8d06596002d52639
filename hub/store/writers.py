"""Writers: each process that commits changes numbers them in its own commit order (DESIGN D4)."""

from __future__ import annotations

import os
import socket

from sqlalchemy import insert

from hub.store import tables
from hub.store.db import Database
from hub.store.ids import Ids
from hub.store.types import from_micros


def register_writer(db: Database, ids: Ids, now: int) -> int:
    """Enters this process as a writer of its own; its changes are numbered from 1."""
    with db.writing() as connection:
        ids.enter(connection)
        number = ids.take("writer")
        name = f"{socket.gethostname()}:{os.getpid()}"
        connection.execute(
            insert(tables.writer).values(id=number, name=name, started_at=from_micros(now))
        )
    return number
