"""Runs named loops: under a fenced lease, one replica at a time, with a heartbeat.

    worker = Worker(db, owner="hub-1", observer=metrics)
    worker.add(Loop("retention", every_s=3600, body=sweep))
    worker.start()

Knows no rule and no adapter: a body is a function of its Tick. A body that raises is logged,
counted and tried again at its next time; the other loops don't notice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from hub.store import leases
from hub.store.db import Database
from hub.store.leases import Fence, Held, LeaseLostError

log = structlog.get_logger(__name__)

THREADS = 8
#: A lease outlives this many missed rounds of its holder, but at least HOLD_AT_LEAST.
ROUNDS = 3
HOLD_AT_LEAST = timedelta(seconds=30)
#: How often the leases of rounds under way are prolonged, and for how long a round at most.
PROLONG_S = 1.0
LONGEST_ROUND_S = 600.0
#: A lease that each replica holds for itself: they are counted by it.
PRESENCE = "replica "
PRESENCE_S = 10.0


class Observer(Protocol):
    """Who hears of each round, for metrics."""

    def loop_ran(
        self, name: str, *, late_s: float, took_s: float, failed: bool, holding: bool
    ) -> None:
        """A round has ended that began `late_s` seconds after it was due.

        holding: it is this replica that runs the loop.
        """


@dataclass(frozen=True, slots=True)
class Tick:
    """One round of a loop. `now` is its only clock; `fence` belongs first in each transaction."""

    now: datetime
    fence: Fence
    stopping: threading.Event


@dataclass(frozen=True, slots=True)
class Loop:
    """A body that runs each `every_s` seconds; one that returns True is run again at once.

    leased: only the replica that holds the loop's lease runs it; else every replica does.
    elsewhere: called on a replica when another one holds the lease.
    shared: one of many alike, which the replicas run in equal shares.
    rests_s: so long at most it leaves rounds out while nothing is committed by this process: what
    others commit, and what is due by time alone, waits that long.
    hold_s: how long its lease outlives a replica that is gone; the longest of 30 seconds and three
    rounds if not told.
    """

    name: str
    every_s: float
    body: Callable[[Tick], bool | None]
    leased: bool = True
    elsewhere: Callable[[], None] = lambda: None
    shared: bool = False
    hold_s: float | None = None
    rests_s: float = 0.0

    @property
    def hold(self) -> timedelta:
        if self.hold_s is not None:
            return timedelta(seconds=self.hold_s)
        return max(HOLD_AT_LEAST, timedelta(seconds=ROUNDS * self.every_s))


@dataclass(slots=True)
class Heartbeat:
    """How a loop is doing, for `/readyz` and people. `holding`: this replica runs it."""

    every_s: float
    last_at: datetime | None = None
    last_error: str = ""
    holding: bool = False


class Worker:
    """All periodic loops of one hub process."""

    def __init__(
        self,
        db: Database,
        owner: str,
        observer: Observer | None = None,
        *,
        threads: int = THREADS,
        commits: Callable[[], int] | None = None,
    ) -> None:
        """`owner` names this replica; no two that run may share it.

        commits: how many there were in this process; without it no loop rests.
        """
        self._db = db
        self._owner = owner
        self._observer = observer
        self._loops: dict[str, Loop] = {}
        self._held: dict[str, Held] = {}
        self._presence: Held | None = None
        self._replicas = 1
        self._since: dict[str, float] = {}  # when the round under way began, monotonic
        self._due: dict[str, float] = {}  # when the next round should begin, monotonic
        self._commits = commits
        self._seen: dict[str, tuple[int, float]] = {}  # commits at the latest round, and when
        self._stopping = threading.Event()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(threads)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self.heartbeats: dict[str, Heartbeat] = {}

    def add(self, loop: Loop) -> None:
        """Before the start or after it; in the place of a loop of the same name."""
        self._loops[loop.name] = loop
        self.heartbeats[loop.name] = Heartbeat(loop.every_s)
        if self._scheduler.running:
            self._schedule(loop)

    def remove(self, name: str) -> None:
        """Ends a loop; a round that is under way comes to its end."""
        del self._loops[name]
        del self.heartbeats[name]
        self._scheduler.remove_job(name)

    def failing(self) -> list[str]:
        """The loops whose last round failed."""
        return [name for name, beat in self.heartbeats.items() if beat.last_error]

    @property
    def loops(self) -> Mapping[str, Loop]:
        return self._loops

    def start(self) -> None:
        self._scheduler.start()
        for loop in self._loops.values():
            self._schedule(loop)
        if not self._db.is_sqlite:
            self._scheduler.add_job(self.prolong, "interval", seconds=PROLONG_S)

    def _schedule(self, loop: Loop) -> None:
        self._scheduler.add_job(
            self._on_time,
            "interval",
            [loop.name],
            seconds=loop.every_s,
            id=loop.name,
            next_run_time=datetime.now(UTC),
            replace_existing=True,
        )

    def stop(self) -> None:
        """Lets each body come to its end, then gives the leases back."""
        self._stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        for held in (*self._held.values(), *filter(None, (self._presence,))):
            with suppress(Exception):
                self._give_back(held)
        self._held.clear()

    def _on_time(self, name: str) -> None:
        loop = self._loops.get(name)
        if loop is not None and not self._rests(loop, time.monotonic()):
            self.run(name)

    def _rests(self, loop: Loop, now: float) -> bool:
        if self._commits is None or not loop.rests_s:
            return False
        commits = self._commits()
        before, at = self._seen.get(loop.name, (-1, now))
        if commits == before and now - at < loop.rests_s:
            self._due[loop.name] = now + loop.every_s
            return True
        self._seen[loop.name] = (commits, now)
        return False

    def run(self, name: str) -> None:
        """One round of a loop, now, until it says that nothing is left."""
        loop = self._loops.get(name)
        if loop is None:  # removed since it was due
            return
        started, error = time.monotonic(), ""
        late_s = max(0.0, started - self._due.get(name, started))
        self._due[name] = started + loop.every_s
        try:
            while not self._stopping.is_set() and self._round(loop):
                pass
        except LeaseLostError:
            self._held.pop(name, None)
            log.warning("lease_lost", loop=name)
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            log.exception("loop_failed", loop=name)
        self._beat(loop, late_s, time.monotonic() - started, error)

    def _round(self, loop: Loop) -> bool:
        fence = self._fence(loop)
        if fence is None:
            loop.elsewhere()
            return False
        self._since[loop.name] = time.monotonic()
        try:
            return bool(loop.body(Tick(datetime.now(UTC), fence, self._stopping)))
        finally:
            del self._since[loop.name]

    def prolong(self) -> None:
        """Keeps the leases of rounds under way: one may take longer than its lease was taken for."""
        now = time.monotonic()
        for name, since in list(self._since.items()):
            loop, held = self._loops.get(name), self._held.get(name)
            if loop is None or held is None or now - since > LONGEST_ROUND_S:
                continue
            with self._db.writing() as connection:
                at = leases.clock(connection)
                if not leases.prolong(connection, held, now=at, hold=loop.hold):
                    log.warning("lease_not_prolonged", loop=name)

    def _fence(self, loop: Loop) -> Fence | None:
        """What fences a round, None if another replica runs the loop. SQLite has one process."""
        if not loop.leased or self._db.is_sqlite:
            return leases.no_fence
        if loop.shared and not self._is_my_share(loop):
            return None
        held = self._take(loop)
        return None if held is None else lambda connection: leases.fence(connection, held)

    def _is_my_share(self, loop: Loop) -> bool:
        """Whether this replica runs no more than its share with this loop; else it gives it up."""
        others = sum(self._loops[name].shared for name in self._held.keys() & self._loops.keys())
        if loop.name not in self._held:
            return others < self._share()
        if others <= self._share():
            return True
        held = self._held.pop(loop.name)
        self._give_back(held)
        log.info("lease_given_up", loop=loop.name)
        return False

    def _share(self) -> int:
        """Of the shared loops, rounded up."""
        shared = sum(loop.shared for loop in self._loops.values())
        return -(-shared // self._replicas)

    def be_counted(self) -> None:
        """Tells the other replicas that this one is there, and counts them."""
        with self._db.writing() as connection:
            now = leases.clock(connection)
            mine, hold = PRESENCE + self._owner, max(HOLD_AT_LEAST, timedelta(seconds=PRESENCE_S))
            self._presence = leases.take(connection, mine, self._owner, now=now, hold=hold)
            self._replicas = max(1, leases.count_held(connection, PRESENCE, now=now))

    def _give_back(self, held: Held) -> None:
        with self._db.writing() as connection:
            leases.release(connection, held, now=leases.clock(connection))

    def _take(self, loop: Loop) -> Held | None:
        with self._db.reading() as connection:
            free = leases.is_free(connection, loop.name, self._owner, now=leases.clock(connection))
        held = None
        if free:
            with self._db.writing() as connection:
                now = leases.clock(connection)
                held = leases.take(connection, loop.name, self._owner, now=now, hold=loop.hold)
        self._remember(loop.name, held)
        return held

    def _remember(self, name: str, held: Held | None) -> None:
        before = self._held.pop(name, None)
        if held is not None:
            self._held[name] = held
        if held is not None and (before is None or before.epoch != held.epoch):
            log.info("lease_taken", loop=name, epoch=held.epoch)

    def _beat(self, loop: Loop, late_s: float, took_s: float, error: str) -> None:
        beat = self.heartbeats.get(loop.name)
        if beat is None:
            return
        beat.last_at, beat.last_error = datetime.now(UTC), error
        beat.holding = not loop.leased or self._db.is_sqlite or loop.name in self._held
        if self._observer is not None:
            self._observer.loop_ran(
                loop.name,
                late_s=late_s,
                took_s=took_s,
                failed=bool(error),
                holding=beat.holding,
            )
