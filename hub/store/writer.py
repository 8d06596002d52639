"""The one writer: group commit (DESIGN D2).

Callers hand over work and wait; a single thread gathers what is waiting into one transaction.
While it commits, the next batch gathers by itself, so no timer is needed. A caller hears of its
work only after the commit. What poisons a batch is found by halving and set aside alone; a
deadlock or a lost connection repeats the batch whole.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import structlog
from sqlalchemy import Connection

from hub.errors import Overloaded
from hub.store.db import Database
from hub.store.faults import Fault, fault_of, reason_of

T = TypeVar("T")
Item_contra = TypeVar("Item_contra", contravariant=True)
Outcome = TypeVar("Outcome")

log = structlog.get_logger(__name__)

RETRIES = 8
# A row that another writer made is found the second time; one that never is, is our own mistake.
COLLISIONS = 4
FIRST_PAUSE_S = 0.02
RETRY_AFTER_S = 2


class Applier(Protocol, Generic[Item_contra, Outcome]):
    """What a batch does. One at a time, always on the writer's thread."""

    def prepare(self) -> None:
        """Before the transaction; may use transactions of its own."""

    def apply(self, connection: Connection, items: Sequence[Item_contra]) -> list[Outcome]:
        """Inside the transaction; one outcome per item, in order."""
        ...

    def committed(self) -> None:
        """The transaction is durable: what was learned in it is true."""

    def rolled_back(self, *, certain: bool) -> None:
        """Forget what the transaction learned. Not `certain`: it may have been committed yet."""

    def changed_elsewhere(self) -> None:
        """A call wrote past the applier: what it remembers may be wrong."""

    def refused(self, connection: Connection, item: Item_contra, error: Exception) -> Outcome:
        """An item that can't be applied, in a transaction of its own: keep it somewhere."""
        ...


@dataclass(slots=True)
class Work(Generic[Item_contra, Outcome]):
    """Items that came together. `settle` is called once, from the writer's thread."""

    items: Sequence[Item_contra]
    size: int
    settle: Callable[[list[Outcome] | Exception], None]


@dataclass(slots=True)
class Call:
    """A function to run in a transaction of its own."""

    function: Callable[[Connection], Any]
    future: Future[Any]
    apart: bool = False
    size: int = 0


@dataclass(slots=True)
class Figures:
    """What the writer tells of itself, for metrics and `/readyz`."""

    queued_items: int = 0
    queued_bytes: int = 0
    batches: int = 0
    last_commit_s: float = 0.0
    trouble: str = ""  # why the store takes nothing just now; "" while it does
    observers: list[Callable[[int, float], None]] = field(default_factory=list)


class Writer(Generic[Item_contra, Outcome]):
    """Owns the writing side of a store; `applier` says what a batch of items means."""

    def __init__(
        self,
        db: Database,
        applier: Applier[Item_contra, Outcome],
        *,
        max_queued_items: int = 20_000,
        max_queued_bytes: int = 256 * 2**20,
        batch_items: int = 500,
    ) -> None:
        self._db = db
        self._applier = applier
        self._max_items = max_queued_items
        self._max_bytes = max_queued_bytes
        self._batch_items = batch_items
        self._queue: deque[Work[Item_contra, Outcome] | Call] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.figures = Figures()
        #: Called on the writer's thread after each commit; they must be quick.
        self.listeners: list[Callable[[], None]] = []

    # -- for callers -----------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes nothing more, finishes what it accepted, returns when all of it is durable."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive() and not self._closing

    def submit(self, work: Work[Item_contra, Outcome]) -> None:
        """Accepts work. Raises Overloaded, before anything is kept, when the queue is full."""
        with self._wake:
            self._admit(work)
            self._enqueue(work)

    def record(self, items: Sequence[Item_contra], size: int = 0) -> list[Outcome]:
        """Applies items and waits until they are durable."""
        done: Future[list[Outcome]] = Future()
        self.submit(Work(items, size, lambda outcome: _resolve(done, outcome)))
        return done.result()

    def call(self, function: Callable[[Connection], T], *, apart: bool = False) -> T:
        """Runs `function` in one transaction of its own and returns what it returned.

        apart: it writes nothing that the applier remembers, so that what it knows stays true.
        """
        done: Future[T] = Future()
        with self._wake:
            if self._closing:
                raise Overloaded("the hub is stopping", retry_after=RETRY_AFTER_S)
            self._enqueue(Call(function, done, apart))
        return done.result()

    def _admit(self, work: Work[Item_contra, Outcome]) -> None:
        figures = self.figures
        if self._closing:
            raise Overloaded("the hub is stopping", retry_after=RETRY_AFTER_S)
        # A request larger than the whole queue is let into an empty one, else it could never pass.
        full = (
            figures.queued_items + len(work.items) > self._max_items
            or figures.queued_bytes + work.size > self._max_bytes
        )
        if full and figures.queued_items:
            raise Overloaded(
                "the hub has more to write than it can hold", retry_after=RETRY_AFTER_S
            )

    def _enqueue(self, entry: Work[Item_contra, Outcome] | Call) -> None:
        if isinstance(entry, Work):
            self.figures.queued_items += len(entry.items)
            self.figures.queued_bytes += entry.size
        self._queue.append(entry)
        self._wake.notify()

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while (entries := self._gather()) is not None:
            if isinstance(entries, Call):
                self._perform(entries)
            else:
                self._settle(entries, self._write(entries))

    def _gather(self) -> list[Work[Item_contra, Outcome]] | Call | None:
        with self._wake:
            while not self._queue:
                if self._closing:
                    return None
                self._wake.wait()
            first = self._queue.popleft()
            if isinstance(first, Call):
                return first
            return self._fill([first])

    def _fill(self, batch: list[Work[Item_contra, Outcome]]) -> list[Work[Item_contra, Outcome]]:
        count = len(batch[0].items)
        while self._queue and count < self._batch_items:
            entry = self._queue[0]
            if isinstance(entry, Call):
                break
            count += len(entry.items)
            batch.append(entry)
            self._queue.popleft()
        return batch

    def _perform(self, call: Call) -> None:
        try:
            result = self._persistently(lambda: self._transact(call.function))
        except Exception as error:  # noqa: BLE001  it is the caller's
            passing = fault_of(error) is Fault.PASSING
            call.future.set_exception(_given_up(error) if passing else error)
        else:
            if not call.apart:
                self._applier.changed_elsewhere()
            call.future.set_result(result)
            self._tell()

    def _transact(self, function: Callable[[Connection], T]) -> T:
        with self._db.writing() as connection:
            return function(connection)

    def _write(self, batch: list[Work[Item_contra, Outcome]]) -> list[Outcome | Exception]:
        items = [item for work in batch for item in work.items]
        outcomes: list[Outcome | Exception] = []
        for start in range(0, len(items), self._batch_items):
            outcomes += self._apply(items[start : start + self._batch_items])
        return outcomes

    def _apply(self, items: Sequence[Item_contra]) -> Sequence[Outcome | Exception]:
        """Commits the items; halves the batch around one that can't be applied."""
        started = time.perf_counter()
        try:
            outcomes = self._persistently(lambda: self._attempt(items))
        except Exception as error:  # noqa: BLE001  no work may stop the writer
            return self._isolate(items, error)
        self._observe(len(items), time.perf_counter() - started)
        return outcomes

    def _attempt(self, items: Sequence[Item_contra]) -> list[Outcome]:
        committing = False
        try:
            self._applier.prepare()
            with self._db.writing() as connection:
                outcomes = self._applier.apply(connection, items)
                committing = True
        except BaseException:
            self._applier.rolled_back(certain=not committing)
            raise
        self._applier.committed()
        self._tell()
        return outcomes

    def _tell(self) -> None:
        for listener in self.listeners:
            try:
                listener()
            except Exception:
                log.exception("listener_failed")

    def _isolate(
        self, items: Sequence[Item_contra], error: Exception
    ) -> Sequence[Outcome | Exception]:
        if fault_of(error) is Fault.PASSING:
            log.error("write_gave_up", items=len(items), reason=self.figures.trouble)
            return [_given_up(error)] * len(items)
        if len(items) > 1:
            half = len(items) // 2
            return [*self._apply(items[:half]), *self._apply(items[half:])]
        log.warning("item_refused", error=type(error).__name__, exc_info=error)
        return [self._refuse(items[0], error)]

    def _refuse(self, item: Item_contra, error: Exception) -> Outcome | Exception:
        try:
            return self._transact(lambda c: self._applier.refused(c, item, error))
        except Exception as second:
            self._applier.rolled_back(certain=True)
            log.exception("refusal_not_kept", error=type(second).__name__)
            return _given_up(second)

    def _persistently(self, attempt: Callable[[], T]) -> T:
        """Repeats what a deadlock, a collision or a lost connection broke, with growing pauses.

        While the store is in trouble, each batch tries it once: senders wait for the answer.
        """
        try:
            result = self._repeatedly(attempt, 0 if self.figures.trouble else RETRIES)
        except Exception as error:
            if fault_of(error) is Fault.PASSING:
                self.figures.trouble = reason_of(error)
            raise
        self.figures.trouble = ""
        return result

    def _repeatedly(self, attempt: Callable[[], T], retries: int) -> T:
        for number in range(retries):
            try:
                return attempt()
            except Exception as error:
                fault = fault_of(error)
                if fault is Fault.POISON or (fault is Fault.COLLISION and number >= COLLISIONS):
                    raise
                pause = FIRST_PAUSE_S * 2**number
                log.info("write_repeated", error=type(error).__name__, pause_s=pause)
                time.sleep(pause)
        return attempt()

    def _settle(
        self, batch: list[Work[Item_contra, Outcome]], outcomes: list[Outcome | Exception]
    ) -> None:
        with self._wake:
            self.figures.queued_items -= len(outcomes)
            self.figures.queued_bytes -= sum(work.size for work in batch)
        start = 0
        for work in batch:
            mine = outcomes[start : start + len(work.items)]
            start += len(work.items)
            self._answer(work, _of_request(mine))

    @staticmethod
    def _answer(work: Work[Item_contra, Outcome], outcome: list[Outcome] | Exception) -> None:
        try:
            work.settle(outcome)
        except Exception:
            # Whoever waited is gone, with its event loop perhaps; what it sent is durable.
            log.exception("settling_failed")

    def _observe(self, items: int, seconds: float) -> None:
        self.figures.batches += 1
        self.figures.last_commit_s = seconds
        for observer in self.figures.observers:
            try:
                observer(items, seconds)
            except Exception:
                log.exception("observer_failed")


def _given_up(error: Exception) -> Exception:
    text = f"the store takes nothing just now: {reason_of(error)}"
    failure = Overloaded(text, retry_after=RETRY_AFTER_S)
    failure.__cause__ = error
    return failure


def _of_request(outcomes: list[Any]) -> list[Any] | Exception:
    """All outcomes, or the failure if the store failed for any: the sender sends all again."""
    failed = next((o for o in outcomes if isinstance(o, Exception)), None)
    return outcomes if failed is None else failed


def _resolve(future: Future[T], outcome: T | Exception) -> None:
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
