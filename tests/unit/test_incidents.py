"""What a verdict makes of an incident."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.incidents import acknowledge, caused, resolve, step
from hub.model import Incident, IncidentState, Resolution, Transition
from hub.rules.base import Status, Verdict

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
BAD = Verdict(Status.VIOLATED, "k", "it is late", {"lateS": 60}, NOW - timedelta(minutes=1))
GOOD = Verdict(Status.OK, "k", "it came")
UNSURE = Verdict(Status.UNKNOWN, "k", "nobody was there to see")


def opened() -> Incident:
    made = step(None, BAD, NOW)
    assert made is not None
    return made.incident


def test_a_violation_opens_an_incident_as_of_when_it_went_wrong() -> None:
    made = step(None, BAD, NOW)
    assert made is not None
    assert made.transition is Transition.OPENED
    assert (made.incident.since, made.incident.opened_at) == (NOW - timedelta(minutes=1), NOW)


def test_the_same_violation_moves_nothing() -> None:
    assert step(opened(), BAD, NOW) is None


def test_another_reason_is_told_without_opening_anew() -> None:
    made = step(opened(), Verdict(Status.VIOLATED, "k", "it is later still"), NOW)
    assert made is not None
    assert made.transition is Transition.CHANGED
    assert made.incident.since == BAD.since


@pytest.mark.parametrize(
    "held", [None, opened(), resolve(opened(), Resolution.HEALED, "", NOW).incident]
)
def test_what_is_unknown_moves_nothing(held: Incident | None) -> None:
    assert step(held, UNSURE, NOW) is None


@pytest.mark.parametrize(
    ("retracted", "why"), [(False, Resolution.HEALED), (True, Resolution.RETRACTED)]
)
def test_what_is_good_resolves_or_retracts(retracted: bool, why: Resolution) -> None:
    made = step(opened(), Verdict(Status.OK, "k", "it came", retracted=retracted), NOW)
    assert made is not None
    assert (made.incident.state, made.incident.resolution) == (IncidentState.RESOLVED, why)
    assert step(made.incident, GOOD, NOW) is None


def test_an_acknowledged_incident_resolves_all_the_same() -> None:
    taken = acknowledge(opened(), "I look", NOW)
    assert taken is not None
    assert acknowledge(taken.incident, "I too", NOW) is None
    made = step(taken.incident, GOOD, NOW)
    assert made is not None
    assert made.transition is Transition.RESOLVED


def test_the_same_period_opens_again_without_its_cause() -> None:
    over = resolve(caused(opened(), 7, "").incident, Resolution.HEALED, "", NOW).incident
    made = step(over, BAD, NOW)
    assert made is not None
    assert made.transition is Transition.REOPENED
    assert (made.incident.parent, made.incident.resolved_at) == (None, None)


def test_what_a_person_calls_expected_does_not_open_again() -> None:
    assert step(resolve(opened(), Resolution.EXPECTED, "", NOW).incident, BAD, NOW) is None
