"""How the partitions of a dataset or job stand: there, failed, under way, missing or out of date."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from hub.schedules.layouts import Layout, Place
from hub.schedules.periods import usual_lag
from hub.schedules.stretches import ORDER, Cut

#: Partitions that teach how late they usually come, the latest.
_LATEST: Final = 60
_ANY: Final = "*"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class PartitionStatus(StrEnum):
    """How a partition stands."""

    COMPLETE = "complete"
    FAILED = "failed"
    RUNNING = "running"
    MISSING = "missing"
    STALE = "stale"  # complete, and older than one of its inputs


class Written(Struct, frozen=True, gc=False):
    """The latest update of a partition under one of its keys, or the latest run that completed."""

    key: str
    at: datetime
    first_at: datetime
    count: int = 1
    attempt: int | None = None
    rows: int | None = None
    bytes: int | None = None


class Tried(Struct, frozen=True, gc=False):
    """The latest run for a partition that has not completed. `at`: its end, or its beginning.

    own: it writes the partition itself; else it is a run within which that is done.
    """

    key: str
    at: datetime
    running: bool
    attempt: int
    own: bool = True


class Told(Struct, frozen=True, gc=False):
    """How its orchestrator says that a partition stands, as of `at`."""

    key: str
    status: PartitionStatus
    at: datetime


class Fed(Struct, frozen=True, gc=False):
    """When a partition of an input was updated last, in microseconds since the epoch: of the many
    that are read few are told.
    """

    key: str
    at_us: int


class Newer(Struct, frozen=True, gc=False):
    """A partition of an input that was updated after the one that is made of it."""

    input: int
    key: str
    at: datetime


class Cell(Struct, frozen=True, gc=False):
    """One partition and how it stands. `keys`: as those who told of it have called it.

    due_at: by when one that is missing was due, where that is known.
    """

    place: Place
    status: PartitionStatus
    keys: tuple[str, ...] = ()
    written: Written | None = None
    tried: Tried | None = None
    newer: tuple[Newer, ...] = ()
    due_at: datetime | None = None

    @property
    def order(self) -> tuple[datetime | None, str]:
        return self.place.begin, self.place.key


class Due(Struct, frozen=True, gc=False):
    """A partition that somebody's schedule demands."""

    key: str
    at: datetime


Inputs = Mapping[int, tuple[Layout, Sequence[Fed]]]


def cells_of(
    layout: Layout,
    written: Iterable[Written],
    tried: Iterable[Tried],
    inputs: Inputs,
    due: Iterable[Due] | None,
    now: datetime,
    told: Iterable[Told] = (),
) -> list[Cell]:
    """All partitions that are there or should be, in no order.

    due: those that are demanded; None: nobody does, what is missing is seen from the others.
    told: what their orchestrator says of them, which outweighs what was before.
    """
    found: dict[str, _Found] = defaultdict(_Found)
    for one in written:
        found[_named(found, layout, one.key)].add_written(one)
    for trial in tried:
        found[_named(found, layout, trial.key)].add_tried(trial)
    for word in told:
        found[_named(found, layout, word.key)].add_told(word)
    news = [_News(key, layout, *fed) for key, fed in inputs.items()]
    cells = [one.cell(news) for one in found.values()]
    absent = _missing(layout, cells, now) if due is None else _demanded(layout, found, due)
    return [*cells, *absent]


def counts_of(cells: Iterable[Cell]) -> dict[PartitionStatus, int]:
    counted = Counter(cell.status for cell in cells)
    return {status: counted[status] for status in PartitionStatus}


class _Found:
    """What is told of one partition, under whatever keys."""

    __slots__ = ("_keys", "_told", "_tried", "_written", "place")

    def __init__(self) -> None:
        self.place = Place("")
        self._keys: dict[str, None] = {}
        self._written: Written | None = None
        self._tried: list[Tried] = []
        self._told: Told | None = None

    def add_written(self, one: Written) -> None:
        self._keys[one.key] = None
        held = self._written
        self._written = one if held is None else _both(held, one)

    def add_tried(self, one: Tried) -> None:
        self._keys[one.key] = None
        self._tried.append(one)

    def add_told(self, one: Told) -> None:
        self._keys[one.key] = None
        if self._told is None or one.at > self._told.at:
            self._told = one

    def cell(self, news: Sequence[_News]) -> Cell:
        written, tried = self._written, self._relevant()
        newer: tuple[Newer, ...] = ()
        word = self._word(written, tried)
        if word is PartitionStatus.COMPLETE:
            tried = None
        if word is not None and (written is None or word is not PartitionStatus.COMPLETE):
            status = word
        elif tried is not None:
            status = PartitionStatus.RUNNING if tried.running else PartitionStatus.FAILED
        elif written is None:
            status = PartitionStatus.MISSING
        else:
            at_us = (written.at - _EPOCH) // _MICROSECOND if news else 0
            seen = [one.newer(self.place, at_us) for one in news]
            newer = tuple([one for one in seen if one is not None])
            status = PartitionStatus.STALE if newer else PartitionStatus.COMPLETE
        return Cell(self.place, status, tuple(self._keys), written, tried, newer)

    def _word(self, written: Written | None, tried: Tried | None) -> PartitionStatus | None:
        """What the orchestrator says, unless something has happened since."""
        known = [one.at for one in (written, tried) if one is not None]
        told = self._told
        return None if told is None or any(at > told.at for at in known) else told.status

    def _relevant(self) -> Tried | None:
        """The run that says more of the partition than its update does: a running one before all.

        A run within which it is made says nothing where the orchestrator speaks of the partition.
        """
        if not self._tried:
            return None
        since = self._written.at if self._written else None
        whole = since is None and self._told is None
        some = [
            one
            for one in self._tried
            if whole or (one.own and (since is None or one.running or one.at > since))
        ]
        return max(some, key=lambda one: (one.running, one.at), default=None)


def _named(found: dict[str, _Found], layout: Layout, key: str) -> str:
    place = layout.place(key)
    found[place.key].place = place
    return place.key


def _both(one: Written, other: Written) -> Written:
    last = max(one, other, key=lambda it: it.at)
    return Written(
        last.key,
        last.at,
        min(one.first_at, other.first_at),
        one.count + other.count,
        last.attempt,
        last.rows,
        last.bytes,
    )


# -- missing -------------------------------------------------------------------------------------


def _missing(layout: Layout, cells: Sequence[Cell], now: datetime) -> Iterator[Cell]:
    by_rest: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.place.begin is not None:
            by_rest[cell.place.rest].append(cell)
    for some in by_rest.values():
        some.sort(key=lambda cell: cell.order)
        lag = _lag(some)
        last = some[-1].place.begin
        until = max(now, last) if last is not None and lag is not None else last
        present = [key for cell in some for key in cell.keys]
        for place in layout.missing(present, until) if until is not None else ():
            due_at = place.end + lag if place.end is not None and lag is not None else None
            if due_at is None or due_at <= now:
                yield Cell(place, PartitionStatus.MISSING, due_at=due_at)


def _lag(cells: Sequence[Cell]) -> timedelta | None:
    """How late such partitions usually are."""
    told = [(cell.place, cell.written) for cell in cells[-_LATEST:] if cell.written is not None]
    ends = [(place, one.first_at) for place, one in told if place.end is not None]
    if not ends:
        return None
    lags = [(at - place.end).total_seconds() for place, at in ends if place.end is not None]
    begin, end = ends[-1][0].begin, ends[-1][0].end
    assert begin is not None
    assert end is not None
    return usual_lag(lags, (end - begin).total_seconds())


def _demanded(layout: Layout, found: Mapping[str, _Found], due: Iterable[Due]) -> Iterator[Cell]:
    told: set[str] = set()
    for one in due:
        place = layout.place(one.key)
        if place.key not in found and place.key not in told:
            told.add(place.key)
            yield Cell(place, PartitionStatus.MISSING, due_at=one.at)


# -- stale -----------------------------------------------------------------------------------------


class _News:
    """The latest update of an input, by the partition that is made of it.

    A finer one counts for the partition in which it begins, a coarser one for all that begin in it.
    What is no time counts for the partition of the same key. Where both have other dimensions,
    these must be the same.
    """

    def __init__(self, input_: int, layout: Layout, its: Layout, fed: Iterable[Fed]) -> None:
        self._input, self._cut, self._its = input_, layout.cut, its.cut
        self._by = its.cut if _coarser(its.cut, layout.cut) else layout.cut
        self._latest: dict[tuple[str, str], tuple[int, str]] = {}
        self._alike = self._by is not None and its.cut == self._by == layout.cut
        for one in fed:
            self._add(its.place(one.key), one.at_us)

    def newer(self, place: Place, than_us: int) -> Newer | None:
        """The update of the input that came after the partition, if there is one."""
        key = place.key if self._alike and not place.rest else self._key(place, self._cut)
        first, second = (place.rest, "") if place.rest else ("", _ANY)
        found, other = self._latest.get((key, first)), self._latest.get((key, second))
        if found is None or (other is not None and other > found):
            found = other
        if found is None or found[0] <= than_us:
            return None
        return Newer(self._input, found[1], _EPOCH + found[0] * _MICROSECOND)

    def _add(self, place: Place, at: int) -> None:
        key = place.key if self._alike and not place.rest else self._key(place, self._its)
        for rest in (place.rest, _ANY) if place.rest else ("",):
            held = self._latest.get((key, rest))
            if held is None or held[0] < at:
                self._latest[key, rest] = (at, place.key)

    def _key(self, place: Place, own: Cut | None) -> str:
        """By what a partition of either is found, whose layout is cut so."""
        if place.begin is None or self._by is None or (own == self._by and not place.rest):
            return place.key
        return self._by.at(place.begin).key


def _coarser(one: Cut | None, other: Cut | None) -> bool:
    if one is None or other is None:
        return False
    return ORDER.index(one.every) > ORDER.index(other.every)
