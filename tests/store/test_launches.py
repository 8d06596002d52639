"""A launch starts one run of its key, whatever happens on the way; and what holds one is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event
from typing import Any

import pytest

from hub.api.hub import Hub
from hub.errors import BadInput, Conflict, NotReady, Unavailable
from hub.main import writing
from hub.model import EntityName
from hub.ports import LaunchKind, LaunchRequest
from hub.settings import Settings
from hub.store import holds, launch_stops
from hub.store import launch_views as people
from hub.store.launch_steps import KEPT, note
from hub.store.launches import State
from hub.triggers.grants import Grant, Grants
from hub.triggers.launching import AT_ONCE, THREADS
from tests.support.launching import START, Bench, CrashError, Orchestrator, World
from tests.support.recording import emptied

Benches = Callable[..., Bench]


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def bench(module_hub: Hub) -> Iterator[Benches]:
    def make(flow: Orchestrator | None = None, **how: Any) -> Bench:
        world = World(flow=flow or Orchestrator())
        return Bench(module_hub.db, module_hub.writer, world, **how)

    yield make
    module_hub.writer.call(emptied)


def fails(error: BaseException, times: int = 1) -> Callable[[LaunchRequest], None]:
    left = [error] * times

    def fail(_: LaunchRequest) -> None:
        if left:
            raise left.pop()

    return fail


def crashing(it: Bench, second: float) -> None:
    """A round that ends in a crash of the process; another one takes its place."""
    it.now = START + timedelta(seconds=second)
    with suppress(CrashError):
        it.loop.round(it.now)
        it.loop.settle()
    it.loop = it.another()


# -- one after another -----------------------------------------------------------------------------


def rounds(it: Bench) -> None:
    while it.loop.round(it.now):
        pass


def test_what_is_due_goes_out_as_soon_as_a_place_is_free(bench: Benches) -> None:
    """It does not wait for the time of the next round, however few may go out at once."""
    flow = Orchestrator()
    it = bench(flow, turn_s=60)
    it.ask(*(f"key-{number}" for number in range(20)))
    rounds(it)
    it.loop.settle()
    assert flow.runs.total() == 20


def test_an_answer_that_does_not_come_keeps_one_place_and_no_more(bench: Benches) -> None:
    flow, answer = Orchestrator(), Event()

    def wait(request: LaunchRequest) -> None:
        if request.key == "slow":
            answer.wait(60)

    flow.before = wait
    it = bench(flow, turn_s=60)
    it.ask("slow", *(f"key-{number}" for number in range(20)))
    rounds(it)
    end = time.monotonic() + 30
    while flow.runs.total() < 20 and time.monotonic() < end:
        time.sleep(0.01)
    assert flow.runs.total() == 20
    assert not flow.runs["slow"]
    answer.set()
    it.loop.settle()
    assert flow.runs.total() == 21


class Slow:
    """An orchestrator whose places are all taken by calls that do not end until they may."""

    def __init__(self, bench: Benches) -> None:
        self.flow, self.may_end = Orchestrator(), Event()
        self.flow.before = self._wait
        self.it = bench(self.flow, turn_s=0)
        self.it.ask(*(f"key-{number}" for number in range(AT_ONCE + 3)))
        self.it.loop.round(self.it.now)
        self._until(lambda: len(self.flow.asked) == AT_ONCE)

    def in_line(self) -> list[str]:
        """Those that are leased though nobody has been asked for them."""
        asked = {request.key for request in self.flow.asked}
        return [one.key for one in self.it.rows() if one.attempts and one.key not in asked]

    def rounds_until_nothing_is_in_line(self) -> None:
        self._until(lambda: not self.it.loop.round(self.it.now) and not self.in_line())

    def _wait(self, _: LaunchRequest) -> None:
        self.may_end.wait(60)

    def end(self) -> None:
        self.may_end.set()
        self.it.loop.settle()

    def _until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.02)


def test_what_waits_for_a_slow_orchestrator_is_given_back_and_taken_by_another_replica(
    bench: Benches,
) -> None:
    slow = Slow(bench)
    waited = slow.in_line()
    assert len(waited) == 3
    slow.rounds_until_nothing_is_in_line()
    slow.flow.before = lambda _: None
    other = slow.it.another()
    other._begun = True
    other.round(slow.it.now)
    other.settle()
    assert [key for key in sorted(slow.flow.runs) if slow.flow.runs[key]] == sorted(waited)
    slow.end()
    assert set(slow.flow.runs.values()) == {1}
    assert [one.state for one in slow.it.rows()] == ["launched"] * (AT_ONCE + 3)


def test_a_stop_gives_back_what_waits_in_line(bench: Benches) -> None:
    slow = Slow(bench)
    slow.it.do(launch_stops.stop, "flow", "ann", "an incident")
    slow.it.loop.round(slow.it.now)
    assert slow.in_line() == []
    slow.end()
    assert slow.flow.runs.total() == AT_ONCE
    slow.it.writer.call(lambda c: launch_stops.go(c, "flow"))
    slow.it.at(1)
    assert slow.flow.runs.total() == AT_ONCE + 3


def test_a_busy_orchestrator_leaves_places_to_others(bench: Benches) -> None:
    """However long its line, each of the others gets its turn before the line has ended."""
    busy = [Orchestrator() for _ in range(THREADS // AT_ONCE)]
    order: list[str] = []
    it = bench()
    for number, flow in enumerate(busy):
        it.world.orchestrators[f"busy-{number}"] = flow
        it.ask(*(f"b-{number}-{n}" for n in range(60)), orchestrator=f"busy-{number}")
        flow.after = lambda request: order.append(request.key)
    it.world.orchestrators["flow"].after = lambda request: order.append(request.key)
    it.now = START + timedelta(seconds=1)
    it.ask("late")
    rounds(it)
    it.loop.settle()
    assert len(order) == 60 * len(busy) + 1
    assert order.index("late") < len(order) - 60


# -- asked for -------------------------------------------------------------------------------------


def test_what_is_asked_for_twice_is_one_launch(bench: Benches) -> None:
    it = bench()
    first = it.ask("a", "b", "a")
    assert first == [first[0], first[1], first[0]]
    assert it.ask("b", "c")[0] == first[1]
    it.at(0)
    assert it.world.orchestrators["flow"].runs == {"a": 1, "b": 1, "c": 1}
    assert it.states() == ["launched"] * 3


@pytest.mark.parametrize("key", ["", "A", "a b", "x" * 65, "a_b"])
def test_a_key_that_could_be_no_run_id_is_refused(bench: Benches, key: str) -> None:
    with pytest.raises(BadInput, match="key"):
        bench().ask(key)


@pytest.mark.parametrize("conf", [{"a": "\ud800"}, {"a": object()}])
def test_a_conf_that_can_not_be_kept_is_refused(bench: Benches, conf: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="conf"):
        bench().ask("a", conf=conf)


def test_a_launch_waits_for_its_time_and_is_given_up_after_it(bench: Benches) -> None:
    it = bench()
    (later,) = it.ask("a", not_before=START + timedelta(seconds=30))
    (late,) = it.ask("b", held="paused by its team", give_up_at=START + timedelta(seconds=40))
    it.at(29)
    assert (it.row(later).state, it.row(late).state) == ("due", "held")
    it.at(30)
    assert it.row(later).state == "launched"
    it.at(41)
    assert it.row(late).state == "dead"
    assert it.row(late).reason == (
        "it was not launched by 2026-11-30 12:00 UTC (paused by its team)"
    )


# -- on its way ------------------------------------------------------------------------------------


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("error", [Unavailable("500"), Unavailable("no answer in 30 s")])
def test_a_run_that_was_made_though_the_answer_failed_is_found_again(
    bench: Benches, keyed: bool, error: Unavailable
) -> None:
    flow = Orchestrator(keyed=keyed)
    flow.after = fails(error, 1)
    it = bench(flow)
    (one,) = it.ask("a")
    it.at(0)
    assert (it.row(one).state, it.row(one).reason) == ("due", str(error))
    it.at(10)
    assert (it.row(one).state, flow.runs) == ("launched", {"a": 1})
    assert it.steps(one)[-1] == ("launched", "as run-a, which was there before")


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_crash_around_the_call_makes_one_run(bench: Benches, keyed: bool, where: str) -> None:
    flow = Orchestrator(keyed=keyed)
    setattr(flow, where, fails(CrashError()))
    it = bench(flow, hold_s=60)
    (one,) = it.ask("a")
    crashing(it, 0)
    it.at(5 if it.db.is_sqlite else 61)
    assert (it.row(one).state, flow.runs) == ("launched", {"a": 1})


class Dying:
    """Transactions of a process that is gone once the orchestrator has taken a run."""

    def __init__(self, doing: Any, flow: Orchestrator) -> None:
        self._doing, self._flow = doing, flow
        self.is_alone = doing.is_alone

    def read(self, function: Any) -> Any:
        return self._doing.read(function)

    def write(self, function: Any) -> Any:
        if self._flow.runs:
            raise CrashError
        return self._doing.write(function)


def test_a_crash_between_the_call_and_its_record_makes_one_run(bench: Benches) -> None:
    flow = Orchestrator(keyed=False)
    it = bench(flow, hold_s=60)
    (one,) = it.ask("a")
    it.loop._doing = Dying(it.loop._doing, flow)
    crashing(it, 0)
    assert (flow.runs, it.row(one).natural_id) == ({"a": 1}, None)
    it.at(5 if it.db.is_sqlite else 61)
    assert (it.row(one).state, flow.runs) == ("launched", {"a": 1})


def test_two_replicas_ask_once(bench: Benches) -> None:
    flow = Orchestrator(keyed=False)
    it = bench(flow)
    it.ask(*(f"key-{number}" for number in range(12)))
    loops = [it.loop, it.another()]
    for _ in range(20):
        for loop in loops:
            loop.round(it.now)
        for loop in loops:
            loop.settle()
    assert set(flow.runs.values()) == {1}
    assert len(flow.asked) == len(flow.runs) == 12


def test_a_late_answer_is_kept_though_the_lease_has_passed_on(bench: Benches) -> None:
    flow = Orchestrator()
    it = bench(flow, hold_s=10)
    (one,) = it.ask("a")

    def while_asked(_: LaunchRequest) -> None:
        flow.after = lambda _: None
        it.now = START + timedelta(seconds=11)
        other = it.another()
        other._begun = True
        other.round(it.now)
        other.settle()

    flow.after = while_asked
    it.at(0)
    assert (it.row(one).state, flow.runs) == ("launched", {"a": 1})
    assert [what for what, _ in it.steps(one)] == ["asked", "launched"]


def test_launches_of_one_job_go_one_by_one_where_the_orchestrator_knows_no_keys(
    bench: Benches,
) -> None:
    flow = Orchestrator(keyed=False)
    at_once: list[int] = []
    under_way: list[str] = []

    def enter(request: LaunchRequest) -> None:
        under_way.append(request.key)
        at_once.append(len(under_way))

    flow.before, flow.after = enter, lambda request: under_way.remove(request.key)
    it = bench(flow)
    it.ask(*(f"key-{number}" for number in range(6)))
    for second in range(6):
        it.at(second)
    assert (max(at_once), len(flow.runs)) == (1, 6)


def test_the_end_of_one_job_s_launch_lets_none_of_another_job_go_out_beside_its_first(
    bench: Benches,
) -> None:
    flow, answer, both = Orchestrator(keyed=False), Event(), Barrier(2)

    def hang(request: LaunchRequest) -> None:
        if request.key in ("quick", "slow-1"):
            both.wait(30)
        if request.key == "slow-1":
            answer.wait(30)

    flow.before = hang
    it = bench(flow)
    it.ask("quick", job=EntityName("prod", "quick"))
    it.ask("slow-1", "slow-2", job=EntityName("prod", "slow"))
    deadline = time.monotonic() + 30
    while flow.runs["quick"] == 0 and time.monotonic() < deadline:
        it.loop.round(it.now)
    for _ in range(5):
        it.loop.round(it.now)
    asked = [request.key for request in flow.asked]
    answer.set()
    it.loop.settle()
    assert sorted(asked) == ["quick", "slow-1"]
    it.at(1)
    assert flow.runs == {"quick": 1, "slow-1": 1, "slow-2": 1}


# -- failures --------------------------------------------------------------------------------------


def test_what_passes_is_asked_again_later_and_later_and_given_up_after_a_day(
    bench: Benches,
) -> None:
    flow = Orchestrator()
    flow.before = fails(Unavailable("503"), 10_000)
    it = bench(flow)
    (one,) = it.ask("a")
    pauses = []
    for hour in (0, 1, 2, 23):
        it.at(hour * 3600)
        next_at = it.row(one).next_at
        assert next_at is not None
        pauses.append((next_at - it.now).total_seconds())
    assert pauses == sorted(pauses)
    assert 1 <= pauses[0] <= 2
    it.at(25 * 3600)
    assert (it.row(one).state, it.row(one).reason, flow.runs) == ("dead", "503", {})
    assert it.row(one).attempts == len(flow.asked) == 5


def test_a_launch_that_fails_is_late_since_it_failed_first_whenever_it_is_asked_again(
    bench: Benches,
) -> None:
    flow = Orchestrator()
    flow.before = fails(Unavailable("503"), 10_000)
    it = bench(flow)
    it.ask("a")
    for second in (0, 60, 120, 600):
        it.at(second)
    with it.db.reading() as connection:
        assert list(people.launch_figures(connection, it.now).lags.values()) == [600]
    flow.before = lambda _: None
    it.at(7200)
    with it.db.reading() as connection:
        assert people.launch_figures(connection, it.now).lags == {}


def test_of_many_steps_the_first_and_the_latest_are_kept(bench: Benches) -> None:
    it = bench()
    (one,) = it.ask("a", note="for the mart")

    def many(connection: Any) -> None:
        for number in range(2 * KEPT):
            note(connection, one, "failed", str(number), it.now)

    it.writer.call(many)
    steps = it.steps(one)
    assert len(steps) == KEPT + 1
    assert (steps[0], steps[-1]) == (("asked", "for the mart"), ("failed", str(2 * KEPT - 1)))


def test_retry_after_is_kept(bench: Benches) -> None:
    flow = Orchestrator()
    flow.before = fails(Unavailable("429", retry_after_s=120))
    it = bench(flow)
    (one,) = it.ask("a")
    it.at(0)
    it.at(119)
    assert len(flow.asked) == 1
    it.at(121)
    assert it.row(one).state == "launched"


def test_a_permanent_error_is_dead_at_once_and_sent_again_by_a_person(bench: Benches) -> None:
    flow = Orchestrator()
    flow.before = fails(Unavailable("404: no such address", permanent=True))
    it = bench(flow)
    (one,) = it.ask("a")
    it.at(0)
    assert (it.row(one).state, it.row(one).reason) == ("dead", "404: no such address")
    it.at(3600)
    assert len(flow.asked) == 1
    it.do(people.resend, one, "ann")
    it.at(3601)
    assert (it.row(one).state, flow.runs) == ("launched", {"a": 1})
    with pytest.raises(Conflict, match="launched"):
        it.do(people.resend, one, "ann")


def test_a_paused_job_is_told_as_held_and_launched_when_it_is_back(bench: Benches) -> None:
    flow = Orchestrator()
    flow.before = fails(NotReady("the Dag mart is paused"), 3)
    it = bench(flow)
    (one,) = it.ask("a")
    it.at(0)
    assert (it.row(one).state, it.row(one).reason) == ("held", "the Dag mart is paused")
    for second in range(0, 400, 30):
        it.at(second)
    assert (it.row(one).state, flow.runs) == ("launched", {"a": 1})


def test_one_that_can_not_be_asked_for_is_dead_and_holds_up_no_other(bench: Benches) -> None:
    it = bench()
    (spoilt,) = it.ask("spoilt", kind=LaunchKind.RERUN, cause={})
    (sound,) = it.ask("sound")
    it.at(0)
    assert (it.row(spoilt).state, it.row(sound).state) == ("dead", "launched")
    assert it.row(spoilt).reason == "what was kept of it can't be asked for: KeyError"


def test_an_orchestrator_that_is_not_declared_holds_its_launches(bench: Benches) -> None:
    it = bench()
    (one,) = it.ask("a", orchestrator="gone")
    it.at(0)
    assert (it.row(one).state, it.row(one).reason) == ("held", "its orchestrator is not declared")
    it.world.orchestrators["gone"] = Orchestrator()
    it.at(61)
    assert it.row(one).state == "launched"


# -- what holds ------------------------------------------------------------------------------------


def test_the_breaker_holds_what_is_too_many_until_a_person_lets_it_go(bench: Benches) -> None:
    flow = Orchestrator()
    it = bench(flow, per_hour=5)
    numbers = it.ask(*(f"key-{number}" for number in range(8)))
    others = it.ask("other", job=EntityName("prod", "other"))
    for second in range(5):
        it.at(second)
    assert it.states().count("launched") == 6
    assert it.row(others[0]).state == "launched"
    held = [one for one in numbers if it.row(one).state == "held"]
    assert len(held) == 3
    assert "the breaker holds it: 5 launches" in (it.row(held[0]).reason or "")
    it.at(7200)
    assert [it.row(one).state for one in held] == ["held"] * 3
    for one in held:
        it.do(people.release, one, "ann")
    it.at(7201)
    assert len(flow.runs) == 9


def test_a_stop_holds_all_and_loses_nothing(bench: Benches) -> None:
    flow = Orchestrator()
    it = bench(flow)
    it.do(launch_stops.stop, "flow", "ann", "an incident")
    (one,) = it.ask("a")
    it.at(0)
    reason = "launches were stopped by ann: an incident"
    assert (it.row(one).state, it.row(one).reason, flow.runs) == ("held", reason, {})
    assert [row.id for row in it.rows(state=State.HELD)] == [one]
    assert it.rows(state=State.DUE) == []
    it.writer.call(lambda c: launch_stops.go(c, "flow"))
    it.at(1)
    assert it.row(one).state == "launched"


def test_after_a_restore_nothing_goes_out_until_it_is_confirmed(bench: Benches) -> None:
    it = bench()
    it.writer.call(lambda c: holds.begin_again(c, "the store was restored", datetime.now(UTC)))
    (one,) = it.ask("a")
    it.at(0)
    assert it.row(one).state == "held"
    assert (it.row(one).reason or "").startswith("the store was restored at ")
    it.writer.call(holds.confirm)
    it.at(1)
    assert it.row(one).state == "launched"


def test_a_team_launches_only_what_is_granted(bench: Benches) -> None:
    grants = Grants([Grant(team="marts", job="mart*", conf=["day"])])
    it = bench(grants=grants)
    (good,) = it.ask("a", team="marts", conf={"day": 1})
    (barred,) = it.ask("b", team="marts", conf={"day": 1, "drop": True})
    (stranger,) = it.ask("c", team="others")
    it.at(0)
    assert [it.row(one).state for one in (good, barred, stranger)] == [
        "launched",
        "refused",
        "refused",
    ]
    assert it.row(barred).reason == "team marts may not set drop in the conf of mart"
    assert "no grant lets it" in (it.row(stranger).reason or "")


def test_what_is_cancelled_is_not_launched(bench: Benches) -> None:
    flow = Orchestrator()
    it = bench(flow)
    (one,) = it.ask("a")
    it.do(people.cancel, one, "ann")
    it.at(0)
    assert (it.row(one).state, flow.runs) == ("cancelled", {})
    (two,) = it.ask("b")
    it.at(1)
    with pytest.raises(Conflict, match="launched"):
        it.do(people.cancel, two, "ann")
