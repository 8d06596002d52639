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
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from hub.store import leases
from hub.store.db import Connection, Database
from hub.store.leases import Fence, Held, LeaseLostError
from hub.turns import Turns

log = structlog.get_logger(__name__)

THREADS = 8
#: A lease outlives its holder by so much; with the look for what nobody holds, and a round that
#: takes it, another replica leads within 15 seconds.
HOLD_S = 8.0
#: How often it is looked which leases are to be prolonged, and how late a loop may be for that.
PROLONG_S = 1.0
LONGEST_ROUND_S = 600.0
#: How often it is looked for leases that nobody holds.
TAKE_OVER_S = 2.0
#: A lease that each replica holds for itself: they are counted by it.
PRESENCE = "replica "
PRESENCE_S = 2.0


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
    wakes: the loops that are run at once after a round of this one that has written something.
    hold_s: how long its lease outlives a replica that is gone. While the replica is there it keeps the
    lease, between rounds and in a long one, so that this may be shorter than either.
    """

    name: str
    every_s: float
    body: Callable[[Tick], bool | None]
    leased: bool = True
    elsewhere: Callable[[], None] = lambda: None
    shared: bool = False
    hold_s: float = HOLD_S
    rests_s: float = 0.0
    wakes: tuple[str, ...] = ()

    @property
    def hold(self) -> timedelta:
        return timedelta(seconds=self.hold_s)


@dataclass(slots=True)
class Heartbeat:
    """How a loop is doing, for `/readyz` and people. `holding`: this replica runs it."""

    every_s: float
    last_at: datetime | None = None
    last_error: str = ""
    holding: bool = False


class _Noted:
    """A fence that knows whether a transaction has begun behind it."""

    def __init__(self, fence: Fence) -> None:
        self._fence = fence
        self.has_written = False

    def __call__(self, connection: Connection) -> None:
        self.has_written = True
        self._fence(connection)


class Worker:
    """All periodic loops of one hub process."""

    def __init__(
        self,
        db: Database,
        owner: str,
        observer: Observer | None = None,
        *,
        threads: int = THREADS,
        turns: Turns | None = None,
        commits: Callable[[], int] | None = None,
    ) -> None:
        """`owner` names this replica; no two that run may share it.

        turns: shared loops wait for one before each round. commits: how many there were in this
        process; without it no loop rests.
        """
        self._db = db
        self._owner = owner
        self._observer = observer
        self._loops: dict[str, Loop] = {}
        self._held: dict[str, Held] = {}
        self._kept: dict[str, float] = {}  # when a lease was taken or prolonged, monotonic
        self._presence: Held | None = None
        self._replicas = 1
        self._since: dict[str, float] = {}  # when the round under way began, monotonic
        self._due: dict[str, float] = {}  # when the next round should begin, monotonic
        self._turns = turns
        self._commits = commits
        self._seen: dict[str, tuple[int, float]] = {}  # commits at the latest round, and when
        self._woken: set[str] = set()
        self._stopping = threading.Event()
        # However many rounds are under way, their leases are prolonged.
        self._pools = {"default": ThreadPoolExecutor(threads), "leases": ThreadPoolExecutor(2)}
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors=self._pools,
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
        """The loops whose last round failed, or does not come to its end."""
        now = time.monotonic()
        stuck = {name for name, at in self._since.copy().items() if now - at > LONGEST_ROUND_S}
        return [n for n, beat in self.heartbeats.items() if beat.last_error or n in stuck]

    @property
    def loops(self) -> Mapping[str, Loop]:
        return self._loops

    def start(self) -> None:
        self._scheduler.start()
        for loop in self._loops.values():
            self._schedule(loop)
        if not self._db.is_sqlite:
            for look, every_s in ((self.prolong, PROLONG_S), (self.take_over, TAKE_OVER_S)):
                self._scheduler.add_job(look, "interval", seconds=every_s, executor="leases")

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
        if self._turns is not None:
            self._turns.end()
        if self._scheduler.running:
            # It would wait with its locks held, which a round needs that wakes another loop.
            self._scheduler.shutdown(wait=False)
            for pool in self._pools.values():
                pool.shutdown(wait=True)
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
        woken = loop.name in self._woken
        self._woken.discard(loop.name)
        if commits == before and now - at < loop.rests_s and not woken:
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
        with self._turn(loop):
            fence = self._fence(loop)
            if fence is None:
                loop.elsewhere()
                return False
            self._since[loop.name] = time.monotonic()
            noted = _Noted(fence)
            try:
                return bool(loop.body(Tick(datetime.now(UTC), noted, self._stopping)))
            finally:
                del self._since[loop.name]
                if noted.has_written:
                    self._wake(loop.wakes)

    def _wake(self, names: Collection[str]) -> None:
        for name in names:
            self._woken.add(name)
            self._run_at_once(name)

    def _run_at_once(self, name: str) -> None:
        with suppress(JobLookupError):  # removed meanwhile
            self._scheduler.modify_job(name, next_run_time=datetime.now(UTC))

    def _turn(self, loop: Loop) -> AbstractContextManager[None]:
        return nullcontext() if self._turns is None or not loop.shared else self._turns.turn()

    def prolong(self) -> None:
        """Keeps the leases of loops that go on, between their rounds and in them."""
        now = time.monotonic()
        for name, held in list(self._held.items()):
            loop = self._loops.get(name)
            if loop is None or not self._is_to_prolong(loop, now):
                continue
            with self._db.writing() as connection:
                at = leases.clock(connection)
                kept = leases.prolong(connection, held, now=at, hold=loop.hold)
            if kept:
                self._kept[name] = now
            elif self._held.get(name) is held:  # else it was given back, or taken anew, meanwhile
                del self._held[name]
                log.warning("lease_not_prolonged", loop=name)

    def _is_to_prolong(self, loop: Loop, now: float) -> bool:
        """Whether it was not for a third of the time, and the loop is neither stuck nor starved."""
        last_sign = self._since.get(loop.name, self._due.get(loop.name, now))
        age = now - self._kept.get(loop.name, 0.0)
        return age >= loop.hold_s / 3 and now - last_sign <= LONGEST_ROUND_S

    def take_over(self) -> None:
        """Runs the loops whose leases nobody holds any more, long before their next time maybe."""
        with self._db.reading() as connection:
            forsaken = leases.forsaken(connection, now=leases.clock(connection))
        for name in forsaken & (self._loops.keys() - self._held.keys()):
            self._run_at_once(name)

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
            mine, hold = PRESENCE + self._owner, timedelta(seconds=HOLD_S)
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
            self._held[name], self._kept[name] = held, time.monotonic()
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
