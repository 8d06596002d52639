"""An orchestrator in memory that counts its runs, and the launch loop before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from hub.evaluate.telling import Transactions
from hub.model import EntityName, Viewer
from hub.ports import Launched, LaunchRequest, NewLaunch
from hub.store.db import Database
from hub.store.launch_steps import list_steps
from hub.store.launch_views import LaunchView, Wanted, get_launch, list_launches
from hub.store.launches import ask
from hub.store.reading import Page
from hub.store.writer import Writer
from hub.triggers.grants import Grants
from hub.triggers.launching import Launching, Way

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
JOB = EntityName("prod", "mart")
EVERYBODY = Viewer(all=True)


class CrashError(BaseException):
    """The process is gone: nothing catches it."""


class Orchestrator:
    """Takes runs. keyed: it refuses a second one with the same key by itself.

    before, after: called with each request, before and after the run is made. backfills, ranges: see
    Way.
    """

    backfills = ranges = reruns = False

    def __init__(self, *, keyed: bool = True) -> None:
        self.keyed = keyed
        self.runs: Counter[str] = Counter()
        self.asked: list[LaunchRequest] = []
        self.before: Callable[[LaunchRequest], None] = lambda _: None
        self.after: Callable[[LaunchRequest], None] = lambda _: None

    def launch(self, request: LaunchRequest) -> Launched:
        self.asked.append(request)
        self.before(request)
        again = self.keyed and self.runs[request.key] > 0
        if not again:
            self.runs[request.key] += 1
        self.after(request)
        return Launched(request.key, f"run-{request.key}", None, again)

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        there = self.runs[request.key] > 0
        return Launched(request.key, f"run-{request.key}", None, again=True) if there else None


class World:
    """The orchestrators that are declared."""

    def __init__(self, **orchestrators: Orchestrator) -> None:
        self.orchestrators = orchestrators

    def ways(self) -> Mapping[str, Way]:
        return {
            name: Way(one.keyed, pulls=False, backfills=one.backfills, ranges=one.ranges)
            for name, one in self.orchestrators.items()
        }

    @property
    def names(self) -> Collection[str]:
        return self.orchestrators.keys()

    @contextmanager
    def hand(self, name: str) -> Iterator[Any]:
        yield self.orchestrators[name]


class Counted:
    def __init__(self) -> None:
        self.results: Counter[str] = Counter()

    def launch_ended(self, orchestrator: str, *, result: str, seconds: float, launch: int) -> None:
        self.results[result] += 1


class Bench:
    """A launch loop over a store, with a clock that the test moves."""

    def __init__(self, db: Database, writer: Writer[Any, Any], world: World, **how: Any) -> None:
        self.db, self.writer, self.world = db, writer, world
        self.now = START
        self.counted = Counted()
        self._how = how
        self.loop = self.another()

    def another(self) -> Launching:
        """Another process' loop over the same store."""
        how = dict(self._how)
        doing = Transactions(self.db, self.writer)
        grants = how.pop("grants", Grants())
        return Launching(doing, self.world, grants, self.counted, clock=lambda: self.now, **how)

    def ask(self, *keys: str, **told: Any) -> list[int]:
        wanted = [replace(NewLaunch(key=key, orchestrator="flow", job=JOB), **told) for key in keys]
        return self.writer.call(lambda it: ask(it, wanted, self.now))

    def at(self, second: float) -> None:
        """Rounds at that time until nothing more is begun."""
        self.now = START + timedelta(seconds=second)
        for _ in range(5):
            self.loop.round(self.now)
            self.loop.settle()

    def rows(self, **wanted: Any) -> Sequence[LaunchView]:
        with self.db.reading() as connection:
            found = list_launches(connection, EVERYBODY, Wanted(**wanted), Page(), self.now)
        return found.items

    def row(self, number: int) -> LaunchView:
        with self.db.reading() as connection:
            return get_launch(connection, EVERYBODY, number, self.now).launch

    def steps(self, number: int) -> list[tuple[str, str]]:
        with self.db.reading() as connection:
            return [(one.what, one.reason) for one in list_steps(connection, number)]

    def states(self) -> list[str]:
        return [one.state for one in reversed(self.rows())]

    def do(self, function: Callable[..., Any], *told: Any) -> Any:
        """Something that a person does."""
        return self.writer.call(lambda it: function(it, *told, self.now))
