"""Waiting for gates to open.

What is new in the changes and in the history of incidents tells which gates are judged again: those
of these datasets, and those whose time has come.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from hub.api.watch import Watch
from hub.gates import GateAnswer, GateSpec
from hub.model import Viewer
from hub.store.db import Connection
from hub.store.gates import News, Place, gate_answers, news_since, place_now

#: What no change tells (a check that passes once more) is found by judging all again.
ALL: Final = timedelta(seconds=15)


class Ask(Struct, frozen=True):
    """A gate that somebody asks for."""

    dataset_id: int
    partition: str
    spec: GateSpec
    viewer: Viewer


@dataclass(eq=False, slots=True)
class GateWaiter:
    """One that waits. `answer`: the latest."""

    ask: Ask
    opened: asyncio.Future[GateAnswer]
    answer: GateAnswer
    new: bool = True

    def go_home(self) -> None:
        self.settle(self.answer)

    def settle(self, answer: GateAnswer) -> None:
        if not self.opened.done():
            self.opened.set_result(answer)


async def wait_for_gate(
    watch: Watch, ask: Ask, known: GateAnswer, seconds: float, gone: asyncio.Task[None]
) -> GateAnswer:
    """The answer when the gate opens, else the latest at the end of the time.

    known: the answer just now. gone: ends when nobody waits for this any more.
    """
    waiter = GateWaiter(ask, asyncio.get_running_loop().create_future(), known)
    await watch.wait(GateLooker, waiter, waiter.opened, seconds, gone)
    return waiter.opened.result() if waiter.opened.done() else waiter.answer


class GateLooker:
    def __init__(self) -> None:
        self._place: Place | None = None
        self._all_at: datetime | None = None

    def read(
        self, connection: Connection, waiters: Sequence[GateWaiter], now: datetime
    ) -> Callable[[], None]:
        news = self._news(connection)
        everybody = news.everything or self._all_at is None or now >= self._all_at
        some = [one for one in waiters if everybody or _concerns(one, news, now)]
        found = _answers(connection, some, now)
        self._place = news.place
        if everybody:
            self._all_at = now + ALL
        return lambda: _tell(found)

    def fail(self, waiters: Collection[GateWaiter], error: Exception) -> None:
        self._place = None
        for waiter in waiters:
            if not waiter.opened.done():
                waiter.opened.set_exception(error)

    def _news(self, connection: Connection) -> News:
        # The place is read before the gates are: what comes between is seen twice, never missed.
        if self._place is None:
            return News(place_now(connection), everything=True)
        return news_since(connection, self._place)


def _tell(found: Mapping[GateWaiter, GateAnswer]) -> None:
    for waiter, answer in found.items():
        waiter.answer, waiter.new = answer, False
        if answer.passed:
            waiter.settle(answer)


def _concerns(waiter: GateWaiter, news: News, now: datetime) -> bool:
    again_at, incidents = waiter.answer.again_at, waiter.ask.spec.incidents
    return (
        waiter.new
        or waiter.ask.dataset_id in news.datasets
        or (again_at is not None and again_at <= now)
        or bool(news.jobs and incidents is not None and incidents.producer)
    )


def _answers(
    connection: Connection, waiters: Collection[GateWaiter], now: datetime
) -> Mapping[GateWaiter, GateAnswer]:
    by_viewer: dict[Viewer, list[GateWaiter]] = defaultdict(list)
    for one in waiters:
        by_viewer[one.ask.viewer].append(one)
    found: dict[GateWaiter, GateAnswer] = {}
    for viewer, mine in by_viewer.items():
        wanted = [(one.ask.dataset_id, one.ask.partition, one.ask.spec) for one in mine]
        found |= zip(mine, gate_answers(connection, wanted, now, viewer), strict=True)
    return found
