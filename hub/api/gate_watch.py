"""Who waits for a gate to open holds a socket and a place in a set, never a thread.

One task per event loop looks for all of them at once, whenever something was committed here and at
least once a second, for other replicas commit as well. It reads what is new in the changes and in
the history of incidents, and judges the gates of those datasets alone, and those whose time has
come.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from msgspec import Struct
from prometheus_client import Gauge

from hub.gates import GateAnswer, GateSpec
from hub.model import Viewer
from hub.store.db import Connection, Database
from hub.store.gates import News, Place, gate_answers, news_since, place_now
from hub.store.writer import Writer

log = structlog.get_logger(__name__)

#: How soon the commits of other replicas are seen, in seconds.
LOOK_S: Final = 1.0
#: Commits that come close together are looked at together.
GATHER_S: Final = 0.05
#: What no change tells (a check that passes once more) is found by judging all again.
ALL_S: Final = 15.0


class Ask(Struct, frozen=True):
    """A gate that somebody asks for."""

    dataset_id: int
    partition: str
    spec: GateSpec
    viewer: Viewer


@dataclass(eq=False, slots=True)
class _Waiter:
    """One that waits. `answer`: the latest."""

    ask: Ask
    opened: asyncio.Future[GateAnswer]
    answer: GateAnswer
    new: bool = True


class GateWatch:
    """Of one hub. Its requests may run on several event loops, as they do in tests."""

    def __init__(self, db: Database, writer: Writer[Any, Any], waiting: Gauge) -> None:
        self._db = db
        self._waiting = waiting
        self._rooms: dict[asyncio.AbstractEventLoop, _Room] = {}
        self._closed = False
        writer.listeners.append(self._committed)

    async def wait(
        self, ask: Ask, known: GateAnswer, seconds: float, gone: Coroutine[Any, Any, None]
    ) -> GateAnswer:
        """The answer when the gate opens, else the latest at the end of the time.

        known: the answer just now. gone: ends when nobody waits for this any more.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(ask, loop.create_future(), known)
        left = loop.create_task(gone)
        try:
            if not self._closed:
                self._room(loop).enter(waiter)
                self._waiting.inc()
                both: set[asyncio.Future[Any]] = {waiter.opened, left}
                await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                self._waiting.dec()
        finally:
            left.cancel()
            self._leave(loop, waiter)
        return waiter.opened.result() if waiter.opened.done() else waiter.answer

    @property
    def closed(self) -> bool:
        """Whether the hub is stopping, and nobody should wait any more."""
        return self._closed

    def close(self) -> None:
        """Sends everybody home with the latest answer: the hub is stopping. From any thread."""
        self._closed = True
        for loop, room in list(self._rooms.items()):
            with suppress(RuntimeError):  # that loop has ended, and who waited in it
                loop.call_soon_threadsafe(room.send_home)

    def _room(self, loop: asyncio.AbstractEventLoop) -> _Room:
        room = self._rooms.get(loop)
        if room is None:
            room = self._rooms[loop] = _Room(self._db)
        return room

    def _leave(self, loop: asyncio.AbstractEventLoop, waiter: _Waiter) -> None:
        room = self._rooms.get(loop)
        if room is not None:
            room.waiters.discard(waiter)
            if not room.waiters:
                del self._rooms[loop]
                room.close()

    def _committed(self) -> None:
        """On the writer's thread, after each commit."""
        for loop, room in list(self._rooms.items()):
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(room.news.set)


@dataclass(slots=True)
class _Room:
    """Those who wait on one event loop, and the task that looks for them."""

    db: Database
    waiters: set[_Waiter] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _place: Place | None = None
    _all_at: float = 0.0
    _task: asyncio.Task[None] | None = None

    def enter(self, waiter: _Waiter) -> None:
        self.waiters.add(waiter)
        self.news.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def send_home(self) -> None:
        for waiter in self.waiters:
            _settle(waiter, waiter.answer)

    async def _run(self) -> None:
        while True:
            await self._pause()
            try:
                await self._look()
            except Exception as error:
                log.exception("gate_watch_failed")
                for waiter in self.waiters:
                    if not waiter.opened.done():
                        waiter.opened.set_exception(error)
                self._place = None

    async def _pause(self) -> None:
        """Until there may be news, or somebody's time has come."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self.news.wait()
        await asyncio.sleep(GATHER_S)
        self.news.clear()

    async def _look(self) -> None:
        waiters = list(self.waiters)
        now, moment = datetime.now(UTC), asyncio.get_running_loop().time()
        everybody = moment >= self._all_at
        found = await asyncio.to_thread(self._read, waiters, now, everybody=everybody)
        if everybody:
            self._all_at = moment + ALL_S
        for waiter, answer in found.items():
            waiter.answer, waiter.new = answer, False
            if answer.passed:
                _settle(waiter, answer)

    def _read(
        self, waiters: Collection[_Waiter], now: datetime, *, everybody: bool
    ) -> Mapping[_Waiter, GateAnswer]:
        with self.db.reading() as connection:
            news = self._news(connection)
            everybody |= news.everything
            some = [one for one in waiters if everybody or _concerns(one, news, now)]
            found = _answers(connection, some, now)
        self._place = news.place
        return found

    def _news(self, connection: Connection) -> News:
        # The place is read before the gates are: what comes between is seen twice, never missed.
        if self._place is None:
            return News(place_now(connection), everything=True)
        return news_since(connection, self._place)


def _settle(waiter: _Waiter, answer: GateAnswer) -> None:
    if not waiter.opened.done():
        waiter.opened.set_result(answer)


def _concerns(waiter: _Waiter, news: News, now: datetime) -> bool:
    again_at, incidents = waiter.answer.again_at, waiter.ask.spec.incidents
    return (
        waiter.new
        or waiter.ask.dataset_id in news.datasets
        or (again_at is not None and again_at <= now)
        or bool(news.jobs and incidents is not None and incidents.producer)
    )


def _answers(
    connection: Connection, waiters: Collection[_Waiter], now: datetime
) -> Mapping[_Waiter, GateAnswer]:
    by_viewer: dict[Viewer, list[_Waiter]] = defaultdict(list)
    for one in waiters:
        by_viewer[one.ask.viewer].append(one)
    found: dict[_Waiter, GateAnswer] = {}
    for viewer, mine in by_viewer.items():
        wanted = [(one.ask.dataset_id, one.ask.partition, one.ask.spec) for one in mine]
        found |= zip(mine, gate_answers(connection, wanted, now, viewer), strict=True)
    return found
