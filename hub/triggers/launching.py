"""The launch loop: asks orchestrators for the launches that are due.

Launches are leased some at a time, asked for one by one outside of any transaction, and recorded
together. Whoever crashes between leaves leases that end; who comes next looks whether the run is
there before asking once more.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from threading import Lock
from typing import Final, NamedTuple, Protocol, TypeVar

import structlog
from msgspec import Struct

from hub.errors import Declined, NotReady, TracksideError, Unavailable
from hub.ports import Adapter, Launched, LeasedLaunch
from hub.store import launches as store
from hub.store.db import Connection
from hub.store.launch_stops import Brakes, brakes
from hub.store.launches import Limits
from hub.triggers.asking import Asking, asking_of
from hub.triggers.grants import Grants, InForce
from hub.triggers.patience import again_at

T = TypeVar("T")
log = structlog.get_logger(__name__)

THREADS: Final = 16
#: Of one orchestrator at once, on one replica.
AT_ONCE: Final = 4
#: So many of one orchestrator are leased with them and wait in line, for so long.
IN_LINE: Final = 32
IN_LINE_S: Final = 1.0
#: After so many a thread is free for another orchestrator.
IN_A_ROW: Final = 8
#: So long a round waits for one of its calls to end, for what is due next takes its place.
TURN_S: Final = 0.25
#: A call of an adapter that takes longer is somebody else's to repeat.
HOLD_S: Final = 120.0


class Way(Struct, frozen=True):
    """How an orchestrator is launched: `keyed` and `pulls` as its adapter has them.

    backfills: it has backfills of its own; ranges: of stretches of time, which it throttles. reruns:
    it can run a failed run once more.
    """

    keyed: bool
    pulls: bool
    backfills: bool = False
    ranges: bool = False
    reruns: bool = False


class Targets(Protocol):
    """The orchestrators that are declared."""

    def ways(self) -> Mapping[str, Way]:
        """Of each that can be launched."""
        ...

    @property
    def names(self) -> Collection[str]:
        """All that are declared."""
        ...

    def hand(self, name: str) -> AbstractContextManager[Adapter]:
        """An adapter that is nobody else's meanwhile. Raises ConfigError if its settings are wrong."""
        ...


class Transactions(Protocol):
    def read(self, function: Callable[[Connection], T]) -> T: ...

    def write(self, function: Callable[[Connection], T]) -> T: ...

    @property
    def is_alone(self) -> bool:
        """Whether no other process can be at this store."""
        ...


class Figures(Protocol):
    """Who counts, for metrics."""

    def launch_ended(self, orchestrator: str, *, result: str, seconds: float, launch: int) -> None:
        """result: launched, failed, held, refused or dead."""


class Ready(NamedTuple):
    """A launch that is leased; `why_not` tells why it may not go out. since: on the monotonic clock."""

    one: LeasedLaunch
    why_not: str | None
    asking: Asking
    since: float


class Ended(NamedTuple):
    """What became of a launch, which `keep` records."""

    one: LeasedLaunch
    result: str
    seconds: float
    keep: Callable[[Connection], object]


class Launching:
    def __init__(
        self,
        doing: Transactions,
        targets: Targets,
        grants: Grants,
        figures: Figures,
        *,
        per_hour: int = 0,
        hold_s: float = HOLD_S,
        turn_s: float = TURN_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """per_hour: what the breaker lets through of one target. clock: read again after a call."""
        self._doing = doing
        self._targets = targets
        self._grants = grants
        self._figures = figures
        self._per_hour = per_hour
        self._hold_s = hold_s
        self._turn_s = turn_s
        self._clock = clock
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="launch")
        self._lines: dict[str, deque[Ready]] = defaultdict(deque)
        self._busy: Counter[str] = Counter()
        self._futures: set[Future[None]] = set()
        self._ended: deque[Ended] = deque()
        self._lock = Lock()
        self._recording = Lock()
        self._begun = False

    def round(self, now: datetime) -> bool:
        """Begins to ask for what is due; True if more may be due, once one of them has ended."""
        ways = self._targets.ways()
        if not self._begun:
            self._begin_anew(ways)
            self._begun = True
        serial = frozenset(name for name, way in ways.items() if not way.keyed)
        leased = self._lease(ways, Limits(self._per_hour, serial), now)
        begun = self._begin(leased)
        if begun:
            wait(begun | self._open(), self._turn_s, FIRST_COMPLETED)
        return bool(begun)

    def settle(self) -> None:
        """Waits until what was begun has ended."""
        wait(self._open())

    def _open(self) -> set[Future[None]]:
        with self._lock:
            return set(self._futures)

    def close(self) -> None:
        self._give_back(lambda _: True)
        self._pool.shutdown(wait=True)

    # -- how much ------------------------------------------------------------------------------

    def _begin_anew(self, ways: Mapping[str, Way]) -> None:
        if self._doing.is_alone:
            fetching = [name for name, way in ways.items() if way.pulls]
            self._doing.write(lambda it: store.release_all(it, fetching))

    def _lease(self, ways: Mapping[str, Way], limits: Limits, now: datetime) -> list[Ready]:
        names = set(self._targets.names)

        def look(connection: Connection) -> tuple[Brakes, list[int], bool]:
            held = brakes(connection)
            due = store.any_due(connection, now, self._room(ways, held), limits.serial)
            return held, due, store.any_unknown(connection, names, now)

        held, keys, unknown = self._doing.read(look)
        late = time.monotonic() - IN_LINE_S
        self._give_back(lambda it: it.since < late or held.of(it.one.orchestrator) is not None)
        if unknown:
            self._doing.write(lambda it: store.hold_unknown(it, names, now))
        if not keys:
            return []
        leased = self._doing.write(lambda it: store.lease(it, keys, now, self._hold_s, limits))
        return self._doing.read(lambda it: self._ready(it, leased))

    def _room(self, ways: Mapping[str, Way], held: Brakes) -> dict[str, int]:
        """How many more launches of each orchestrator may be leased: none while all of its places
        are taken, for then it is slow, and what is leased could only wait.
        """
        with self._lock:
            left = THREADS - self._busy.total()
            return {
                name: IN_LINE - len(self._lines[name]) if left and self._is_free(name) else 0
                for name, way in ways.items()
                if not way.pulls and held.of(name) is None
            }

    def _is_free(self, name: str) -> bool:
        return self._busy[name] < AT_ONCE

    def _ready(self, connection: Connection, leased: Collection[LeasedLaunch]) -> list[Ready]:
        grants, since = self._grants.within(connection), time.monotonic()
        return [Ready(one, *_asking_of(connection, grants, one), since) for one in leased]

    def _give_back(self, is_given: Callable[[Ready], bool]) -> None:
        """What waits in line and is not to go out from here is free for whoever comes first."""
        with self._lock:
            given = [it.one for line in self._lines.values() for it in line if is_given(it)]
            for name, line in self._lines.items():
                self._lines[name] = deque(it for it in line if not is_given(it))
        by_token = groupby(sorted(given, key=attrgetter("token")), attrgetter("token"))
        for token, some in by_token:
            keys = [one.id for one in some]
            self._doing.write(partial(store.give_back, token=token, keys=keys, now=self._clock()))

    # -- one after another ---------------------------------------------------------------------

    def _begin(self, leased: Collection[Ready]) -> set[Future[None]]:
        """A thread for each place that is free, first where the fewest are at work."""
        begun = set()
        with self._lock:
            for ready in leased:
                self._lines[ready.one.orchestrator].append(ready)
            waiting = [name for name, line in self._lines.items() if line]
            for name in sorted(waiting, key=self._busy.__getitem__):
                places = min(AT_ONCE - self._busy[name], THREADS - self._busy.total())
                for _ in range(min(places, len(self._lines[name]))):
                    begun.add(self._put_to_work(name))
        for future, name in begun:
            future.add_done_callback(partial(self._rested, name))
        return {future for future, _ in begun}

    def _put_to_work(self, name: str) -> tuple[Future[None], str]:
        future = self._pool.submit(self._work, name)
        self._busy[name] += 1
        self._futures.add(future)
        return future, name

    def _rested(self, name: str, future: Future[None]) -> None:
        with self._lock:
            self._busy[name] -= 1
            self._futures.discard(future)
        error = future.exception()
        if error is not None:  # the store: the leases end by themselves
            log.error("launch_not_recorded", orchestrator=name, error=f"{type(error).__name__}")

    def _work(self, name: str) -> None:
        for _ in range(IN_A_ROW):
            with self._lock:
                if not self._lines[name]:
                    return
                ready = self._lines[name].popleft()
            if self._clock() < ready.one.until:
                self._ended.append(self._launch(ready))
                self._record()

    def _launch(self, ready: Ready) -> Ended:
        one, started = ready.one, time.monotonic()
        if ready.why_not is not None:
            return self._refused(one, ready.why_not, started)
        try:
            with self._targets.hand(one.orchestrator) as adapter:
                found = ready.asking(adapter)
        except Declined as error:
            return self._refused(one, str(error), started)
        except TracksideError as error:
            return self._failed(one, error, started)
        except Exception as error:
            log.exception("adapter_failed", orchestrator=one.orchestrator, launch=one.id)
            told = Unavailable(f"the adapter failed: {type(error).__name__}")
            return self._failed(one, told, started)
        now = self._clock()
        keep = partial(store.launched, key=one.id, token=one.token, found=found, now=now)
        return Ended(one, "launched", time.monotonic() - started, keep)

    def _refused(self, one: LeasedLaunch, why_not: str, started: float) -> Ended:
        now = self._clock()
        keep = partial(store.refused, key=one.id, token=one.token, reason=why_not, now=now)
        return Ended(one, "refused", time.monotonic() - started, keep)

    def _failed(self, one: LeasedLaunch, error: TracksideError, started: float) -> Ended:
        now = self._clock()
        chance = random.random()  # noqa: S311  spreads load, guards nothing
        next_at = again_at(one, error, now, chance)
        held = isinstance(error, NotReady) and next_at is not None
        result = "dead" if next_at is None else "held" if held else "failed"
        log.warning("launch_failed", launch=one.id, result=result, error=str(error))
        keep = partial(
            store.failed,
            key=one.id,
            token=one.token,
            reason=str(error),
            again_at=next_at,
            now=now,
            held=held,
        )
        return Ended(one, result, time.monotonic() - started, keep)

    def _record(self) -> None:
        """Keeps what has ended; what ends meanwhile is kept with it in the next transaction, by the
        thread that is at it.
        """
        while self._ended and self._recording.acquire(blocking=False):
            try:
                ended = [self._ended.popleft() for _ in range(len(self._ended))]
                self._doing.write(partial(_keep, ended))
            finally:
                self._recording.release()
            for one in ended:
                self._figures.launch_ended(
                    one.one.orchestrator,
                    result=one.result,
                    seconds=one.seconds,
                    launch=one.one.id,
                )


def _asking_of(
    connection: Connection, grants: InForce, one: LeasedLaunch
) -> tuple[str | None, Asking]:
    """One that can't be asked for is given up by itself, and holds up no other."""
    try:
        return asking_of(connection, grants, one)
    except (LookupError, TypeError, ValueError) as error:
        log.exception("launch_not_understood", launch=one.id)
        told = f"what was kept of it can't be asked for: {type(error).__name__}"

    def fail(_: Adapter) -> Launched:
        raise Unavailable(told, permanent=True)

    return None, fail


def _keep(ended: Collection[Ended], connection: Connection) -> None:
    for one in ended:
        one.keep(connection)
