"""Waiting for a launch to fetch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.store.db import Connection
from hub.store.launches import next_of


@dataclass(eq=False, slots=True)
class LaunchWaiter:
    """Who waits for a launch of an orchestrator. every: see next_of."""

    orchestrator: str
    every: bool
    due: asyncio.Future[None]

    def go_home(self) -> None:
        if not self.due.done():
            self.due.set_result(None)


class LaunchLooker:
    """Wakes all who wait for an orchestrator that has something due: one of them gets it."""

    def read(
        self, connection: Connection, waiters: Sequence[LaunchWaiter], now: datetime
    ) -> Callable[[], None]:
        wanted = {(one.orchestrator, one.every) for one in waiters}
        due = {key for key in wanted if next_of(connection, key[0], now, every=key[1])}
        return lambda: _wake(one for one in waiters if (one.orchestrator, one.every) in due)

    def fail(self, waiters: Collection[LaunchWaiter], error: Exception) -> None:
        for one in waiters:
            if not one.due.done():
                one.due.set_exception(error)


def _wake(waiters: Iterable[LaunchWaiter]) -> None:
    for one in waiters:
        one.go_home()
