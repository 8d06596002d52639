"""Input that could not be understood or stored, kept within a bound so that it can be replayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, delete, func, insert, select

from hub.store import tables
from hub.store.ids import Ids
from hub.store.types import from_micros

t = tables.dead_letter
ROOM_STEP = 100
# The stored size is measured again after this share of the bound has been added.
MEASURE_SHARE = 0.02


class Letter(Protocol):
    """What is kept of a refused input."""

    @property
    def door(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def size(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def found(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def received_at(self) -> int: ...
    @property
    def orchestrator(self) -> str | None: ...


class Letterbox:
    """Puts dead letters away; beyond `max_bytes` the oldest make room."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._unmeasured = max_bytes

    def keep(self, connection: Connection, ids: Ids, letters: Sequence[Letter]) -> None:
        if not letters:
            return
        connection.execute(insert(t), [_row(ids, letter) for letter in letters])
        self._unmeasured += sum(len(letter.payload) for letter in letters)
        if self._unmeasured > self._max_bytes * MEASURE_SHARE:
            self._make_room(connection)

    def _make_room(self, connection: Connection) -> None:
        excess = _stored(connection) - self._max_bytes * (1 - MEASURE_SHARE)
        oldest = select(t.c.id, func.length(t.c.payload)).order_by(t.c.id).limit(ROOM_STEP)
        while excess > 0 and (letters := connection.execute(oldest).all()):
            doomed = []
            for number, size in letters:
                if excess > 0:
                    doomed.append(number)
                    excess -= size
            connection.execute(delete(t).where(t.c.id.in_(doomed)))
        self._unmeasured = 0


def storable(text: str) -> str:
    """The text without what an engine refuses: NUL and halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _row(ids: Ids, letter: Letter) -> dict[str, object]:
    return {
        "id": ids.take("dead_letter"),
        "received_at": from_micros(letter.received_at),
        "door": letter.door,
        "orchestrator": letter.orchestrator and storable(letter.orchestrator),
        "code": letter.code,
        "path": storable(letter.path),
        "found": storable(letter.found),
        "expected": storable(letter.expected),
        "size": letter.size,
        "payload": letter.payload,
    }


def _stored(connection: Connection) -> int:
    size = connection.execute(select(func.sum(func.length(t.c.payload)))).scalar()
    return int(size or 0)
