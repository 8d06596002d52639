"""Tells pages at once that something has changed; they hold a socket and a place in a set, no thread.

One task per event loop looks for all of them, whenever something was committed here and at least
once a second, for other replicas commit as well. It reads what is new once per viewer: nobody
hears of what is private to others, not even that it happened.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct
from prometheus_client import Gauge

from hub.errors import BadInput, Overloaded
from hub.model import Viewer
from hub.store.changes import latest_place, list_changes
from hub.store.db import Connection, Database
from hub.store.incidents import latest_transition, list_transitions
from hub.store.writer import Writer

log = structlog.get_logger(__name__)

#: Pages that are told at a time; further ones are asked to poll.
MOST: Final = 500
#: How soon the commits of other replicas are seen, in seconds.
LOOK_S: Final = 1.0
#: Commits that come close together are told together.
GATHER_S: Final = 0.25
#: A sign of life, so that proxies don't hang up.
BEAT_S: Final = 15.0
#: Then the page must come again, and show who it is.
LONGEST_S: Final = 600.0
_AT_ONCE: Final = 200
_INCIDENT: Final = "incident"


class Place(Struct, frozen=True):
    """Up to where one has heard: of changes (a cursor), and of incidents."""

    changes: str
    transition: int

    def __str__(self) -> str:
        return f"{self.transition}.{self.changes}"


def place_of(text: str) -> Place | None:
    """None if it is none of ours."""
    number, _, cursor = text.partition(".")
    is_one = number.isascii() and number.isdigit() and len(number) < 19 and cursor
    return Place(cursor, int(number)) if is_one else None


@dataclass(eq=False, slots=True)
class _Listener:
    viewer: Viewer
    place: Place
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    kinds: set[str] = field(default_factory=set)

    def tell(self, place: Place, kinds: set[str]) -> None:
        self.place = place
        self.kinds |= kinds
        if kinds:
            self.stirred.set()


class Live:
    """Of one hub. Its requests may run on several event loops, as they do in tests."""

    def __init__(self, db: Database, writer: Writer[Any, Any], watching: Gauge) -> None:
        self._db = db
        self._watching = watching
        self._rooms: dict[asyncio.AbstractEventLoop, _Room] = {}
        self._closed = False
        writer.listeners.append(self._committed)

    def check_room(self) -> None:
        """Overloaded, if too many are told already, or the hub is stopping."""
        if self._closed or sum(len(room.listeners) for room in self._rooms.values()) >= MOST:
            raise Overloaded("too many pages are told already; ask again instead", 30)

    async def stream(self, viewer: Viewer, last: str | None) -> AsyncGenerator[bytes, None]:
        """Server-sent events. last: the id of the last one that was heard, where one was."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_S
        place, missed = await asyncio.to_thread(self._begin, viewer, last)
        me = _Listener(viewer, place)
        self._room(loop).enter(me)
        self._watching.inc()
        try:
            yield _event("hello", place, set())
            if missed:
                yield _event("news", place, missed)
            while not self._closed and loop.time() < until:
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_S):
                        await me.stirred.wait()
                yield _told(me)
        finally:
            self._watching.dec()
            self._leave(loop, me)

    def close(self) -> None:
        """Sends everybody home: the hub is stopping. From any thread."""
        self._closed = True
        for loop, room in list(self._rooms.items()):
            with suppress(RuntimeError):  # that loop has ended
                loop.call_soon_threadsafe(room.send_home)

    def _begin(self, viewer: Viewer, last: str | None) -> tuple[Place, set[str]]:
        with self._db.reading() as connection:
            here, then = _here(connection), place_of(last or "")
            if then is None or then == here:
                return here, set()
            try:
                return here, news(connection, viewer, then)
            except BadInput:  # an id that some other server gave
                return here, set()

    def _room(self, loop: asyncio.AbstractEventLoop) -> _Room:
        return self._rooms.setdefault(loop, _Room(self._db))

    def _leave(self, loop: asyncio.AbstractEventLoop, listener: _Listener) -> None:
        room = self._rooms.get(loop)
        if room is not None:
            room.listeners.discard(listener)
            if not room.listeners:
                del self._rooms[loop]
                room.close()

    def _committed(self) -> None:
        """On the writer's thread, after each commit."""
        for loop, room in list(self._rooms.items()):
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(room.stirred.set)


def _here(connection: Connection) -> Place:
    return Place(latest_place(connection), latest_transition(connection))


def news(connection: Connection, viewer: Viewer, after: Place) -> set[str]:
    """Kinds of what the viewer may see of what followed; of much, of the first."""
    changed = list_changes(connection, viewer, after.changes, _AT_ONCE).items
    steps, _ = list_transitions(connection, viewer, after.transition, _AT_ONCE)
    return {one.kind for one in changed} | ({_INCIDENT} if steps else set())


def _told(listener: _Listener) -> bytes:
    kinds, listener.kinds = listener.kinds, set()
    listener.stirred.clear()
    return _event("news", listener.place, kinds) if kinds else b":\n\n"


def _event(name: str, place: Place, kinds: set[str]) -> bytes:
    data = msgspec.json.encode(sorted(kinds)).decode()
    return f"event: {name}\nid: {place}\ndata: {data}\nretry: 5000\n\n".encode()


@dataclass(slots=True)
class _Room:
    """Those who listen on one event loop, and the task that looks for them."""

    db: Database
    listeners: set[_Listener] = field(default_factory=set)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def enter(self, listener: _Listener) -> None:
        self.listeners.add(listener)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def send_home(self) -> None:
        for listener in self.listeners:
            listener.stirred.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                log.exception("live_failed")  # what was not told is told with the next news
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self.stirred.wait()
            await asyncio.sleep(GATHER_S)
            self.stirred.clear()

    async def _look(self) -> None:
        """Each goes on from its own place: whoever came meanwhile misses nothing."""
        alike: dict[tuple[Viewer, Place], list[_Listener]] = defaultdict(list)
        for listener in self.listeners:
            alike[listener.viewer, listener.place].append(listener)
        here, found = await asyncio.to_thread(self._read, list(alike))
        for key, kinds in found.items():
            for listener in alike[key]:
                listener.tell(here, kinds)

    def _read(
        self, asked: list[tuple[Viewer, Place]]
    ) -> tuple[Place, Mapping[tuple[Viewer, Place], set[str]]]:
        with self.db.reading() as connection:
            here = _here(connection)
            return here, {
                (viewer, place): news(connection, viewer, place)
                for viewer, place in asked
                if place != here
            }
