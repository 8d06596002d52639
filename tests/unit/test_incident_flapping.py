"""A rule that opens and resolves on and on is one incident, until it was quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.incidents import Flapping, Terms, damp, pass_time, step, turned
from hub.model import Incident, IncidentState, Resolution, Step, Transition
from hub.rules.base import Status, Verdict

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = Flapping(times=3, within_s=7200, quiet_s=1800)
TERMS = Terms(flapping=RULE)
GOOD = Verdict(Status.OK, "k", "run 8 completed")


def bad(reason: str = "run 7 failed", at: datetime = NOW) -> Verdict:
    return Verdict(Status.VIOLATED, "k", reason, {"run": "7"}, at)


def turns(*minutes: int) -> list[datetime]:
    return [NOW - minute * MINUTE for minute in minutes]


def done(made: Step | Incident | None) -> Step:
    assert isinstance(made, Step)
    return made


def flapping() -> Step:
    """The opening of an incident that flaps."""
    return damp(done(step(None, bad(), NOW, TERMS)), turns(90, 60, 30, 0), RULE)


def test_openings_are_counted_within_a_window() -> None:
    assert turned(turns(200, 121, 119, 10), NOW, RULE) == turns(119, 10, 0)


def test_an_opening_that_is_heard_late_takes_its_place() -> None:
    assert turned(turns(100, 10), NOW - 30 * MINUTE, RULE) == turns(100, 30, 10)


def test_no_more_openings_than_are_allowed_are_no_flapping() -> None:
    made = done(step(None, bad(), NOW, TERMS))
    assert damp(made, turns(60, 30, 0), RULE) is made


def test_one_opening_too_many_flaps_and_says_so() -> None:
    made = flapping()
    assert made.transition is Transition.OPENED
    assert made.reason == "flapping: opened 4 times in 1 h 30 min; run 7 failed"
    assert made.evidence == {"run": "7", "opens": 4, "withinS": 5400.0}


def test_what_flaps_is_kept_open_when_it_is_good_and_tells_it_once() -> None:
    made = done(step(flapping().incident, GOOD, NOW + MINUTE, TERMS))
    assert (made.transition, made.incident.state) == (Transition.CHANGED, IncidentState.OPEN)
    assert made.reason.endswith("good since 2026-11-25 12:01 UTC: run 8 completed")
    assert made.incident.due_at == NOW + 31 * MINUTE
    assert step(made.incident, GOOD, NOW + 2 * MINUTE, TERMS) is None


def test_what_was_quiet_for_long_enough_is_over() -> None:
    calm = done(step(flapping().incident, GOOD, NOW, TERMS)).incident
    assert pass_time(calm, NOW + 29 * MINUTE, TERMS) is calm
    made = done(pass_time(calm, NOW + 30 * MINUTE, TERMS))
    assert (made.transition, made.incident.resolution) == (Transition.RESOLVED, Resolution.HEALED)
    assert made.reason == "quiet for 30 min after it opened 4 times"
    assert made.incident.flaps is None


def test_what_is_bad_again_meanwhile_is_counted_and_not_over() -> None:
    calm = done(step(flapping().incident, GOOD, NOW, TERMS)).incident
    made = done(step(calm, bad("run 9 failed", NOW + 20 * MINUTE), NOW + 20 * MINUTE, TERMS))
    assert made.transition is Transition.CHANGED
    assert made.reason == "flapping: opened 5 times in 1 h 50 min; run 9 failed"
    assert made.incident.due_at is None


def test_the_same_trouble_seen_again_is_not_counted() -> None:
    assert step(flapping().incident, bad(), NOW + MINUTE, TERMS) is None


def test_a_rule_that_does_not_damp_any_more_lets_it_go() -> None:
    made = done(step(flapping().incident, GOOD, NOW, Terms()))
    assert made.transition is Transition.RESOLVED
