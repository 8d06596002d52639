"""One poll of one orchestrator: ask, record, and only then move on.

What was seen is durable before the cursor moves, and recording it twice is harmless, so a crash at
any point repeats at most one poll. An orchestrator that does not answer is asked again after growing
pauses; that it is away is told as its health being UNKNOWN, never as a failure of its jobs.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
import structlog
from msgspec.structs import replace

from hub.errors import Overloaded, TracksideError, Unavailable
from hub.model import HealthObserved, HealthStatus, Observation
from hub.polls.fleet import Fleet, Member
from hub.ports import KnownRun, Observed, RunName
from hub.record import Accepted, Incoming, IncomingObservation, Sender
from hub.record.intake import Intake, Writes
from hub.store.db import Connection, Database
from hub.store.leases import Fence
from hub.store.polls import PollState, known_runs, open_runs, poll_state, save_poll
from hub.store.types import to_micros

log = structlog.get_logger(__name__)

#: Events that are handed to the writer at once.
CHUNK: Final = 500
FIRST_PAUSE_S: Final = 15.0
LONGEST_PAUSE_S: Final = 300.0
#: After a failure that only a person can mend.
PERMANENT_PAUSE_S: Final = 120.0
#: The part of an orchestrator's health that says whether it can be asked.
PART: Final = "connection"
ERROR_LENGTH: Final = 1_000


class Figures(Protocol):
    """Who hears of each poll, for metrics."""

    def polled(self, orchestrator: str, *, result: str, seconds: float, requests: int) -> None:
        """A poll ended: `done`, `failed`, or `refused` (the store took nothing)."""


class Writer(Writes, Protocol):
    def call(self, function: Any) -> Any: ...


class Poller:
    """Polls any of the fleet."""

    def __init__(
        self, fleet: Fleet, db: Database, writer: Writer, intake: Intake, figures: Figures
    ) -> None:
        self._fleet = fleet
        self._db = db
        self._writer = writer
        self._intake = intake
        self._figures = figures

    def poll(self, name: str, now: datetime, fence: Fence) -> bool:
        """Asks once, unless a pause is on; True if there is more to read at once."""
        member = self._fleet.members.get(name)
        if member is None:
            return False
        with self._db.reading() as connection:
            state = poll_state(connection, name) or PollState(orchestrator=name, next_at=now)
        if now < state.next_at:
            return False
        one = _Poll(member, replace(state, begun_at=now), now)
        try:
            adapter = self._fleet.adapter(name)
            seen = adapter.observe(state.cursor, now, StoredRuns(self._db, name))
            new = self._record(one, seen)
        except Overloaded as error:
            # The store's trouble is not the orchestrator's: the same is asked again next time.
            log.warning("poll_refused", orchestrator=name, error=str(error))
            self._figures.polled(name, result="refused", seconds=one.seconds, requests=0)
            return False
        except Exception as error:  # noqa: BLE001  one orchestrator must not harm the others
            if self._fleet.closed:
                log.info("poll_left_undone", orchestrator=name, error=str(error))
            else:
                self._fail(one, error, fence)
            return False
        self._save(member, one.succeeded(seen, new), fence)
        self._figures.polled(name, result="done", seconds=one.seconds, requests=seen.requests)
        return seen.more

    def _record(self, one: _Poll, seen: Observed) -> int:
        """Makes all that was seen durable; the number of new items."""
        new = 0
        for chunk in _chunks(self._items(one, seen)):
            new += self._writer.record(chunk).count(Accepted(new=True))
        return new

    def _items(self, one: _Poll, seen: Observed) -> Iterator[Incoming]:
        for event in seen.events:
            read = self._intake.event(msgspec.json.encode(event), one.sender)
            if read.error is not None:
                name = one.member.name
                log.error("polled_event_refused", orchestrator=name, error=str(read.error))
            yield from read.items
        yield from map(one.observation, seen.observations)
        if one.state.failures or one.state.ended_at is None:
            yield one.health(HealthStatus.HEALTHY)

    def _fail(self, one: _Poll, error: Exception, fence: Fence) -> None:
        expected = isinstance(error, TracksideError)
        mistake = f"the adapter {one.member.kind!r} failed: {type(error).__name__}"
        text = shorten_text(str(error) if expected else mistake)
        state = one.failed(text, permanent=_permanent(error), chance=random.random())  # noqa: S311
        log.warning(
            "poll_failed",
            orchestrator=one.member.name,
            error=text,
            failures=state.failures,
            exc_info=None if expected else error,
        )
        self._figures.polled(one.member.name, result="failed", seconds=one.seconds, requests=0)
        self._writer.record([one.health(HealthStatus.UNKNOWN, text)])
        self._save(one.member, state, fence)

    def _save(self, member: Member, state: PollState, fence: Fence) -> None:
        def save(connection: Connection) -> None:
            fence(connection)
            save_poll(connection, state, member.kind)

        self._writer.call(save)


class _Poll:
    """One poll that is under way."""

    def __init__(self, member: Member, state: PollState, now: datetime) -> None:
        self.member = member
        self.state = state
        self.sender = Sender(orchestrator=member.name, team=member.team)
        self._now = now
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def observation(self, seen: Observation) -> Incoming:
        return IncomingObservation(seen, to_micros(self._now), self.member.name, self.sender)

    def health(self, status: HealthStatus, detail: str | None = None) -> Incoming:
        return self.observation(HealthObserved(status, self._now, PART, detail))

    def succeeded(self, seen: Observed, new: int) -> PollState:
        held, ended = self.state, self._now + timedelta(seconds=self.seconds)
        skew_us = held.clock_skew_us if seen.skew_s is None else round(seen.skew_s * 1e6)
        return replace(
            held,
            cursor=seen.cursor,
            ended_at=ended,
            complete_at=held.complete_at if seen.more else ended,
            next_at=self._now,
            failures=0,
            error=None,
            progress=seen.progress if seen.more else "",
            requests=held.requests + seen.requests,
            events=held.events + new,
            clock_skew_us=skew_us,
        )

    def failed(self, text: str, *, permanent: bool, chance: float) -> PollState:
        failures = self.state.failures + 1
        ended = self._now + timedelta(seconds=self.seconds)
        pause = timedelta(seconds=pause_after(failures, permanent=permanent, chance=chance))
        return replace(
            self.state, failures=failures, error=text, ended_at=ended, next_at=ended + pause
        )


class StoredRuns:
    """What the store knows of one orchestrator's runs (`hub.ports.Known`)."""

    def __init__(self, db: Database, orchestrator: str) -> None:
        self._db = db
        self._orchestrator = orchestrator

    def open_runs(self, limit: int) -> list[KnownRun]:
        with self._db.reading() as connection:
            return open_runs(connection, self._orchestrator, limit)

    def runs(self, names: Sequence[RunName]) -> Mapping[RunName, KnownRun]:
        with self._db.reading() as connection:
            return known_runs(connection, self._orchestrator, names)


def pause_after(failures: int, *, permanent: bool, chance: float) -> float:
    """Seconds until the next try: doubling from FIRST_PAUSE_S, spread by a quarter (`chance` 0..1)."""
    usual = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10))
    least = PERMANENT_PAUSE_S if permanent else 0.0
    return max(usual, least) * (0.75 + chance / 2)


def _permanent(error: Exception) -> bool:
    return not isinstance(error, Unavailable) or error.permanent


def shorten_text(text: str) -> str:
    return text if len(text) <= ERROR_LENGTH else text[: ERROR_LENGTH - 1] + "…"


def _chunks(items: Iterator[Incoming]) -> Iterator[list[Incoming]]:
    chunk: list[Incoming] = []
    for item in items:
        chunk.append(item)
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
