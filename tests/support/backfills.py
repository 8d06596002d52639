"""Backfills over two orchestrators in memory, under a clock that tests move, by hubs that die."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec.structs import replace

from hub.api.hub import Hub
from hub.errors import Declined, NotFound
from hub.evaluate.telling import Transactions
from hub.model import RunState, Viewer
from hub.ports import BackfillPlan, Effect, Effects, Launched, LaunchRequest, Wish
from hub.ports.launching import launch_run_id
from hub.store import backfill_views, backfills
from hub.store.db import Connection
from hub.store.leases import no_fence
from hub.store.reading import Page
from hub.store.types import to_micros
from hub.triggers.backfills.plan import plan
from hub.triggers.backfills.round import Backfilling
from hub.triggers.backfills.spec import Backfill
from hub.triggers.backfills.told import Who, kept_of
from hub.triggers.backfills.world import read_world
from hub.triggers.following import Following
from hub.triggers.gathering import Gathering
from hub.triggers.grants import Grants
from hub.triggers.launching import HOLD_S, Launching
from hub.triggers.reruns import Reruns
from tests.support.launching import Counted, CrashError, Orchestrator, World
from tests.support.recording import NOBODY, incoming

T = TypeVar("T")

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
EVERYBODY = Viewer(all=True)
#: Of each level: whose job, what it reads, what it writes.
Level = tuple[str, str, str | None, str]
LEVELS: tuple[Level, ...] = (
    ("flow", "load", None, "raw"),
    ("mill", "build", "raw", "mid"),
    ("flow", "publish", "mid", "mart"),
)


class Named(Orchestrator):
    """Whose runs are called by what the hub proposes."""

    def launch(self, request: LaunchRequest) -> Launched:
        return _named(super().launch(request))

    def find_launched(self, request: LaunchRequest) -> Launched | None:
        found = super().find_launched(request)
        return None if found is None else _named(found)


def _named(found: Launched) -> Launched:
    return replace(found, natural_id=UUID(launch_run_id(found.key)).hex)


class Filling(Named):
    """Has backfills of its own, of which it makes two whoever asks for the same one twice at once."""

    backfills = True

    def __init__(self, *, ranges: bool) -> None:
        super().__init__(keyed=True)
        self.ranges = ranges
        self.plans: dict[str, BackfillPlan] = {}
        self.ended: dict[tuple[str, str], RunState] = {}  # by key and partition
        self.never_begun: set[tuple[str, str]] = set()
        self.left_out: set[str] = set()
        self.declines = False
        self.wishes: list[tuple[str, Wish]] = []

    def backfill(self, plan: BackfillPlan) -> Launched:
        if self.declines:
            raise Declined("it would do something else")
        again = plan.key in self.plans
        self.plans.setdefault(plan.key, plan)
        return Launched(plan.key, f"fill-{plan.key}", again=again)

    def backfilled(self, plan: BackfillPlan, natural_id: str) -> Effects:
        assert natural_id == f"fill-{plan.key}"
        if plan.key not in self.plans:
            raise NotFound("it has no such backfill any more")
        told = [(span.partition, self.ended.get((plan.key, span.partition))) for span in plan.spans]
        runs = [
            Effect(plan.job, run_of(plan.key, name).hex, state, self._end(plan.key, name), name)
            for name, state in told
            if state is not None
        ]
        left = {name for name, state in told if state is None}
        return Effects(runs, over=bool(left) and left <= self.left_out)

    def _end(self, key: str, partition: str) -> datetime | None:
        return None if (key, partition) in self.never_begun else self.at

    def steer(self, natural_id: str, wish: Wish) -> None:
        """As Airflow cancels: what had not begun is failed, and has no end."""
        self.wishes.append((natural_id, wish))
        if wish is Wish.CANCEL:
            key = natural_id.removeprefix("fill-")
            left = {(key, span.partition) for span in self.plans[key].spans} - self.ended.keys()
            self.never_begun |= left
            self.ended |= dict.fromkeys(left, RunState.FAILED)

    at = START


def run_of(key: str, partition: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"{key}/{partition}")


class Deadly(Transactions):
    """Dies at some writes, before the commit or right after it."""

    def __init__(self, hub: Hub, draw: random.Random) -> None:
        super().__init__(hub.db, hub.writer)
        self._draw = draw
        self.left: int | None = None  # writes until the next death

    def write(self, function: Callable[[Connection], T], fence: Any = no_fence) -> T:
        dies = False
        if self.left is not None:
            self.left -= 1
            dies = self.left <= 0
        if dies and self._draw.random() < 0.5:
            raise CrashError
        done = super().write(function, fence)
        if dies:
            raise CrashError
        return done


class Plant:
    """The loops of a hub, and the runs of two orchestrators."""

    def __init__(self, hub: Hub, seed: int = 1, *, own: bool = False) -> None:
        """own: both have backfills of their own, flow of ranges, mill of named partitions."""
        self.hub, self.now = hub, START
        self.draw = random.Random(seed)
        self.flow: Named = Filling(ranges=True) if own else Named()
        self.mill: Named = Filling(ranges=False) if own else Named()
        self.filling = [one for one in (self.flow, self.mill) if isinstance(one, Filling)]
        self.still = False  # no run of a backfill of theirs ends
        self.heard = dict.fromkeys(("flow", "mill"), 0)
        self.begun: list[tuple[str, str]] = []  # job and partition of each run, in their order
        self.failing: set[tuple[str, str]] = set()
        self.deaths = 0
        self.restart()

    def restart(self) -> None:
        """Another process, which knows nothing of what the last one held."""
        self.doing = Deadly(self.hub, self.draw)
        world = World(flow=self.flow, mill=self.mill)
        self.launching = Launching(
            self.doing, world, Grants(), Counted(), clock=lambda: self.now, per_hour=0
        )
        self.following = Following(self.doing, Reruns())
        self.backfilling = Backfilling(self.doing, world.ways)
        self.gathering = Gathering(self.doing, world)

    def die(self) -> None:
        self.launching.settle()
        self.deaths += 1
        self.now += timedelta(seconds=HOLD_S + 1)  # leases end
        self.restart()

    def ask(self, **asked: Any) -> int:
        """Plans and keeps a backfill."""
        wanted = Backfill.model_validate(asked)
        with self.hub.db.reading() as connection:
            graph, told = read_world(connection, EVERYBODY, wanted, lambda _: None, self.now)
        kept = kept_of(plan(graph, told, self.now), graph, wanted, Who(None, "ann"))
        return self.hub.writer.call(lambda it: backfills.add_backfill(it, kept, self.now))

    def turn(self) -> None:
        """A second passes: what is due goes out, and what was begun ends."""
        self.now += timedelta(seconds=1)
        self.backfilling.round(self.now, no_fence)
        for _ in range(6):
            self.launching.round(self.now)
            self.launching.settle()
        self._hear()
        self._fill()
        self.gathering.round(self.now, no_fence)
        while self.following.round(self.now, no_fence):
            pass

    def until_over(self, number: int, turns: int = 400) -> None:
        for _ in range(turns):
            if self.view(number).ended_at is not None:
                return
            try:
                self.turn()
            except CrashError:
                self.die()
        raise AssertionError(f"it is not over: {self.view(number).counts}")

    def view(self, number: int) -> backfill_views.BackfillRow:
        with self.hub.db.reading() as connection:
            return backfill_views.get_backfill(connection, EVERYBODY, number)

    def steps(self, number: int) -> list[backfill_views.BackfillStepView]:
        with self.hub.db.reading() as connection:
            page = Page(limit=1000)
            return backfill_views.list_steps(connection, EVERYBODY, number, page).items

    def made(self, days: list[str], levels: int = len(LEVELS)) -> None:
        """What these days have become by runs that nobody asked the hub for."""
        told: list[dict[str, Any]] = []
        for level, (engine, job, source, target) in enumerate(LEVELS[:levels]):
            for index, day in enumerate(days):
                run = str(UUID(int=(level + 1) * 10_000 + index))
                at = START - timedelta(days=1) + timedelta(minutes=level * 60 + index % 60)
                told += both((engine, job, source, target), day, run, at)
        self._record(told)

    def _hear(self) -> None:
        """The runs that were begun complete, or fail, and say so."""
        told: list[dict[str, Any]] = []
        for name, engine in (("flow", self.flow), ("mill", self.mill)):
            fresh = list(dict.fromkeys(one.key for one in engine.asked))[self.heard[name] :]
            for key in fresh:
                request = next(one for one in engine.asked if one.key == key)
                level = next(it for it in LEVELS if it[1] == request.job.name)
                day = request.partition or ""
                self.begun.append((request.job.name, day))
                bad = (request.job.name, day) in self.failing
                run = launch_run_id(key)
                told += both(level, day, run, self.now, "FAIL" if bad else "COMPLETE")
            self.heard[name] += len(fresh)
        self._record(told)

    def _fill(self) -> None:
        """Two runs of each backfill complete, or fail, and say so."""
        told: list[dict[str, Any]] = []
        for engine in [] if self.still else self.filling:
            engine.at = self.now
            for key, asked in engine.plans.items():
                level = next(it for it in LEVELS if it[1] == asked.job.name)
                names = [span.partition for span in asked.spans]
                open_ = [name for name in names if (key, name) not in engine.ended]
                for name in [one for one in open_ if one not in engine.left_out][:2]:
                    bad = (asked.job.name, name) in self.failing
                    engine.ended[key, name] = RunState.FAILED if bad else RunState.COMPLETED
                    self.begun.append((asked.job.name, name))
                    end = "FAIL" if bad else "COMPLETE"
                    told += both(level, name, str(run_of(key, name)), self.now, end)
        self._record(told)

    def tell(self, job: str, day: str, run: str) -> None:
        """Somebody else makes what the job writes for that day."""
        level = next(it for it in LEVELS if it[1] == job)
        self._record(both(level, day, run, self.now))

    def _record(self, told: list[dict[str, Any]]) -> None:
        heard = to_micros(self.now)
        self.hub.writer.record([incoming(one, NOBODY, heard_at=heard) for one in told])


def both(
    level: Level, day: str, run: str, at: datetime, end: str = "COMPLETE"
) -> list[dict[str, Any]]:
    """A run of one day begins and ends."""
    return [event(kind, *level, day, run, at) for kind in ("START", end)]


def event(
    kind: str,
    engine: str,
    job: str,
    source: str | None,
    target: str,
    day: str,
    run: str,
    at: datetime,
) -> dict[str, Any]:
    """An event of a run for one day."""
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    facets = {
        "nominalTime": {
            "_producer": "https://example.org/tests",
            "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/NominalTimeRunFacet.json",
            "nominalStartTime": begin.isoformat(),
            "nominalEndTime": (begin + timedelta(days=1)).isoformat(),
        }
    }
    return {
        "eventType": kind,
        "eventTime": at.isoformat(),
        "producer": "https://example.org/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run, "facets": facets},
        "job": {"namespace": engine, "name": job},
        "inputs": [{"namespace": "db", "name": source}] if source else [],
        "outputs": [{"namespace": "db", "name": target}],
    }


def days(first: str, count: int) -> list[str]:
    begin = datetime.fromisoformat(first)
    return [f"{begin + timedelta(days=n):%Y-%m-%d}" for n in range(count)]
