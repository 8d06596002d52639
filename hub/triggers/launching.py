"""The launch loop: asks orchestrators for the launches that are due.

A launch is leased, asked for outside of any transaction, and recorded. Whoever crashes between
leaves a lease that ends; who comes next looks whether the run is there before asking once more.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final, Protocol, TypeVar

import structlog
from msgspec import Struct

from hub.errors import Declined, NotReady, TracksideError, Unavailable
from hub.ports import (
    Adapter,
    BackfillPlan,
    FailedRun,
    Json,
    Launched,
    LaunchKind,
    LaunchRequest,
    LeasedLaunch,
    Span,
)
from hub.schedules.spelling import spelt_like
from hub.store import launches as store
from hub.store.db import Connection
from hub.store.launch_causes import cause_run
from hub.store.launch_spans import spans_of
from hub.store.launch_stops import Brakes, brakes
from hub.store.launches import Limits
from hub.store.partition_facts import latest_key
from hub.triggers.grants import Grants
from hub.triggers.patience import again_at

T = TypeVar("T")
log = structlog.get_logger(__name__)

THREADS: Final = 8
#: Of one orchestrator at once, on one replica.
AT_ONCE: Final = 4
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
        self._under_way: Counter[str] = Counter()
        self._futures: set[Future[None]] = set()
        self._lock = Lock()
        self._begun = False

    def round(self, now: datetime) -> bool:
        """Begins to ask for what is due; True if more may be due, once one of them has ended."""
        ways = self._targets.ways()
        if not self._begun:
            self._begin_anew(ways)
            self._begun = True
        serial = frozenset(name for name, way in ways.items() if not way.keyed)
        leased = self._lease(ways, Limits(self._per_hour, serial), now)
        begun = {self._begin(one) for one in leased}
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
        self._pool.shutdown(wait=True)

    # -- how much ------------------------------------------------------------------------------

    def _begin_anew(self, ways: Mapping[str, Way]) -> None:
        if self._doing.is_alone:
            fetching = [name for name, way in ways.items() if way.pulls]
            self._doing.write(lambda it: store.release_all(it, fetching))

    def _lease(
        self, ways: Mapping[str, Way], limits: Limits, now: datetime
    ) -> Sequence[LeasedLaunch]:
        names = set(self._targets.names)

        def look(connection: Connection) -> tuple[list[int], bool]:
            room = self._room(ways, brakes(connection))
            due = store.any_due(connection, now, room, limits.serial)
            return due, store.any_unknown(connection, names, now)

        keys, unknown = self._doing.read(look)
        if unknown:
            self._doing.write(lambda it: store.hold_unknown(it, names, now))
        if not keys:
            return ()
        return self._doing.write(lambda it: store.lease(it, keys, now, self._hold_s, limits))

    def _room(self, ways: Mapping[str, Way], held: Brakes) -> dict[str, int]:
        """How many launches each orchestrator may be asked for now."""
        with self._lock:
            busy = Counter(self._under_way)
        left = THREADS - busy.total()
        return {
            name: max(0, min(left, AT_ONCE - busy[name]))
            for name, way in ways.items()
            if not way.pulls and held.of(name) is None
        }

    # -- one -----------------------------------------------------------------------------------

    def _begin(self, one: LeasedLaunch) -> Future[None]:
        with self._lock:
            self._under_way[one.orchestrator] += 1
            future = self._pool.submit(self._launch, one)
            self._futures.add(future)
        future.add_done_callback(lambda ended: self._ended(one, ended))
        return future

    def _ended(self, one: LeasedLaunch, future: Future[None]) -> None:
        with self._lock:
            self._under_way[one.orchestrator] -= 1
            self._futures.discard(future)
        error = future.exception()
        if error is not None:  # the store: the lease ends by itself
            log.error("launch_not_recorded", launch=one.id, error=f"{type(error).__name__}")

    def _launch(self, one: LeasedLaunch) -> None:
        if self._clock() >= one.until:
            return  # it waited for a thread too long: somebody else has it
        started = time.monotonic()
        why_not, asking = self._doing.read(lambda it: _asking_of(it, self._grants, one))
        if why_not is not None:
            self._refuse(one, why_not, started)
            return
        try:
            with self._targets.hand(one.orchestrator) as adapter:
                found = asking(adapter)
        except Declined as error:
            self._refuse(one, str(error), started)
        except TracksideError as error:
            self._fail(one, error, started)
        except Exception as error:
            log.exception("adapter_failed", orchestrator=one.orchestrator, launch=one.id)
            told = Unavailable(f"the adapter failed: {type(error).__name__}")
            self._fail(one, told, started)
        else:
            self._doing.write(
                lambda it: store.launched(it, one.id, one.token, found, self._clock())
            )
            self._count(one, "launched", started)

    def _refuse(self, one: LeasedLaunch, why_not: str, started: float) -> None:
        self._doing.write(lambda it: store.refused(it, one.id, one.token, why_not, self._clock()))
        self._count(one, "refused", started)

    def _fail(self, one: LeasedLaunch, error: TracksideError, started: float) -> None:
        now = self._clock()
        chance = random.random()  # noqa: S311  spreads load, guards nothing
        next_at = again_at(one, error, now, chance)
        held = isinstance(error, NotReady) and next_at is not None
        result = "dead" if next_at is None else "held" if held else "failed"
        log.warning("launch_failed", launch=one.id, result=result, error=str(error))
        self._doing.write(
            lambda it: store.failed(it, one.id, one.token, str(error), next_at, now, held=held)
        )
        self._count(one, result, started)

    def _count(self, one: LeasedLaunch, result: str, started: float) -> None:
        seconds = time.monotonic() - started
        self._figures.launch_ended(one.orchestrator, result=result, seconds=seconds, launch=one.id)


def request_of(
    connection: Connection, grants: Grants, one: LeasedLaunch
) -> tuple[str | None, LaunchRequest]:
    """Why it may not be launched, or None; and what to ask for."""
    owner = store.owner_of(connection, one.job)
    why_not = grants.within(connection).why_not(
        one.team, owner, one.orchestrator, one.job, one.conf
    )
    cause = cause_run(connection, one.cause)
    partition = one.partition
    if partition is not None and (example := latest_key(connection, one.job)) is not None:
        partition = spelt_like(partition, example)
    failed = _failed_of(one.cause) if one.kind is LaunchKind.RERUN else None
    return why_not, LaunchRequest(
        one.key, one.job, partition, one.conf, one.note, one.kind, cause, failed
    )


def _failed_of(cause: Json) -> FailedRun:
    told = cause["failed"]
    return FailedRun(told["run"], datetime.fromisoformat(told["endedAt"]))


def _asking_of(
    connection: Connection, grants: Grants, one: LeasedLaunch
) -> tuple[str | None, Callable[[Adapter], Launched]]:
    """Why it may not be launched, or None; and how its orchestrator is asked."""
    why_not, request = request_of(connection, grants, one)
    if one.kind is LaunchKind.BACKFILL:
        plan = plan_of(request, spans_of(connection, one.id), one.at_once)
        return why_not, lambda adapter: adapter.backfill(plan)
    return why_not, lambda adapter: _asked(adapter, request, again=one.asked_before)


def plan_of(request: LaunchRequest, spans: Sequence[Span], at_once: int) -> BackfillPlan:
    return BackfillPlan(request.key, request.job, spans, request.conf, at_once, request.note)


def _asked(adapter: Adapter, request: LaunchRequest, *, again: bool) -> Launched:
    """The run of the request; what may have been asked for before is looked for first."""
    found: Any = adapter.find_launched(request) if again else None
    return adapter.launch(request) if found is None else found
