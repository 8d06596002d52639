"""How the partitions of a dataset or job follow each other, learned from their keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

from msgspec import Struct

from hub.schedules.periods import AHEAD, Every, Period, learn_period, part_of
from hub.schedules.stretches import ORDER, Cut
from hub.schedules.timekeys import begin_of, cut_of, read_key
from hub.schedules.zones import comes_twice, earlier, wall_of, zone_of

#: Partitions that teach how they follow each other, the latest.
_TAUGHT: Final = 400


class Place(Struct, frozen=True, gc=False):
    """Where a partition lies. `rest`: what its key says besides its time, in other dimensions.

    begin, end: None where the key is no time.
    """

    key: str  # canonical, if it is a time and nothing else
    begin: datetime | None = None
    end: datetime | None = None
    rest: str = ""


class Layout(Struct, frozen=True):
    """How time is cut, and how often there is a partition. None: it is no time, or irregular."""

    timezone: str
    cut: Cut | None = None
    period: Period | None = None

    def place(self, key: str) -> Place:
        return _unplaced(key, self.timezone) if self.cut is None else _placed(key, self.cut)

    def missing(self, present: Sequence[str], until: datetime) -> Iterator[Place]:
        """Those between the first that is there and an instant that are not there.

        `present`: keys that differ in nothing but their time.
        """
        zone = zone_of(self.timezone)
        if self.cut is None or self.period is None:
            return
        there = {at for key in present if (at := _begun(key, self.cut)) is not None}
        if not there:
            return
        wanted = self.period.between(min(there), wall_of(until, zone))
        absent = [one for one in wanted if one not in there or self._twice(one, zone)]
        if not absent:
            return
        covered = {one.key for key in present for one in read_key(key, self.cut).stretches}
        for begin in absent:
            if begin not in there or covered:
                yield from self._absent(begin, covered, present[-1])

    def _absent(self, begin: datetime, covered: set[str], like: str) -> Iterator[Place]:
        assert self.cut is not None
        rest, part = self.place(like).rest, part_of(like)
        for one in self.cut.of_wall(begin):
            if rest and part is not None:
                yield Place(part.key_of(begin), one.begin, one.end, rest)
            elif one.key not in covered:
                yield Place(one.key, one.begin, one.end)

    def _twice(self, begin: datetime, zone: tzinfo) -> bool:
        return self.cut is not None and self.cut.every is Every.HOUR and comes_twice(begin, zone)


def layout_of(
    keys: Iterable[str], now: datetime, timezone: str = "UTC", every: Every | None = None
) -> Layout:
    """What most of the keys say; `every`: what somebody has told."""
    told = list(keys)
    latest = wall_of(now, zone_of(timezone)) + AHEAD
    begins = sorted({at for key in told if (at := begin_of(key, timezone)) and at <= latest})
    period = Period(every) if every else learn_period(begins[-_TAUGHT:])
    cut = _cut(begins, timezone, period.every if period else _said(told))
    return Layout(timezone, cut, period if cut is not None else None)


def _cut(begins: Sequence[datetime], timezone: str, every: Every | None) -> Cut | None:
    if every is None or not begins:
        return None if every is None else Cut(every, timezone)
    if every is Every.WEEK:
        (weekday, _), *_ = Counter(at.weekday() for at in begins).most_common(1)
        return Cut(every, timezone, weekday)
    cut, last = Cut(every, timezone), begins[-1]
    whole = last.replace(hour=0, minute=0, second=0, microsecond=0)
    # Months that begin on the 15th are no calendar's; such a partition is called by its day.
    odd = ORDER.index(every) > ORDER.index(Every.WEEK) and cut.floor(whole) != whole
    return Cut(Every.DAY, timezone) if odd else cut


def _said(keys: Sequence[str]) -> Every | None:
    """What most keys say that they are."""
    cuts = Counter(cut.every for key in keys if (cut := _own_cut(key)) is not None)
    return cuts.most_common(1)[0][0] if cuts else None


def _own_cut(key: str) -> Cut | None:
    found, part = cut_of(key), part_of(key)
    if found is not None or part is None:
        return found
    return cut_of(key[len(part.head) : len(key) - len(part.tail)])


@lru_cache(maxsize=65_536)
def _placed(key: str, cut: Cut) -> Place:
    read = read_key(key, cut)
    if read.stretches:
        return Place(read.key, read.stretches[0].begin, read.stretches[-1].end)
    part = part_of(key)
    if part is None or not (part.head or part.tail):
        return Place(key)
    time = key[len(part.head) : len(key) - len(part.tail)]
    found = read_key(time, cut).stretches
    rest = f"{part.head}*{part.tail}"
    return Place(key, found[0].begin, found[-1].end, rest) if found else Place(key)


@lru_cache(maxsize=65_536)
def _begun(key: str, cut: Cut) -> datetime | None:
    """The wall time at which its stretch begins."""
    begin = _placed(key, cut).begin
    return None if begin is None else cut.floor(wall_of(begin, cut.zone))


@lru_cache(maxsize=65_536)
def _unplaced(key: str, timezone: str) -> Place:
    begin = begin_of(key, timezone)
    return Place(key) if begin is None else Place(key, earlier(begin, zone_of(timezone)))
