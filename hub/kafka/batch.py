"""Messages that go to the store together, and which offsets may go on when they are there."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import Struct

from hub.record import Outcome
from hub.record.counted import result_of
from hub.record.intake import Read

#: A partition: (topic, number).
Partition = tuple[str, int]
Settled = list[Outcome] | Exception

DOOR: Final = "kafka"


class Taken(Struct, frozen=True):
    """A message that was read: where it lay, what became of its bytes, and how many they were."""

    partition: Partition
    offset: int
    read: Read
    size: int


def place_of(partition: Partition, offset: int) -> str:
    """As dead letters and the log name a message."""
    topic, number = partition
    return f"{topic}/{number}@{offset}"


class Batch:
    """Waits for the writer; may lose partitions meanwhile. `settle` comes from another thread."""

    def __init__(self, taken: Iterable[Taken]) -> None:
        self.taken = list(taken)
        self._done = threading.Event()
        self._settled: Settled | None = None
        self._asked = self.taken

    @property
    def items(self) -> list[Any]:
        return [item for one in self.taken for item in one.read.items]

    @property
    def size(self) -> int:
        return sum(one.size for one in self.taken)

    def ask(self, submit: Callable[[Settle], None]) -> None:
        """Hands itself in, anew. What the last time came to no longer counts."""
        self._done.clear()
        self._settled, self._asked = None, self.taken
        submit(self._settle)

    def wait(self, seconds: float) -> Settled | None:
        """What became of it; None if that is not known yet."""
        return self._settled if self._done.wait(seconds) else None

    def without(self, partitions: Iterable[Partition]) -> None:
        """Leaves out what another consumer will be given."""
        gone = set(partitions)
        self.taken = [one for one in self.taken if one.partition not in gone]

    def following(self) -> dict[Partition, int]:
        """The offset of each partition behind what was taken."""
        return {one.partition: one.offset + 1 for one in self.taken}

    def results(self, outcomes: list[Outcome]) -> Counter[str]:
        """How many messages came to what: recorded, duplicate, refused."""
        told, settled = Counter[str](), iter(outcomes)
        for one in self._asked:
            results = {result_of(next(settled)) for _ in one.read.items}
            told["refused" if one.read.error else results.pop()] += 1
        return told

    @property
    def reads(self) -> list[Read]:
        """Those that were handed in."""
        return [one.read for one in self._asked]

    def _settle(self, outcome: Settled) -> None:
        self._settled = outcome
        self._done.set()


Settle = Callable[[Settled], None]
