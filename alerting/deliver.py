"""The deliver loop: makes each target show what it should.

A delivery is leased, sent outside of any transaction, and recorded. Whoever crashes between leaves
a lease that ends; the delivery is sent again then, as it should be by that time.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final, Protocol

import structlog

from alerting.channels import Channels
from alerting.pacing import Bucket, failure_of, ill, well
from alerting.plan import Plan
from hub.errors import TracksideError, Unavailable
from hub.ports import DeliverStore, Health, Leased

log = structlog.get_logger(__name__)

THREADS: Final = 8
#: Of one target at once.
AT_ONCE: Final = 4
#: A call of a notifier that takes longer is somebody else's to repeat.
HOLD_S: Final = 60.0
#: So long a round waits for one of its calls to end, for what is due next takes its place.
TURN_S: Final = 0.25


class Figures(Protocol):
    """Who counts, for metrics."""

    def delivery_ended(self, target: str, *, result: str, seconds: float, key: str) -> None:
        """result: delivered, failed or dead."""


class Deliver:
    def __init__(
        self,
        store: DeliverStore,
        plan: Plan,
        channels: Channels,
        figures: Figures,
        *,
        hold_s: float = HOLD_S,
        turn_s: float = TURN_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """clock: read again after each call of a notifier, which takes its time."""
        self._store = store
        self._plan = plan
        self._channels = channels
        self._figures = figures
        self._hold_s = hold_s
        self._turn_s = turn_s
        self._clock = clock
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="deliver")
        self._under_way: Counter[str] = Counter()
        self._futures: set[Future[None]] = set()
        self._lock = Lock()
        self._first = True
        self._buckets: dict[str, Bucket] = {}
        self._begun = False
        self.replan(plan)

    def replan(self, plan: Plan) -> None:
        """By this from the next round on."""
        buckets = {
            name: Bucket(one.declared.per_minute, lambda: self._clock().timestamp())
            for name, one in plan.targets.items()
        }
        with self._lock:  # what is gone may still be under way
            self._buckets = self._buckets | buckets
            self._plan, self._begun = plan, False

    def round(self, now: datetime) -> bool:
        """Begins to send what is due; True if more may be due, once one of them has ended."""
        self._begin_anew(now)
        room = self._room(now, self._store.health())
        if not any(room.values()):
            return False
        leased = self._store.lease(now, room, self._hold_s)
        begun = {self._begin(one) for one in leased}
        if begun:
            wait(begun | self._open(), self._turn_s, FIRST_COMPLETED)
        return bool(begun)

    def _begin_anew(self, now: datetime) -> None:
        """After the start, and when the plan has changed; leases are ended after the start only."""
        with self._lock:
            begun, self._begun = self._begun, True
            targets, first, self._first = self._plan.targets, self._first, False
        if not begun:
            forgetful = [name for name, one in targets.items() if one.again_s is not None]
            self._store.begin(list(targets), forgetful, now, first=first)

    def settle(self) -> None:
        """Waits until what was begun has ended."""
        wait(self._open())

    def _open(self) -> set[Future[None]]:
        with self._lock:
            return set(self._futures)

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    # -- how much ------------------------------------------------------------------------------

    def _room(self, now: datetime, health: Mapping[str, Health]) -> dict[str, int]:
        """How many deliveries each target may be sent now."""
        with self._lock:
            busy = Counter(self._under_way)
        left = THREADS - busy.total()
        return {
            name: max(0, min(left, self._of(name, health.get(name), busy[name], now)))
            for name in self._plan.targets
        }

    def _of(self, name: str, health: Health | None, busy: int, now: datetime) -> int:
        most = AT_ONCE
        if health is not None and health.failures:
            most = 1  # whether it works again is tried with one
        if health is not None and health.paused_until is not None and health.paused_until > now:
            return 0
        return min(most - busy, self._buckets[name].room())

    # -- one -----------------------------------------------------------------------------------

    def _begin(self, one: Leased) -> Future[None]:
        if not one.again:  # nobody hears of a reminder, and what is new does not wait for it
            self._buckets[one.target].take()
        with self._lock:
            self._under_way[one.target] += 1
            future = self._pool.submit(self._send, one)
            self._futures.add(future)
        future.add_done_callback(lambda ended: self._ended(one.target, ended))
        return future

    def _ended(self, target: str, future: Future[None]) -> None:
        with self._lock:
            self._under_way[target] -= 1
            self._futures.discard(future)
        error = future.exception()
        if error is not None:  # the store: the lease ends by itself
            log.error("delivery_not_recorded", target=target, error=f"{type(error).__name__}")

    def _send(self, one: Leased) -> None:
        if self._clock() >= one.until:
            return  # it waited for a thread too long: somebody else has it
        started = time.monotonic()
        try:
            held = self._channels.get(one.target).deliver(one.delivery, one.held)
        except Unavailable as error:
            self._fail(one, error, started)
        except TracksideError as error:  # a secret that is missing, settings that don't fit
            self._fail(one, Unavailable(str(error), permanent=True), started)
        except Exception as error:
            log.exception("notifier_failed", target=one.target)
            told = Unavailable(f"the notifier failed: {type(error).__name__}")
            self._fail(one, told, started)
        else:
            now = self._clock()
            health = well(self._health(one.target), now)
            self._count(one, "delivered", started)
            if not self._store.delivered(one, held, health, now, self._again_at(one.target, now)):
                log.warning("delivery_was_late", target=one.target, key=one.delivery.key)

    def _again_at(self, target: str, now: datetime) -> datetime | None:
        declared = self._plan.targets.get(target)
        if declared is None or declared.again_s is None:
            return None
        return now + timedelta(seconds=declared.again_s)

    def _fail(self, one: Leased, error: Unavailable, started: float) -> None:
        now = self._clock()
        chance = random.random()  # noqa: S311  spreads load, guards nothing
        failure = failure_of(one, error, now, chance)
        health = ill(self._health(one.target), error, now)
        result = "dead" if failure.again_at is None else "failed"
        self._count(one, result, started)
        log.warning("delivery_failed", target=one.target, result=result, error=str(error))
        self._store.failed(one, failure, health, now)

    def _count(self, one: Leased, result: str, started: float) -> None:
        seconds = time.monotonic() - started
        self._figures.delivery_ended(
            one.target, result=result, seconds=seconds, key=one.delivery.key
        )

    def _health(self, target: str) -> Health:
        return self._store.health().get(target) or Health(name=target)
