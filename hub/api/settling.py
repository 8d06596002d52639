"""Carries outcomes from the writer's thread to the requests that wait for them.

A batch of the writer settles many requests. Waking the event loop once for all of them spares both
threads a fight over the interpreter per request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial

from hub.record import Incoming, Outcome
from hub.store.writer import Work, Writer

Settled = list[Outcome] | Exception


class Settling:
    """Of one event loop. `settle` is called from any thread, all else from the loop's own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._settled: deque[tuple[asyncio.Future[list[Outcome]], Settled]] = deque()
        self._woken = False

    def settle(self, future: asyncio.Future[list[Outcome]], outcome: Settled) -> None:
        """Resolves the future soon."""
        self._settled.append((future, outcome))
        # Appended before this is read, and emptied after it is reset: nothing is left behind.
        if not self._woken:
            self._woken = True
            self.loop.call_soon_threadsafe(self._resolve_all)

    def _resolve_all(self) -> None:
        self._woken = False
        while self._settled:
            _resolve(*self._settled.popleft())


class Submitting:
    """Hands items to the writer and waits until they are durable."""

    def __init__(self, writer: Writer[Incoming, Outcome]) -> None:
        self._writer = writer
        self._settling: Settling | None = None

    async def write(self, items: Sequence[Incoming], size: int) -> list[Outcome]:
        """An outcome per item. Raises Overloaded, before anything is kept, where it can't wait."""
        loop = asyncio.get_running_loop()
        if self._settling is None or self._settling.loop is not loop:
            self._settling = Settling(loop)
        future: asyncio.Future[list[Outcome]] = loop.create_future()
        self._writer.submit(Work(items, size, partial(self._settling.settle, future)))
        return await future


def _resolve(future: asyncio.Future[list[Outcome]], outcome: Settled) -> None:
    if future.done():  # the sender went away; what it sent is durable all the same
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
