"""Turns: so many do something at once, and who hangs holds up nobody for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final


class Turns:
    """`at_once` may have their turn together; one that lasts longer than `patience_s` no longer counts.

    So what hangs takes a thread and no turn: with more than `at_once` that hang, the others wait
    for `patience_s` and not until all of those have given up.
    """

    def __init__(self, at_once: int, patience_s: float) -> None:
        self._at_once: Final = at_once
        self._patience_s: Final = patience_s
        self._begun: dict[object, float] = {}  # monotonic
        self._free = threading.Condition()
        self._ended = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for a turn."""
        mine = object()
        with self._free:
            while (wait_s := self._wait_s(time.monotonic())) > 0:
                self._free.wait(wait_s)
            self._begun[mine] = time.monotonic()
        try:
            yield
        finally:
            with self._free:
                del self._begun[mine]
                self._free.notify()

    def end(self) -> None:
        """Nobody waits any more."""
        with self._free:
            self._ended = True
            self._free.notify_all()

    def _wait_s(self, now: float) -> float:
        """Until the next turn is free at the latest; 0: one is."""
        counted = [at for at in self._begun.values() if now - at < self._patience_s]
        if self._ended or len(counted) < self._at_once:
            return 0.0
        return min(counted) + self._patience_s - now
