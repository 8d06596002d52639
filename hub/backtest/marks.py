"""The watermarks that have come in, of which a replay records but the last at a time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from hub.model import WatermarkObserved
from hub.record import IncomingObservation

NEVER: Final = 2**62
#: How often it is looked at orchestrators, above all at one that is polled and does not answer.
QUIET: Final = timedelta(minutes=5)
_QUIET_US: Final = QUIET // timedelta(microseconds=1)


class Marks:
    """The watermarks that have come in and were not recorded: but the last all can be left out."""

    def __init__(self) -> None:
        self.names: set[str] = set()  # of those that hand in any
        self._last: dict[tuple[str, str], int] = {}  # when the last one came that was taken
        self._held: dict[tuple[str, str], list[IncomingObservation]] = {}

    def add(self, item: IncomingObservation, seen: WatermarkObserved) -> None:
        name = orchestrator_of(item)
        self.names.add(name)
        self._held.setdefault((name, seen.stream), []).append(item)

    def latest(self, at_us: int) -> Iterator[IncomingObservation]:
        """The last of each by then."""
        for items in self._held.values():
            count = bisect_right(items, at_us, key=_received)
            if count:
                yield items[count - 1]

    def drop(self, at_us: int) -> None:
        """Those that came by then: they were taken."""
        for key, items in list(self._held.items()):
            count = bisect_right(items, at_us, key=_received)
            if count:
                self._last[key] = items[count - 1].received_at
                self._held[key] = items[count:]

    def complete(self, name: str, at_us: int) -> datetime | None:
        """Up to when an orchestrator was complete by then; None: no mark says so."""
        mine = [items for (whose, _), items in self._held.items() if whose == name]
        counts = [bisect_right(items, at_us, key=_received) for items in mine]
        if not mine or 0 in counts:
            return None
        return min(complete_to(items[n - 1]) for items, n in zip(mine, counts, strict=True))

    def first(self) -> int:
        """When the first mark came of one of which none was taken yet."""
        fresh = (items[0].received_at for key, items in self._held.items() if key not in self._last)
        return min(fresh, default=NEVER)

    def quiet(self, now_us: int, until_us: int) -> int | None:
        """When one that handed in watermarks has handed in none for a while; again and again."""
        found = [
            at
            for key, last in self._last.items()
            if (at := _quiet(last, self._held[key], now_us)) <= until_us
        ]
        return min(found, default=None)

    def passing(self, name: str, due_at: datetime) -> int | None:
        """When all of an orchestrator's watermarks have come to an instant."""
        times = []
        for (whose, _), items in self._held.items():
            if whose == name and items:
                place = bisect_left(items, due_at, key=complete_to)
                times.append(items[place].received_at if place < len(items) else NEVER)
        last = max(times, default=NEVER)
        return None if last == NEVER else last


def _quiet(last: int, items: list[IncomingObservation], now_us: int) -> int:
    for item in items:
        if max(last, now_us) + _QUIET_US < item.received_at:
            break
        last = item.received_at
    return max(last, now_us) + _QUIET_US


def _received(item: IncomingObservation) -> int:
    return item.received_at


def complete_to(item: IncomingObservation) -> datetime:
    assert isinstance(item.observation, WatermarkObserved)
    return item.observation.complete_to


def orchestrator_of(item: IncomingObservation) -> str:
    """Whose it is, as the recorder decides it."""
    return item.orchestrator or item.sender.orchestrator or "default"
