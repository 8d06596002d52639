"""Which run answers which slot.

1. A run that says what it is called by (nominal time, logical date) takes the slot called so and
   no other. Of several the scheduler's goes first, then the one started first: a cleared or
   repeated run takes nothing more.
2. Other runs of the clock take the latest slot that is due, from a little before it is due
   (`EARLY`), or one of those before it that are still open (`LATE`): after an outage runs come in
   a bunch, and with overlaps one comes late. Between slots and runs that found each other this way
   nobody crosses: an earlier slot has the earlier run.
3. What people and backfills start without a name takes a slot that nothing else has taken, and
   only until the next one is due. Runs that data started take none unless they are called by it.

So a slot that was missed stays open though the following runs are on time, a run that is late by
more than a whole gap finds its slot, and a second run of a slot hides no missing one, unless it
comes without a name right after it: then it can't be told from a late one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from hub.schedules.slots import Slot

#: So long before it is due a run may take a slot, but no more than a quarter of the gap before it.
EARLY: Final = timedelta(seconds=30)
#: Besides the latest slot, so many before it may be taken by a run without a name.
LATE: Final = 3
#: By so much two times may differ and still mean the same slot.
_SAME: Final = timedelta(seconds=1)


class Origin(StrEnum):
    """Who started a run."""

    SCHEDULED = "scheduled"
    UNKNOWN = "unknown"
    BACKFILL = "backfill"
    MANUAL = "manual"
    DATASET = "dataset"


_RANK: Final = {origin: rank for rank, origin in enumerate(Origin)}
BY_CLOCK: Final = frozenset({Origin.SCHEDULED, Origin.UNKNOWN})
BY_HAND: Final = frozenset({Origin.BACKFILL, Origin.MANUAL})


class Start(Struct, frozen=True):
    """That a run was started: `at`, or when it was queued or first heard of."""

    run: int
    at: datetime
    nominal_at: datetime | None = None
    origin: Origin = Origin.UNKNOWN


class Matching(Struct, frozen=True):
    """`extra`: starts that answer no slot. `open`: slots without a start, in order."""

    taken: dict[Slot, Start]
    extra: list[Start]
    open: list[Slot]

    def of(self, slot: Slot) -> Start | None:
        return self.taken.get(slot)


def match(slots: Sequence[Slot], starts: Iterable[Start]) -> Matching:
    """One to one, in time that grows with their number. `slots` are in order; the same for any
    order of `starts`. Slots should begin a few before those that matter: a run that is late for one
    left out would take the first.
    """
    ordered = sorted(starts, key=lambda start: (start.at, start.run))
    taken = _by_name(slots, ordered)
    used = {start.run for start in taken.values()}
    rest = [start for start in ordered if start.nominal_at is None and start.run not in used]
    taken |= _by_clock(slots, taken, [start for start in rest if start.origin in BY_CLOCK])
    taken |= _by_hand(slots, taken, [start for start in rest if start.origin in BY_HAND])
    used = {start.run for start in taken.values()}
    extra = [start for start in ordered if start.run not in used]
    return Matching(taken, extra, [slot for slot in slots if slot not in taken])


Taken = dict[Slot, Start]


def _by_name(slots: Sequence[Slot], starts: Iterable[Start]) -> Taken:
    by_nominal = sorted(slots, key=lambda slot: slot.nominal_at)
    nominals = [slot.nominal_at for slot in by_nominal]
    taken: Taken = {}
    for start in sorted(starts, key=lambda start: (_RANK[start.origin], start.at, start.run)):
        if start.nominal_at is not None:
            slot = _called(start.nominal_at, by_nominal, nominals)
            if slot is not None:
                taken.setdefault(slot, start)
    return taken


def _called(at: datetime, slots: Sequence[Slot], nominals: Sequence[datetime]) -> Slot | None:
    place = bisect_left(nominals, at)
    near = min(
        (n for n in (place - 1, place) if 0 <= n < len(slots)),
        key=lambda n: abs(nominals[n] - at),
        default=None,
    )
    return slots[near] if near is not None and abs(nominals[near] - at) < _SAME else None


def _by_clock(slots: Sequence[Slot], taken: Taken, starts: Iterable[Start]) -> Taken:
    """Pairs found from the latest slot back, then put in order."""
    found: list[int] = []
    came: list[Start] = []
    waiting: list[int] = []  # open slots that are due, the latest last
    for start, due in _due(slots, starts):
        waiting += [n for n in due if slots[n] not in taken]
        latest = due.stop - 1
        if waiting and waiting[-1] >= latest - LATE:
            found.append(waiting.pop())
            came.append(start)
    return {slots[n]: start for n, start in zip(sorted(found), came, strict=True)}


def _by_hand(slots: Sequence[Slot], taken: Taken, starts: Iterable[Start]) -> Taken:
    found: Taken = {}
    for start, due in _due(slots, starts):
        if due.stop and slots[due.stop - 1] not in taken:
            found.setdefault(slots[due.stop - 1], start)
    return found


def _due(slots: Sequence[Slot], starts: Iterable[Start]) -> Iterator[tuple[Start, range]]:
    """Each start, and the slots that may be taken from then on and were not before."""
    begun = 0
    for start in starts:
        end = begun
        while end < len(slots) and slots[end].due_at - _early(slots, end) <= start.at:
            end += 1
        yield start, range(begun, end)
        begun = end


def _early(slots: Sequence[Slot], place: int) -> timedelta:
    if place == 0:
        return EARLY
    return min(EARLY, (slots[place].due_at - slots[place - 1].due_at) / 4)
