"""What came in, once more: through the recorder and the evaluating loop, by a clock of its own.

    with scratch() as db, Replay(db, book) as replay:
        replay.feed(items)          # in the order of their arrival
        replay.until(at)

The clock jumps from one span to the next in which something happens or is due, none longer than a
step. Within a span each subject goes its own way: in turns it is looked at what is due for some, as
of just before the next thing happens to each, and the next that happens to the others is recorded.
So no state of a subject is passed over, and only when a change was looked at is true to a step alone.
What depends on more than its subject is looked at in its time: a span ends with it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, NamedTuple, Self

from hub.backtest.layers import LOOK, Subject, first_happening, layered, pair, presses
from hub.backtest.marks import NEVER, Marks, orchestrator_of
from hub.evaluate.book import Book
from hub.evaluate.round import Pace
from hub.evaluate.watch import Watch
from hub.model import EntityName, WatermarkObserved
from hub.record import Incoming, IncomingObservation, Outcome, Recorder
from hub.rules.base import Blind, Fact
from hub.store import orchestrators
from hub.store.ahead import Waiting, waiting
from hub.store.db import Database
from hub.store.expectations import NOBODY, Horizons, Looked, first_due, horizons
from hub.store.leases import no_fence
from hub.store.migrate import migrate
from hub.store.outages import breathe, keep_outages, was_there
from hub.store.polls import PollState, save_poll
from hub.store.types import EPOCH, from_micros, to_micros
from hub.store.writer import Writer

#: What comes in within so long is looked at together.
STEP: Final = timedelta(minutes=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_NEVER_AT: Final = datetime(9000, 1, 1, tzinfo=UTC)
_LOOK_US: Final = LOOK // _MICROSECOND
#: Items of one transaction.
BATCH: Final = 1000


class Due(NamedTuple):
    """A rule wants to look at a subject. exact: what it finds depends on more than that."""

    at_us: int
    looked: Looked
    due_at: datetime
    subject: Subject
    exact: bool


class Span(NamedTuple):
    """What is looked at together: until when, and what the horizons were before."""

    last_us: int
    held: Horizons


@contextmanager
def scratch() -> Iterator[Database]:
    """A new store that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="trackside-") as folder:
        db = Database(f"sqlite:///{folder}/scratch.db", durable=False)
        try:
            migrate(db)
            yield db
        finally:
            db.close()


class Replay:
    """Records and evaluates what is fed to it, in the store that it is given."""

    def __init__(
        self, db: Database, book: Book, *, step: timedelta = STEP, begin: datetime = EPOCH
    ) -> None:
        """`begin`: what the clock shows at first, where a replay that was cut off goes on."""
        self.now_us = to_micros(begin)
        self.items = self.rounds = 0
        self._db = db
        self._step_us = step // _MICROSECOND
        self._heard_us = self.now_us  # when the last of what is recorded came in
        recorder = Recorder(db, clock=lambda: self._heard_us)
        self._writer: Writer[Incoming, Outcome] = Writer(db, recorder, batch_items=BATCH)
        self._watch = Watch(db, self._writer, book, counted_every=LOOK)
        self._callers = frozenset(book.of_need(Fact.ROLL_CALL))
        self._batch: list[Incoming] = []
        self._marks = Marks()
        self._asked: set[str] = set()  # who is known to be polled
        self._due: dict[int, datetime] = {}  # the earliest, by orchestrator
        self._names: dict[int, str] = {}

    def __enter__(self) -> Self:
        self._writer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.stop()

    @property
    def now(self) -> datetime:
        return from_micros(self.now_us)

    def feed(self, items: Iterable[Incoming]) -> None:
        """Takes items in the order of their arrival, which must not lie before the last one's."""
        for item in items:
            if isinstance(item, IncomingObservation) and isinstance(
                item.observation, WatermarkObserved
            ):
                self._marks.add(item, item.observation)
                continue
            if self._batch and self._batch[0].received_at + self._step_us < item.received_at:
                self._settle(self._batch[0].received_at + self._step_us)
            if not self._batch:
                self._settle(item.received_at - 1)
            self._batch.append(item)
            self.items += 1

    def until(self, at: datetime) -> None:
        """Lets the time go by."""
        self._settle(to_micros(at))

    def down(self, until: datetime) -> None:
        """The hub does not run until then: what is due meanwhile is looked at afterwards."""
        self.now_us = max(self.now_us, to_micros(until))
        self._writer.call(lambda connection: breathe(connection, self.now), apart=True)
        self._look([], self.now_us)

    def was_down(self, outages: Sequence[Blind]) -> None:
        """Outages of the hub that recorded what is fed: what nobody heard was not missed."""
        self._writer.call(lambda connection: keep_outages(connection, outages), apart=True)

    def _settle(self, until_us: int) -> None:
        """All that came in and all that is due until then."""
        while (span := self._next(until_us)) is not None:
            self._go_through(span)
        self.now_us = max(self.now_us, until_us)

    def _next(self, until_us: int) -> Span | None:
        """None: nothing is left until then."""
        with self._db.reading() as connection:
            span = Span(until_us, horizons(connection, self.now))
        quiet_us = self._marks.quiet(self.now_us, until_us) or NEVER
        came_us = self._batch[0].received_at if self._batch else NEVER
        due = self._due_first(span)
        first_us = min(quiet_us, came_us, *(one.at_us for one in due), NEVER)
        if first_us > until_us:
            return None
        ends = [one.at_us for one in due if one.exact]
        ends += [item.received_at for item in self._batch if presses(item)]
        ends += [until_us, quiet_us, first_us + self._step_us, self._marks.first()]
        return span._replace(last_us=max(self.now_us, min(ends)))

    def _due_first(self, span: Span) -> list[Due]:
        """Who wants to look at what, within the span and before anything happens to it."""
        if min(self._due.values(), default=_NEVER_AT) > from_micros(span.last_us):
            return []
        with self._db.reading() as connection:
            rows = waiting(connection, from_micros(span.last_us))
        happens = first_happening(self._batch)
        found = []
        for row in rows:
            at_us, subject = self._due_at(row, span.held), _subject(row)
            if at_us is not None and at_us <= min(span.last_us, happens.get(subject, NEVER) - 1):
                exact = self._is_exact(row, span.held)
                found.append(Due(at_us, row.looked, row.due_at, subject, exact))
        return found

    def _is_exact(self, row: Waiting, held: Horizons) -> bool:
        if row.subject is None or row.inner:
            return True
        return row.looked.rule in self._callers and not held.watched(row.orchestrator_id)

    def _go_through(self, span: Span) -> None:
        """In turns, until nothing is left to happen or due in it."""
        marks = list(self._marks.latest(span.last_us))
        seen: set[tuple[Looked, datetime]] = set()
        due = self._due_first(span)
        while True:
            busy = {one.subject for one in due}
            layer, self._batch = layered(self._batch, span.last_us, busy)
            self._look([*layer, *marks], span.last_us, self._pace(span, due))
            seen |= {(one.looked, one.due_at) for one in due}
            marks = []
            due = [o for o in self._due_first(span) if (o.looked, o.due_at) not in seen]
            if not due and not (self._batch and self._batch[0].received_at <= span.last_us):
                break
        self._marks.drop(span.last_us)

    def _pace(self, span: Span, due: Sequence[Due]) -> Pace:
        """Each subject is known up to what happens to it next."""
        happens = first_happening(self._batch)
        exact = {one.subject: one.at_us for one in due if one.exact}

        def as_of(sort: str, name: EntityName, whose: int) -> datetime | None:
            subject = (sort, *pair(name))
            known_us = min(span.last_us, happens.get(subject, NEVER) - 1)
            known_us = max(min(known_us, exact.get(subject, NEVER)), to_micros(span.held.now))
            marked = self._marks.complete(self._names.get(whose, ""), known_us)
            if marked is not None:
                return min(marked, from_micros(known_us))
            return span.held.known.get(whose, from_micros(known_us))

        return Pace([one.looked for one in due], as_of)

    def _look(self, items: list[Incoming], at_us: int, pace: Pace | None = None) -> None:
        """Records what has come in, and looks as often as the hub would."""
        self.now_us = max(self.now_us, at_us)
        if items:
            self._heard_us = max(item.received_at for item in items)
            self._writer.record(items)
        self._writer.call(lambda connection: was_there(connection, self.now), apart=True)
        for name in {name for one in items if (name := _marked(one))} - self._asked:
            self._ask(name)
        more = True
        while more:
            more = self._watch.round(self.now, no_fence, pace)
            pace = pace and Pace((), pace.as_of)
            self.rounds += 1
        with self._db.reading() as connection:
            self._due = first_due(connection)
            if not self._due.keys() <= self._names.keys():
                self._names = {NOBODY: "", **orchestrators.names(connection)}

    def _ask(self, name: str) -> None:
        """Who hands in watermarks is polled: that it may fall silent depends on it."""
        self._asked.add(name)
        state = PollState(orchestrator=name, next_at=self.now, complete_at=self.now)
        self._writer.call(lambda connection: save_poll(connection, state, "replayed"), apart=True)

    def _due_at(self, row: Waiting, held: Horizons) -> int | None:
        """When the horizon comes to what is due; None: not to be foreseen."""
        horizon = held.of(row.orchestrator_id)
        if horizon is None or horizon < row.due_at:
            name = self._names.get(row.orchestrator_id, "")
            if horizon is None or name in self._marks.names:
                return self._marks.passing(name, row.due_at)
            return to_micros(held.now) + (row.due_at - horizon) // _MICROSECOND
        # It was looked at, and wants to be looked at again.
        return to_micros(held.now) + _LOOK_US


def _subject(row: Waiting) -> Subject:
    return (row.looked.kind, *pair(row.subject or EntityName("", "")))


def _marked(item: Incoming) -> str | None:
    """The orchestrator that hands in a watermark with it."""
    if isinstance(item, IncomingObservation) and isinstance(item.observation, WatermarkObserved):
        return orchestrator_of(item)
    return None
