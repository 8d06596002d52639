"""Backtests that people have asked for: a few at a time, each in a process of its own, and kept for a while.

They belong to the hub's process: when it stops they are ended, and nothing of them is kept.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from hub.backtest.apart import Along, Asked, Failed, Found, read
from hub.backtest.of_rule import RuleBacktest, Wanted
from hub.errors import Conflict, NotFound, Overloaded
from hub.model import Viewer
from hub.store.db import Database

log = structlog.get_logger(__name__)

#: One that takes longer is given up.
MOST_S: Final = 900.0
#: Whoever they are of: each keeps a core busy.
AT_ONCE: Final = 2
#: What is over is kept until so many others are.
KEPT: Final = 50
RETRY_S: Final = 30.0
_COMMAND: Final = (sys.executable, "-m", "hub.backtest.apart")
_END_S: Final = 5.0


class BacktestState(StrEnum):
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Backtest(Struct, frozen=True, kw_only=True):
    """One that somebody asked for. done, total: events gone through, of how many; total 0: not known yet.

    why: of one that failed.
    """

    id: str
    who: str
    wanted: Wanted
    asked_at: datetime
    state: BacktestState = BacktestState.RUNNING
    done: int = 0
    total: int = 0
    ended_at: datetime | None = None
    why: str | None = None
    found: RuleBacktest | None = None

    def is_seen_by(self, viewer: Viewer) -> bool:
        """What it found is what its own viewer may see."""
        mine = self.wanted.viewer
        return viewer.all or (not mine.all and mine.teams <= viewer.teams)


class Backtests:
    """All of one hub. A person has one under way at a time."""

    def __init__(
        self,
        db: Database,
        *,
        command: Sequence[str] = _COMMAND,
        most_s: float = MOST_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = db.url.render_as_string(hide_password=False)
        self._command, self._most_s, self._clock = command, most_s, clock
        self._lock = threading.Lock()
        self._kept: dict[str, Backtest] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closed = False

    def start(self, who: str, wanted: Wanted) -> Backtest:
        """Raises Conflict while one of theirs is under way, Overloaded while too many are."""
        with self._lock:
            running = [one for one in self._kept.values() if one.state is BacktestState.RUNNING]
            mine = next((one for one in running if one.who == who), None)
            if mine is not None:
                raise Conflict(
                    f"a backtest of yours, {mine.id} of the rule {mine.wanted.rule!r}, is under way; "
                    "wait for it, or cancel it"
                )
            if self._closed or len(running) >= AT_ONCE:
                raise Overloaded("other backtests are under way; ask again in a moment", RETRY_S)
            made = Backtest(id=secrets.token_hex(8), who=who, wanted=wanted, asked_at=self._clock())
            self._begin(made)
            self._forget()
            return made

    def seen(self, viewer: Viewer) -> list[Backtest]:
        """The latest first."""
        with self._lock:
            return [one for one in reversed(self._kept.values()) if one.is_seen_by(viewer)]

    def get(self, key: str, viewer: Viewer) -> Backtest:
        with self._lock:
            return self._seen(key, viewer)

    def cancel(self, key: str, viewer: Viewer) -> Backtest:
        """Ends it; one that is over stays as it is."""
        with self._lock:
            one = self._seen(key, viewer)
            if one.state is BacktestState.RUNNING:
                one = self._end(one, BacktestState.CANCELLED)
                self._processes[key].kill()
            return one

    def close(self) -> None:
        """Ends those that are under way, and waits until they have ended."""
        with self._lock:
            self._closed = True
            for one in [it for it in self._kept.values() if it.state is BacktestState.RUNNING]:
                self._end(one, BacktestState.CANCELLED)
                self._processes[one.id].kill()
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(_END_S)

    # -- the process -------------------------------------------------------------------------------

    def _begin(self, made: Backtest) -> None:
        process = subprocess.Popen(  # noqa: S603  our own command
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        thread = threading.Thread(
            target=self._follow, args=(made, process), name=f"backtest {made.id}", daemon=True
        )
        self._kept[made.id] = made
        self._processes[made.id] = process
        self._threads[made.id] = thread
        thread.start()

    def _follow(self, made: Backtest, process: subprocess.Popen[bytes]) -> None:
        """Until the process has ended, however it does."""
        late = threading.Timer(self._most_s, self._give_up, (made.id,))
        late.daemon = True
        late.start()
        asked = msgspec.json.encode(Asked(self._url, made.wanted))
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):  # it was cancelled before it had read
                process.stdin.write(asked)
                process.stdin.close()
            for line in process.stdout:
                self._hear(made.id, line)
        late.cancel()
        with self._lock:
            one = self._kept.get(made.id)  # one that was cancelled may be forgotten by now
            if one is not None and one.state is BacktestState.RUNNING:
                why = "it ended early: the log of the hub says why"
                one = self._end(one, BacktestState.FAILED, why=why)
            del self._processes[made.id], self._threads[made.id]
        state = None if one is None else one.state
        log.info("backtest_ended", rule=made.wanted.rule, by=made.who, state=state)

    def _hear(self, key: str, line: bytes) -> None:
        said = read(line)
        with self._lock:
            one = self._kept.get(key)
            if one is None or one.state is not BacktestState.RUNNING:
                return
            match said:
                case Along(done, total):
                    self._kept[key] = msgspec.structs.replace(one, done=done, total=total)
                case Found(found):
                    self._end(one, BacktestState.COMPLETED, found=found)
                case Failed(why):
                    self._end(one, BacktestState.FAILED, why=why)

    def _give_up(self, key: str) -> None:
        with self._lock:
            one = self._kept.get(key)
            if one is not None and one.state is BacktestState.RUNNING:
                self._end(
                    one,
                    BacktestState.FAILED,
                    why=f"it took more than {self._most_s:g} s; trackside backtest has no such limit",
                )
                self._processes[key].kill()

    def _end(
        self,
        one: Backtest,
        state: BacktestState,
        *,
        why: str | None = None,
        found: RuleBacktest | None = None,
    ) -> Backtest:
        ended = msgspec.structs.replace(
            one, state=state, why=why, found=found, ended_at=self._clock()
        )
        self._kept[one.id] = ended
        return ended

    def _seen(self, key: str, viewer: Viewer) -> Backtest:
        one = self._kept.get(key)
        if one is None or not one.is_seen_by(viewer):
            raise NotFound(
                f"There is no backtest '{key}' here. A hub keeps the latest ones until it stops."
            )
        return one

    def _forget(self) -> None:
        over = [key for key, one in self._kept.items() if one.state is not BacktestState.RUNNING]
        for key in over[: max(0, len(self._kept) - KEPT)]:
            del self._kept[key]
