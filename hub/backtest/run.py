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
    stored = Stored(db, until)
    begin, end = stored.begin, stored.end
    if begin is None or end is None:
        raise NotFound("there is no lineage event in this store that could be replayed")
    with db.reading() as connection:
        labels = labels_of(history.told(connection))
    replays = 1 if current is None else 2
    count = _Count(stored.events * replays, progress)
    before = None if current is None else replayed(stored, current, step, count)
    found = replayed(stored, book, step, count)
    return report(
        found.told,
        labels,
        since=since or begin,
        until=until or end + timedelta(microseconds=1),
        events=stored.events,
        calibration=found.calibration,
        current=None if before is None else before.told,
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
