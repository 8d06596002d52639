"""What came in, once more: through the recorder and the evaluating loop, by a clock of its own.

    with scratch() as db, Replay(db, book) as replay:
        replay.feed(items)          # in the order of their arrival
        replay.until(at)

The clock jumps from one thing that happens, or is due, to the next. What comes in within one step is
taken together, in layers in which nothing happens twice to one subject: each is looked at before the
next comes, and what is due for a subject to which nothing has happened by then is looked at in its
time. So no state is passed over, and only when a change was looked at is true to a step alone.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

from hub.evaluate.book import Book
from hub.evaluate.watch import Watch
from hub.model import (
    Direction,
    EntityName,
    EventType,
    FreshnessPolicyObserved,
    HealthObserved,
    PartitionsObserved,
    ScheduleObserved,
    WatermarkObserved,
)
from hub.record import Incoming, IncomingEvent, IncomingObservation, Outcome, Recorder
from hub.rules.base import Blind
from hub.store import orchestrators
from hub.store.ahead import Waiting, waiting
from hub.store.db import Database
from hub.store.expectations import NOBODY, Horizons, first_due, horizons
from hub.store.leases import no_fence
from hub.store.migrate import migrate
from hub.store.outages import breathe, keep_outages, was_there
from hub.store.polls import PollState, save_poll
from hub.store.types import EPOCH, from_micros, to_micros
from hub.store.writer import Writer

#: What comes in within so long is looked at together.
STEP: Final = timedelta(minutes=1)
#: How long after one look the hub's own loop looks again.
LOOK: Final = timedelta(seconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_LOOK_US: Final = LOOK // _MICROSECOND
_NEVER: Final = 2**62
#: How often it is looked at orchestrators, above all at one that is polled and does not answer.
QUIET: Final = timedelta(minutes=5)
_QUIET_US: Final = QUIET // _MICROSECOND
#: Heartbeats nearer to each other tell nothing new.
NEAR: Final = timedelta(minutes=6)
_NEAR_US: Final = NEAR // _MICROSECOND
#: Items of one transaction.
BATCH: Final = 1000

Subject = tuple[str, str, str]  # sort, namespace, name


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
        recorder = Recorder(db, clock=lambda: self.now_us)
        self._writer: Writer[Incoming, Outcome] = Writer(db, recorder, batch_items=BATCH)
        self._watch = Watch(db, self._writer, book, counted_every=QUIET)
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
        while True:
            due_us = self._next_due(until_us)
            if due_us is None and not (self._batch and self._batch[0].received_at <= until_us):
                break
            layer, self._batch = layered(self._batch, until_us if due_us is None else due_us)
            then_us = min(self._batch[0].received_at, until_us) if self._batch else until_us
            self._look(layer, then_us if due_us is None else min(then_us, due_us))
        self.now_us = max(self.now_us, until_us)

    def _look(self, layer: list[Incoming], at_us: int) -> None:
        """Records what has come in, and looks as often as the hub would."""
        self.now_us = max(self.now_us, at_us)
        # Who hands in a watermark has handed in all that came before it.
        known_us = self._batch[0].received_at - 1 if self._batch else self.now_us
        marks = list(self._marks.take(min(self.now_us, known_us)))
        if layer or marks:
            self._writer.record([*layer, *marks])
        self._writer.call(lambda connection: was_there(connection, self.now), apart=True)
        for name in {orchestrator_of(mark) for mark in marks} - self._asked:
            self._ask(name)
        more = True
        while more:
            more = self._watch.round(self.now, no_fence)
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

    def _next_due(self, until_us: int) -> int | None:
        """When something is due until then that nothing in the batch forestalls."""
        until = from_micros(until_us)
        quiet_us = self._marks.quiet(self.now_us, until_us)
        if min(self._due.values(), default=until + LOOK) > until:
            return quiet_us
        with self._db.reading() as connection:
            held = horizons(connection, self.now)
            rows = waiting(connection, until)
        happens = _first_happening(self._batch)
        times = (
            at_us
            for row in rows
            if (at_us := self._due_at(row, held)) is not None
            and at_us < happens.get(_subject(row), _NEVER)
        )
        first = max(min(times, default=_NEVER), self.now_us + _LOOK_US)
        return min(first, quiet_us or _NEVER) if first <= until_us else quiet_us

    def _due_at(self, row: Waiting, held: Horizons) -> int | None:
        """When the horizon has come to what is due; None: not to be foreseen."""
        horizon = held.of(row.orchestrator_id)
        if horizon is None or horizon < row.due_at:
            name = self._names.get(row.orchestrator_id, "")
            if horizon is None or name in self._marks.names:
                return self._marks.passing(name, row.due_at)
            return self.now_us + (row.due_at - horizon) // _MICROSECOND
        return self.now_us + _LOOK_US  # it was looked at, and wants to be looked at again


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

    def take(self, at_us: int) -> Iterator[IncomingObservation]:
        """The last of each by then."""
        for key, items in list(self._held.items()):
            count = bisect_right(items, at_us, key=_received)
            if count:
                self._last[key] = items[count - 1].received_at
                yield items[count - 1]
                self._held[key] = items[count:]

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
        mine = [items for (whose, _), items in self._held.items() if whose == name and items]
        times = [
            next((i.received_at for i in items if complete_to(i) >= due_at), None) for items in mine
        ]
        known = [time for time in times if time is not None]
        return max(known) if known and len(known) == len(times) else None


def _quiet(last: int, items: list[IncomingObservation], now_us: int) -> int:
    for item in items:
        if max(last, now_us) + _QUIET_US < item.received_at:
            break
        last = item.received_at
    return max(last, now_us) + _QUIET_US


def layered(batch: list[Incoming], until_us: int) -> tuple[list[Incoming], list[Incoming]]:
    """What came by then and is the first of all its subjects, and the rest.

    What comes within the hub's own period is looked at together, and heartbeats with what came not
    long before them.
    """
    layer: list[Incoming] = []
    rest: list[Incoming] = []
    touched: dict[Subject, int] = {}
    for place, item in enumerate(batch):
        at_us = item.received_at
        if at_us > until_us:
            return layer, rest + batch[place:]
        subjects = list(subjects_of(item))
        near = _NEAR_US if _is_beat(item) else _LOOK_US
        if any(at_us - touched.get(one, at_us) > near for one in subjects):
            rest.append(item)
            touched |= dict.fromkeys(subjects, -_NEVER)  # what follows waits, too
        else:
            layer.append(item)
            for one in subjects:
                touched[one] = at_us
    return layer, rest


def _is_beat(item: Incoming) -> bool:
    return isinstance(item, IncomingEvent) and item.event.event_type is EventType.RUNNING


def _first_happening(batch: list[Incoming]) -> dict[Subject, int]:
    found: dict[Subject, int] = {}
    for item in batch:
        for one in subjects_of(item):
            found.setdefault(one, item.received_at)
    return found


def _subject(row: Waiting) -> Subject:
    return (row.kind, *_pair(row.subject)) if row.subject else (row.kind, "", "")


def _received(item: IncomingObservation) -> int:
    return item.received_at


def complete_to(item: IncomingObservation) -> datetime:
    assert isinstance(item.observation, WatermarkObserved)
    return item.observation.complete_to


def orchestrator_of(item: IncomingObservation) -> str:
    """Whose it is, as the recorder decides it."""
    return item.orchestrator or item.sender.orchestrator or "default"


def subjects_of(item: Incoming) -> Iterator[Subject]:
    """What rules could be looking at when this happens."""
    if isinstance(item, IncomingEvent):
        if item.event.job is not None:
            yield ("job", *_pair(item.event.job.name))
        for one in item.event.datasets:
            if one.direction is not Direction.INPUT or one.checks:
                yield ("dataset", *_pair(one.name))
    elif isinstance(item, IncomingObservation):
        yield _observed(item)


def _observed(item: IncomingObservation) -> Subject:
    seen = item.observation
    if isinstance(seen, ScheduleObserved):
        return ("job", *_pair(seen.job))
    if isinstance(seen, FreshnessPolicyObserved | PartitionsObserved):
        return ("dataset", *_pair(seen.dataset))
    part = seen.part if isinstance(seen, HealthObserved) else getattr(seen, "pool", "")
    return (type(seen).__name__, orchestrator_of(item), part)


def _pair(name: EntityName) -> tuple[str, str]:
    return name.namespace, name.name
