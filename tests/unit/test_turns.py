"""Turns: so many at once, and what hangs holds up the others for a moment only."""

from __future__ import annotations

import threading
import time

import pytest

from hub.turns import Turns

WAIT_S = 10.0


class Crowd:
    """Threads that take a turn each and keep it until they are let go."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._go = threading.Event()
        self._threads: list[threading.Thread] = []

    def come(self, count: int = 1) -> list[threading.Event]:
        """So many come; each event is set once that one has its turn."""
        begun = [threading.Event() for _ in range(count)]
        for one in begun:
            thread = threading.Thread(target=self._take, args=[one])
            thread.start()
            self._threads.append(thread)
        return begun

    def _take(self, begun: threading.Event) -> None:
        with self._turns.turn():
            begun.set()
            self._go.wait(WAIT_S)

    def leave(self) -> None:
        self._go.set()
        for thread in self._threads:
            thread.join(WAIT_S)


def test_no_more_have_their_turn_together_than_may() -> None:
    crowd = Crowd(Turns(2, patience_s=60))
    for one in crowd.come(2):
        assert one.wait(WAIT_S)
    (third,) = crowd.come()
    assert not third.wait(0.2)
    crowd.leave()
    assert third.is_set()


def test_those_that_hang_hold_up_the_next_for_a_moment_only() -> None:
    crowd = Crowd(Turns(2, patience_s=0.3))
    hanging = crowd.come(6)
    began = time.monotonic()
    for one in hanging:
        assert one.wait(WAIT_S)
    assert time.monotonic() - began >= 0.5  # two after two
    (next_,) = crowd.come()
    assert next_.wait(WAIT_S)
    crowd.leave()


def test_a_turn_that_raises_is_over() -> None:
    turns = Turns(1, patience_s=60)
    with pytest.raises(ValueError, match="no"), turns.turn():
        raise ValueError("no")
    (one,) = (crowd := Crowd(turns)).come()
    assert one.wait(WAIT_S)
    crowd.leave()


def test_at_the_end_nobody_waits() -> None:
    turns = Turns(1, patience_s=60)
    crowd = Crowd(turns)
    first, second = crowd.come(2)
    turns.end()
    assert first.wait(WAIT_S)
    assert second.wait(WAIT_S)
    crowd.leave()
