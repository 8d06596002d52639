"""Backtests that people ask for: one each, few at a time, bounded, and gone with the hub."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.backtest.of_rule import Wanted
from hub.backtest.under_way import KEPT, Backtest, Backtests, BacktestState
from hub.errors import Conflict, NotFound, Overloaded
from hub.model import Viewer
from hub.store.db import Database

READS = "import sys; sys.stdin.read(); "
TELLS = 'print(\'{"type":"along","done":3,"total":9}\', flush=True); '
SLEEPS = READS + TELLS + "import time; time.sleep(60)"
FAILS = READS + 'print(\'{"type":"failed","why":"there is nothing"}\')'
BREAKS = READS + "raise SystemExit(3)"
ALL, SALES, OPEN = Viewer(all=True), Viewer(frozenset({"sales"})), Viewer()
WAIT_S = 20.0


def wanted(viewer: Viewer = ALL) -> Wanted:
    return Wanted("failed-run", 4, viewer, [], [], {}, 60.0)


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


class World:
    def __init__(self, db: Database, code: str, most_s: float = 60) -> None:
        self.backtests = Backtests(db, command=(sys.executable, "-c", code), most_s=most_s)

    def over(self, one: Backtest) -> Backtest:
        until(lambda: self.backtests.get(one.id, ALL).state is not BacktestState.RUNNING)
        return self.backtests.get(one.id, ALL)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    """Nobody asks it anything here."""
    return Database(f"sqlite:///{tmp_path}/store.db")


def test_it_tells_how_far_it_is_and_a_second_of_the_same_person_is_refused(db: Database) -> None:
    world = World(db, SLEEPS)
    one = world.backtests.start("ada", wanted())
    until(lambda: world.backtests.get(one.id, ALL).done == 3)
    assert world.backtests.get(one.id, ALL).total == 9
    with pytest.raises(Conflict, match=one.id):
        world.backtests.start("ada", wanted())
    world.backtests.start("bob", wanted())
    with pytest.raises(Overloaded):
        world.backtests.start("cyd", wanted())
    world.backtests.close()


def test_one_that_is_cancelled_makes_room_for_the_next(db: Database) -> None:
    world = World(db, SLEEPS)
    one = world.backtests.start("ada", wanted())
    assert world.backtests.cancel(one.id, ALL).state is BacktestState.CANCELLED
    other = world.backtests.start("ada", wanted())
    assert world.backtests.get(one.id, ALL).state is BacktestState.CANCELLED
    assert [each.id for each in world.backtests.seen(ALL)] == [other.id, one.id]
    world.backtests.close()


def test_when_the_hub_stops_its_process_ends(db: Database) -> None:
    world = World(db, SLEEPS)
    one = world.backtests.start("ada", wanted())
    process = world.backtests._processes[one.id]
    world.backtests.close()
    assert process.returncode is not None
    assert world.backtests.get(one.id, ALL).state is BacktestState.CANCELLED
    with pytest.raises(Overloaded):
        world.backtests.start("ada", wanted())


def test_one_that_takes_too_long_is_given_up(db: Database) -> None:
    world = World(db, SLEEPS, most_s=0.3)
    ended = world.over(world.backtests.start("ada", wanted()))
    assert ended.state is BacktestState.FAILED
    assert (ended.why or "").startswith("it took more than 0.3 s")


@pytest.mark.parametrize(("code", "why"), [(FAILS, "there is nothing"), (BREAKS, "the log")])
def test_one_that_fails_says_why(db: Database, code: str, why: str) -> None:
    world = World(db, code)
    ended = world.over(world.backtests.start("ada", wanted()))
    assert ended.state is BacktestState.FAILED
    assert why in (ended.why or "")


def test_it_is_seen_by_whoever_may_see_all_that_its_own_viewer_may(db: Database) -> None:
    world = World(db, FAILS)
    of_sales = world.over(world.backtests.start("bob", wanted(SALES)))
    of_all = world.over(world.backtests.start("ada", wanted(ALL)))
    of_open = world.over(world.backtests.start("open", wanted(OPEN)))
    assert len(world.backtests.seen(ALL)) == 3
    assert [one.id for one in world.backtests.seen(SALES)] == [of_open.id, of_sales.id]
    assert [one.id for one in world.backtests.seen(OPEN)] == [of_open.id]
    for viewer, key in ((OPEN, of_sales.id), (SALES, of_all.id)):
        with pytest.raises(NotFound):
            world.backtests.cancel(key, viewer)


def test_only_the_latest_are_kept(db: Database) -> None:
    world = World(db, FAILS)
    first = world.over(world.backtests.start("ada", wanted()))
    for _ in range(KEPT):
        world.backtests._kept[f"{_:016}"] = first
    world.backtests.start("ada", wanted())
    world.backtests.close()
    assert len(world.backtests.seen(ALL)) == KEPT
    with pytest.raises(NotFound):
        world.backtests.get(first.id, ALL)
