"""Tells pages at once that something has changed.

What is new is read once per viewer: nobody hears of what is private to others, not even that it
happened.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from prometheus_client import Gauge

from hub.api.watch import Watch
from hub.errors import BadInput, Overloaded
from hub.model import Viewer
from hub.store.changes import latest_place, list_changes
from hub.store.db import Connection, Database
from hub.store.incidents import latest_transition, list_transitions

#: Pages that are told at a time; further ones are asked to poll.
MOST: Final = 500
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
class Listener:
    viewer: Viewer
    place: Place
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    kinds: set[str] = field(default_factory=set)

    def go_home(self) -> None:
        self.stirred.set()

    def tell(self, place: Place, kinds: set[str]) -> None:
        self.place = place
        self.kinds |= kinds
        if kinds:
            self.stirred.set()


class Live:
    """Of one hub. Its requests may run on several event loops, as they do in tests."""

    def __init__(self, db: Database, watch: Watch, watching: Gauge) -> None:
        self._db = db
        self._watch = watch
        self._watching = watching
        self._told = 0

    def check_room(self) -> None:
        """Overloaded, if too many are told already, or the hub is stopping."""
        if self._watch.closed or self._told >= MOST:
            raise Overloaded("too many pages are told already; ask again instead", 30)

    async def stream(self, viewer: Viewer, last: str | None) -> AsyncGenerator[bytes, None]:
        """Server-sent events. last: the id of the last one that was heard, where one was."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_S
        place, missed = await asyncio.to_thread(self._begin, viewer, last)
        me = Listener(viewer, place)
        self._watching.inc()
        self._told += 1
        try:
            with self._watch.seat(LiveLooker, me):
                yield _event("hello", place, set())
                if missed:
                    yield _event("news", place, missed)
                while not self._watch.closed and loop.time() < until:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(BEAT_S):
                            await me.stirred.wait()
                    yield _told(me)
        finally:
            self._told -= 1
            self._watching.dec()

    def _begin(self, viewer: Viewer, last: str | None) -> tuple[Place, set[str]]:
        with self._db.reading() as connection:
            here, then = _here(connection), place_of(last or "")
            if then is None or then == here:
                return here, set()
            try:
                return here, news(connection, viewer, then)
            except BadInput:  # an id that some other server gave
                return here, set()


class LiveLooker:
    """Each goes on from its own place: whoever came meanwhile misses nothing."""

    def read(
        self, connection: Connection, waiters: Sequence[Listener], now: datetime
    ) -> Callable[[], None]:
        del now  # what is due by time alone is no news
        here = _here(connection)
        alike: dict[tuple[Viewer, Place], list[Listener]] = defaultdict(list)
        for one in waiters:
            if one.place != here:
                alike[one.viewer, one.place].append(one)
        found = [(mine, news(connection, *key)) for key, mine in alike.items()]
        return lambda: _tell(found, here)

    def fail(self, waiters: Collection[Listener], error: Exception) -> None:
        """What was not told is told with the next news."""


def _tell(found: list[tuple[list[Listener], set[str]]], here: Place) -> None:
    for listeners, kinds in found:
        for one in listeners:
            one.tell(here, kinds)


def _here(connection: Connection) -> Place:
    return Place(latest_place(connection), latest_transition(connection))


def news(connection: Connection, viewer: Viewer, after: Place) -> set[str]:
    """Kinds of what the viewer may see of what followed; of much, of the first."""
    changed = list_changes(connection, viewer, after.changes, _AT_ONCE).items
    steps, _ = list_transitions(connection, viewer, after.transition, _AT_ONCE)
    return {one.kind for one in changed} | ({_INCIDENT} if steps else set())


def _told(listener: Listener) -> bytes:
    kinds, listener.kinds = listener.kinds, set()
    listener.stirred.clear()
    return _event("news", listener.place, kinds) if kinds else b":\n\n"


def _event(name: str, place: Place, kinds: set[str]) -> bytes:
    data = msgspec.json.encode(sorted(kinds)).decode()
    return f"event: {name}\nid: {place}\ndata: {data}\nretry: 5000\n\n".encode()
