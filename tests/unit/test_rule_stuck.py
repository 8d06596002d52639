"""A run without a sign of life: stuck once it is silent for too long, and never before."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hub.baselines.baseline import Baseline
from hub.baselines.fit import fit
from hub.baselines.samples import Sample
from hub.model import RunState
from hub.rules.base import Blind, JobSeen, Judgement, RunSeen, Signs, Status
from hub.rules.stuck import Silence, StuckRun
from tests.support.judged import at, run, seen, statuses

VIOLATED, OK = Status.VIOLATED, Status.OK


def signs(*minutes: float, last: float | None = None, parent: float | None = None) -> Signs:
    times = [at(minute) for minute in minutes]
    end = at(last) if last is not None else max(times, default=None)
    return Signs(end, times, None if parent is None else at(parent))


def beating(begin: float, until: float, every: float, end: float | None = None) -> RunSeen:
    """A run with a heartbeat every so many minutes until one."""
    count = int((until - begin) / every)
    beats = [begin + every * (n + 1) for n in range(count)]
    return run(begin, end, signs=signs(*beats, last=max([begin, *beats])))


def look(minute: float, *runs: RunSeen, silence_s: float | None = None, **more: Any) -> Judgement:
    return StuckRun(Silence(silence_s=silence_s)).judge(seen(*runs, **more), at(minute))


def usual(minutes: float) -> Baseline:
    """Of a job whose runs take so long."""
    found = fit(Sample(at(-1440.0 * day), minutes * 60) for day in range(1, 40))
    assert found is not None
    return found


def test_a_run_is_stuck_when_it_misses_five_of_its_heartbeats() -> None:
    alive = look(34.9, beating(0, 30, 1))
    assert (statuses(alive), alive.due_at) == ([], at(35))
    dead = look(35, beating(0, 30, 1))
    assert statuses(dead) == [VIOLATED]
    one = dead.verdicts[0]
    assert one.since == at(35)
    assert "no sign of life since 2026-11-25 12:30 UTC" in one.reason
    assert "it gives one every 1 min" in one.reason
    assert (one.evidence["heartbeatS"], one.evidence["limitS"]) == (60, 300)
    assert dead.due_at == at(40)


def test_a_run_that_was_killed_before_its_first_heartbeat_goes_by_those_of_earlier_runs() -> None:
    earlier = beating(-60, -30, 1, end=-30)
    assert statuses(look(4.9, earlier, beating(0, 0, 1))) == []
    assert statuses(look(5, earlier, beating(0, 0, 1))) == [VIOLATED]


def test_a_heartbeat_that_was_late_before_may_be_so_again() -> None:
    late_once = run(0, signs=signs(1, 2, 3, 4, 5, 6, 14, 15, 16, 17, 18))
    assert look(19, late_once).due_at == at(34)


@pytest.mark.parametrize(
    "minutes",
    [
        [0.1, 0.2, 5, 5.1, 5.3, 20, 20.1, 21],  # of work, such as Spark's stages
        [0.01 * n for n in range(40)],
        [1, 2, 3, 4],  # too few to tell
    ],
)
def test_running_events_that_come_as_they_like_are_no_heartbeats(minutes: list[float]) -> None:
    assert statuses(look(1400, run(0, signs=signs(*minutes)))) == []
    assert statuses(look(1470, run(0, signs=signs(*minutes)))) == [VIOLATED]


def test_what_happens_within_a_run_is_a_sign_of_its_life() -> None:
    assert statuses(look(40, run(0, signs=signs(last=38)), silence_s=300)) == []
    assert statuses(look(44, run(0, signs=signs(last=38)), silence_s=300)) == [VIOLATED]


@pytest.mark.parametrize(
    ("more", "hours", "told"),
    [
        ({}, 23.9, []),
        ({}, 24, [VIOLATED]),
        ({"endless": True}, 240, []),
        ({"baseline": usual(60)}, 3.7, []),
        ({"baseline": usual(60)}, 4.5, [VIOLATED]),
        ({"baseline": usual(60), "endless": True}, 4.5, []),
    ],
)
def test_without_heartbeats_only_the_extreme_is_told(
    more: dict[str, Any], hours: float, told: list[Status]
) -> None:
    assert statuses(look(hours * 60, run(0, signs=Signs()), **more)) == told


def test_a_run_is_first_looked_at_when_it_runs_for_a_minute() -> None:
    assert look(0, run(0)).due_at == at(1)
    assert look(0, run(0), silence_s=90).due_at == at(1.5)


def test_a_run_that_its_orchestrator_calls_running_lives() -> None:
    polled = run(0, signs=Signs(), answered=True)
    assert look(9999, polled, silence_s=300, watched=True) == Judgement()
    assert statuses(look(9999, polled, silence_s=300)) == [VIOLATED]


def test_a_run_whose_parent_has_ended_is_an_orphan_unless_it_gives_signs() -> None:
    orphan = run(0, signs=signs(last=9, parent=10))
    early = look(10.5, orphan)
    assert (statuses(early), early.due_at) == ([], at(11))
    late = look(11, orphan)
    assert statuses(late) == [VIOLATED]
    assert "the run it is part of ended at 2026-11-25 12:10 UTC" in late.verdicts[0].reason
    assert statuses(look(20, run(0, signs=signs(last=19, parent=10)))) == []


def over(minute: float, one: RunSeen, *others: RunSeen) -> list[tuple[Status, bool]]:
    """What becomes of an incident of the run."""
    found = look(minute, one, *others, silence_s=300, open=frozenset({str(one.id)}))
    return [(verdict.status, verdict.retracted) for verdict in found.verdicts]


def test_it_is_over_with_the_next_sign_or_the_end() -> None:
    beats = [1.0, 2, 3]
    assert over(20, run(0, signs=signs(*beats))) == [(VIOLATED, False)]
    assert over(21, run(0, signs=signs(*beats, 20.0))) == [(OK, False)]
    assert over(21, run(0, 20, RunState.FAILED, signs=signs(*beats))) == [(OK, False)]


def test_it_was_never_stuck_if_the_signs_were_only_heard_late() -> None:
    assert over(21, run(0, signs=signs(1, 5, 9, 13, 17))) == [(OK, True)]
    assert over(21, run(0, 7, signs=signs(1, 5))) == [(OK, True)]


def test_it_is_over_when_the_job_has_run_again_since() -> None:
    killed = run(0, signs=signs(1, 2, 3))
    assert over(20, killed, run(9, 10)) == [(OK, False)]
    assert over(20, killed, run(7, 10)) == [(VIOLATED, False)]
    assert statuses(look(20, killed, run(9, 10), silence_s=300)) == []


def test_of_five_hundred_runs_with_heartbeats_all_that_hang_are_found_and_no_other() -> None:
    chance = random.Random(7)
    found, wrong = 0, 0
    for number in range(500):
        every = chance.choice([0.5, 1, 2, 5])
        length = chance.uniform(10, 300)
        hangs = number % 10 == 0
        stops = chance.uniform(0, length) if hangs else length
        beats = [
            n * every + chance.uniform(0, 0.3 * every) for n in range(1, int(stops / every) + 1)
        ]
        earlier = beating(-120, -20, every, end=-20)
        told = any(
            statuses(judged(earlier, [b for b in beats if b <= minute], minute))
            for minute in (stops * share / 20 for share in range(2, 21, 2))
        )
        told |= hangs and bool(statuses(judged(earlier, beats, stops + 6 * every + 1)))
        found += told and hangs
        wrong += told and not hangs
    assert (found, wrong) == (50, 0)


def judged(earlier: RunSeen, beats: list[float], minute: float) -> Judgement:
    kept = beats[-50:]
    return look(minute, earlier, run(0, signs=signs(*kept, last=max([0.0, *kept]))))


def test_a_run_that_is_no_longer_kept_is_over() -> None:
    found = StuckRun(Silence()).judge(JobSeen(seen().name, open=frozenset({"7"})), at(0))
    assert statuses(found) == [OK]


def test_silence_counts_from_when_the_hub_could_hear_again() -> None:
    down = Blind(at(20), at(50), "the hub was down")
    alive = look(54, beating(0, 20, 1), blind=(down,))
    assert (statuses(alive), alive.due_at) == ([], at(55))
    assert statuses(look(55, beating(0, 20, 1), blind=(down,))) == [VIOLATED]
    deaf = look(90, beating(0, 20, 1), blind=(Blind(at(20), None, "its orchestrator was silent"),))
    assert (statuses(deaf), deaf.due_at) == ([], at(95))
