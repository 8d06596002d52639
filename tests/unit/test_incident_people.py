"""What people make of an incident: acknowledged, snoozed, called expected, taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.errors import BadInput, Conflict
from hub.incidents import (
    Escalation,
    Terms,
    acknowledge,
    call,
    note,
    pass_time,
    reopen,
    resolve,
    snooze,
    step,
)
from hub.model import Incident, IncidentState, Resolution, Step, Transition
from hub.rules.base import Status, Verdict

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
BAD = Verdict(Status.VIOLATED, "k", "it is late", {"lateS": 60}, NOW - timedelta(minutes=1))
GOOD = Verdict(Status.OK, "k", "it came")
TERMS = Terms("warning", escalate=Escalation(after_s=3600, to="critical"))


def opened(terms: Terms = TERMS) -> Incident:
    return done(step(None, BAD, NOW, terms)).incident


def over(why: Resolution = Resolution.HEALED) -> Incident:
    return resolve(opened(), why, "it came", NOW).incident


def done(made: Step | Incident | None) -> Step:
    assert isinstance(made, Step)
    return made


# -- snoozed ---------------------------------------------------------------------------------------


def test_what_is_snoozed_comes_back_when_the_time_is_over() -> None:
    made = done(snooze(opened(), NOW + HOUR, "later", NOW))
    assert (made.transition, made.incident.state) == (Transition.SNOOZED, IncidentState.SNOOZED)
    assert made.incident.due_at == NOW + HOUR
    back = done(pass_time(made.incident, NOW + HOUR, TERMS))
    assert (back.transition, back.incident.state) == (Transition.WOKEN, IncidentState.OPEN)
    assert back.incident.snoozed_until is None
    assert back.incident.escalates_at == NOW + 2 * HOUR


def test_what_is_snoozed_stays_so_until_the_time_is_over() -> None:
    held = done(snooze(opened(), NOW + HOUR, "later", NOW)).incident
    assert pass_time(held, NOW + HOUR - timedelta(seconds=1), TERMS) is held


def test_what_heals_while_it_is_snoozed_does_not_come_back() -> None:
    held = done(snooze(opened(), NOW + HOUR, "later", NOW)).incident
    healed = done(step(held, GOOD, NOW)).incident
    assert (healed.state, healed.due_at) == (IncidentState.RESOLVED, None)


def test_another_time_takes_the_place_of_the_first_and_the_same_moves_nothing() -> None:
    held = done(snooze(opened(), NOW + HOUR, "later", NOW)).incident
    assert snooze(held, NOW + HOUR, "later", NOW) is None
    made = done(snooze(held, NOW + 2 * HOUR, "later still", NOW))
    assert made.incident.snoozed_until == NOW + 2 * HOUR


def test_nothing_is_snoozed_into_the_past() -> None:
    with pytest.raises(BadInput, match="until"):
        snooze(opened(), NOW, "", NOW)


def test_who_acknowledges_ends_the_snooze() -> None:
    held = done(snooze(opened(), NOW + HOUR, "later", NOW)).incident
    taken = done(acknowledge(held, "I look", NOW)).incident
    assert (taken.state, taken.snoozed_until) == (IncidentState.ACKNOWLEDGED, None)


@pytest.mark.parametrize("why", list(Resolution))
def test_nothing_that_is_over_is_acknowledged_or_snoozed(why: Resolution) -> None:
    with pytest.raises(Conflict, match=f"over since 2026-11-25 09:00 UTC .{why}."):
        acknowledge(over(why), "", NOW)
    with pytest.raises(Conflict, match="nothing to snooze"):
        snooze(over(why), NOW + HOUR, "", NOW)


# -- escalation ------------------------------------------------------------------------------------


def test_what_nobody_acknowledges_becomes_more_severe() -> None:
    assert opened().due_at == NOW + HOUR
    made = done(pass_time(opened(), NOW + HOUR, TERMS))
    assert (made.transition, made.incident.severity) == (Transition.ESCALATED, "critical")
    assert made.evidence == {"openS": 3600.0, "severity": "critical", "before": "warning"}
    assert made.incident.due_at is None


def test_what_is_acknowledged_in_time_does_not_escalate() -> None:
    taken = done(acknowledge(opened(), "I look", NOW)).incident
    assert taken.due_at is None


def test_what_has_a_cause_waits_for_it() -> None:
    held = Incident(
        key="k", reason="", since=NOW, opened_at=NOW, parent=7, escalates_at=NOW, severity="warning"
    )
    later = pass_time(held, NOW, TERMS)
    assert isinstance(later, Incident)
    assert later.escalates_at == NOW + HOUR


def test_nothing_becomes_less_severe() -> None:
    terms = Terms("critical", escalate=Escalation(after_s=60, to="warning"))
    assert opened(terms).due_at is None


def test_a_rule_that_no_longer_escalates_leaves_it_as_it_is() -> None:
    left = pass_time(opened(), NOW + HOUR, Terms("warning"))
    assert isinstance(left, Incident)
    assert (left.severity, left.due_at) == ("warning", None)


def test_what_opens_again_is_as_severe_as_at_first() -> None:
    held = done(pass_time(opened(), NOW + HOUR, TERMS)).incident
    again = done(step(resolve(held, Resolution.HEALED, "", NOW).incident, BAD, NOW, TERMS)).incident
    assert (again.severity, again.escalates_at) == ("warning", NOW + HOUR)


# -- called ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", [Resolution.EXPECTED, Resolution.NEW_NORMAL])
def test_what_a_person_calls_so_is_over_and_again_is_nothing(why: Resolution) -> None:
    made = done(call(opened(), why, "a holiday", NOW))
    assert (made.transition, made.incident.resolution) == (Transition.RESOLVED, why)
    assert call(made.incident, why, "", NOW) is None


def test_what_is_over_is_called_so_afterwards() -> None:
    made = done(call(over(), Resolution.EXPECTED, "a holiday", NOW + HOUR))
    assert (made.transition, made.evidence) == (Transition.CALLED, {"before": "healed"})
    assert made.incident.resolved_at == NOW


def test_what_was_never_wrong_is_not_called_anything() -> None:
    with pytest.raises(Conflict, match="retracted"):
        call(over(Resolution.RETRACTED), Resolution.EXPECTED, "", NOW)


def test_under_a_new_normal_the_old_period_opens_no_more_and_a_new_one_does() -> None:
    held = over(Resolution.NEW_NORMAL)
    assert step(held, BAD, NOW) is None
    later = Verdict(Status.VIOLATED, "k", "late again", {}, NOW + HOUR)
    assert done(step(held, later, NOW + HOUR)).transition is Transition.REOPENED


@pytest.mark.parametrize("why", [Resolution.EXPECTED, Resolution.NEW_NORMAL])
def test_what_was_called_so_by_mistake_is_taken_back(why: Resolution) -> None:
    made = done(reopen(over(why), "a mistake", NOW, TERMS))
    assert (made.transition, made.incident.state) == (Transition.REOPENED, IncidentState.OPEN)
    assert (made.incident.resolved_at, made.incident.resolution) == (None, None)
    assert reopen(made.incident, "", NOW, TERMS) is None


@pytest.mark.parametrize("why", [Resolution.HEALED, Resolution.RETRACTED])
def test_what_no_person_ended_no_person_reopens(why: Resolution) -> None:
    with pytest.raises(Conflict, match="nobody has called it"):
        reopen(over(why), "", NOW, TERMS)


@pytest.mark.parametrize("held", [opened(), over()])
def test_a_note_moves_nothing(held: Incident) -> None:
    made = note(held, "the vendor knows")
    assert (made.transition, made.incident) == (Transition.NOTED, held)
