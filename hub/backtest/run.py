"""A backtest of one store: replays, labels and the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from hub.backtest.calibration import Calibration, calibration
from hub.backtest.labels import labels_of
from hub.backtest.replay import Replay, scratch
from hub.backtest.report import Report, report
from hub.backtest.stored import Stored
from hub.errors import NotFound
from hub.evaluate.book import Book
from hub.record import Incoming, IncomingEvent
from hub.store import history
from hub.store.db import Database
from hub.store.history import Told

Progress = Callable[[int, int], None]  # items so far, of how many


class Replayed(Struct, frozen=True):
    """What a rule book told of a history."""

    told: list[Told]
    calibration: Calibration | None


class Past(Struct, frozen=True):
    """What a book told of all that a store keeps, and the one in force, if it is another.

    earliest: the time of the earliest event, which may have come in long after it. said: the incidents
    that the store itself keeps, for what people said of them.
    """

    begin: datetime
    earliest: datetime
    end: datetime
    events: int
    said: list[Told]
    found: Replayed
    before: Replayed | None


def past(
    db: Database,
    book: Book,
    *,
    current: Book | None = None,
    until: datetime | None = None,
    step: timedelta,
    progress: Progress,
) -> Past:
    """Replays everything. Raises NotFound where nothing has come in. The store is only read."""
    stored = Stored(db, until)
    begin, earliest, end = stored.begin, stored.earliest, stored.end
    if begin is None or earliest is None or end is None:
        raise NotFound("there is no lineage event in this store that could be replayed")
    with db.reading() as connection:
        said = history.told(connection)
    count = _Count(stored.events * (1 if current is None else 2), progress)
    before = None if current is None else replayed(stored, current, step, count)
    found = replayed(stored, book, step, count)
    return Past(begin, earliest, end, stored.events, said, found, before)


def backtest(
    db: Database,
    book: Book,
    *,
    current: Book | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    step: timedelta,
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """What the book would have told; `current`: the rules in force, for the difference.

    All that came in before `since` is replayed, too: it is what the rules have learned from by then.
    Raises NotFound where nothing has come in. The store is only read.
    """
    told = past(db, book, current=current, until=until, step=step, progress=progress)
    return report(
        told.found.told,
        labels_of(told.said),
        since=since or told.begin,
        until=until or told.end + timedelta(microseconds=1),
        events=told.events,
        calibration=told.found.calibration,
        current=None if told.before is None else told.before.told,
    )


def replayed(
    stored: Stored,
    book: Book,
    step: timedelta,
    count: Callable[[Iterable[Incoming]], Iterator[Incoming]],
) -> Replayed:
    """One replay in a store of its own, which is gone afterwards."""
    with scratch() as db:
        with Replay(db, book, step=step) as replay:
            replay.was_down(stored.outages)
            replay.feed(count(stored.items()))
            if stored.end is not None:
                replay.until(stored.end)
        with db.reading() as connection:
            return Replayed(history.told(connection), calibration(history.completed(connection)))


class _Count:
    """Tells how far it is, as items go by."""

    EVERY = 1000

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress, self._done = total, progress, 0

    def __call__(self, items: Iterable[Incoming]) -> Iterator[Incoming]:
        for item in items:
            yield item
            if isinstance(item, IncomingEvent):
                self._done += 1
                if self._done % self.EVERY == 0:
                    self._progress(self._done, self._total)
