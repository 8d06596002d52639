"""Who waits for something holds a socket and a place in a set, never a thread.

One task per event loop looks for all of them, whatever they wait for: whenever something was
committed here, and at least once a second, for other replicas commit as well and time goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import structlog

from hub.store.db import Connection, Database
from hub.store.writer import Writer

log = structlog.get_logger(__name__)

#: How soon the commits of other replicas are seen, and what time alone brings, in seconds.
LOOK_S: Final = 1.0
#: Commits that come close together are looked at together.
GATHER_S: Final = 0.1


class Waiter(Protocol):
    def go_home(self) -> None:
        """The hub is stopping."""
        ...


W = TypeVar("W", bound=Waiter)
W_contra = TypeVar("W_contra", bound=Waiter, contravariant=True)


class Looker(Protocol[W_contra]):
    """Looks for those who wait on one event loop for one kind of thing, as long as there are any."""

    def read(
        self, connection: Connection, waiters: Sequence[W_contra], now: datetime
    ) -> Callable[[], None]:
        """What to do with what was found: that is called on the event loop, and this in a thread."""
        ...

    def fail(self, waiters: Collection[W_contra], error: Exception) -> None:
        """It could not be read; it is tried again. On the event loop."""
        ...


class Watch:
    """Of one hub. Its requests may run on several event loops, as they do in tests."""

    def __init__(self, db: Database, writer: Writer[Any, Any]) -> None:
        self._db = db
        self._rooms: dict[asyncio.AbstractEventLoop, _Room] = {}
        self._closed = False
        writer.listeners.append(self._committed)

    @property
    def closed(self) -> bool:
        """Whether the hub is stopping, and nobody should wait any more."""
        return self._closed

    async def wait(
        self,
        kind: Callable[[], Looker[W]],
        waiter: W,
        opened: asyncio.Future[Any],
        seconds: float,
        gone: asyncio.Task[Any],
    ) -> None:
        """Until what the waiter waits for is there, its time is over, or nobody waits any more.

        gone: ends when whoever asked has hung up.
        """
        if self._closed:
            return
        with self.seat(kind, waiter):
            both: set[asyncio.Future[Any]] = {opened, gone}
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    @contextmanager
    def seat(self, kind: Callable[[], Looker[W]], waiter: W) -> Iterator[None]:
        """It is looked for on this event loop as long as this lasts. kind: makes who looks."""
        loop = asyncio.get_running_loop()
        room = self._rooms.get(loop)
        if room is None:
            room = self._rooms[loop] = _Room(self._db)
        room.enter(kind, waiter)
        try:
            yield
        finally:
            if room.leave(kind, waiter):
                self._rooms.pop(loop, None)

    def close(self) -> None:
        """Sends everybody home: the hub is stopping. From any thread."""
        self._closed = True
        for loop, room in list(self._rooms.items()):
            with suppress(RuntimeError):  # that loop has ended, and who waited in it
                loop.call_soon_threadsafe(room.send_home)

    def _committed(self) -> None:
        """On the writer's thread, after each commit."""
        for loop, room in list(self._rooms.items()):
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(room.news.set)


@dataclass(slots=True)
class _Bench:
    """Those who wait for one kind of thing."""

    looker: Looker[Any]
    waiters: set[Any] = field(default_factory=set)


@dataclass(slots=True)
class _Room:
    """Those who wait on one event loop, and the task that looks for them."""

    db: Database
    benches: dict[Callable[[], Looker[Any]], _Bench] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def enter(self, kind: Callable[[], Looker[W]], waiter: W) -> None:
        bench = self.benches.get(kind)
        if bench is None:
            bench = self.benches[kind] = _Bench(kind())
        bench.waiters.add(waiter)
        self.news.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, kind: Callable[[], Looker[W]], waiter: W) -> bool:
        """Whether nobody is left."""
        bench = self.benches[kind]
        bench.waiters.discard(waiter)
        if not bench.waiters:
            del self.benches[kind]
        if not self.benches and self._task is not None:
            self._task.cancel()
        return not self.benches

    def send_home(self) -> None:
        for bench in self.benches.values():
            for waiter in bench.waiters:
                waiter.go_home()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self.news.wait()
            await asyncio.sleep(GATHER_S)
            self.news.clear()
            asked = [(one.looker, list(one.waiters)) for one in self.benches.values()]
            for act in await asyncio.to_thread(self._read, asked):
                act()

    def _read(self, asked: list[tuple[Looker[Any], list[Any]]]) -> list[Callable[[], None]]:
        """One that can't read keeps nobody else from hearing."""
        now, found = datetime.now(UTC), []
        for looker, waiters in asked:
            try:
                with self.db.reading() as connection:
                    found.append(looker.read(connection, waiters, now))
            except Exception as error:
                log.exception("watch_failed", looker=type(looker).__name__)
                found.append(partial(looker.fail, waiters, error))
        return found
