"""What verdicts, time and people make of an incident: pure.

An incident is the period in which one rule is violated by one subject. It opens once per (rule,
subject, key), resolves by itself when the world heals, is retracted when late evidence shows that
nothing was wrong, and opens again if the same period goes wrong again. UNKNOWN moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field

from hub.errors import BadInput, Conflict
from hub.model import (
    CALLED_SO,
    SEVERITIES,
    Evidence,
    Flaps,
    Incident,
    IncidentSeverity,
    IncidentState,
    Resolution,
    Step,
    Transition,
)
from hub.rules.base import Status, Verdict, spoken

Severity = IncidentSeverity


class Flapping(BaseModel):
    """When a rule flaps on a subject: its incident is kept open then until it was quiet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    times: int = Field(5, ge=1, le=100, description="openings that are no flapping yet")
    within_s: float = Field(7200, gt=0, description="seconds in which they are counted")
    quiet_s: float = Field(3600, gt=0, description="seconds without trouble that end it")


class Escalation(BaseModel):
    """What becomes of an incident that nobody acknowledges."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_s: float = Field(gt=0, description="seconds it is open and nobody acknowledges it")
    to: Severity = Field("critical", description="its severity then")


class Terms(Struct, frozen=True):
    """What a rule says of its incidents. each_by_itself: they flap by their keys, not together."""

    severity: str = "error"
    flapping: Flapping | None = None
    escalate: Escalation | None = None
    each_by_itself: bool = False

    def escalates_at(self, now: datetime, severity: str) -> datetime | None:
        """When an incident that waits for somebody since now becomes more severe."""
        if self.escalate is None or _rank(self.escalate.to) <= _rank(severity):
            return None
        return now + timedelta(seconds=self.escalate.after_s)


PLAIN: Final = Terms()


# -- verdicts ----------------------------------------------------------------------------------


def step(
    held: Incident | None, verdict: Verdict, now: datetime, terms: Terms = PLAIN
) -> Step | None:
    """What a verdict makes of the incident of its key; None: nothing."""
    if verdict.status is Status.VIOLATED:
        return _violated(held, verdict, now, terms)
    if verdict.status is Status.OK and held is not None and held.is_open:
        if held.flaps is not None and terms.flapping is not None:
            return _calmed(held, held.flaps, verdict, now, terms.flapping)
        why = Resolution.RETRACTED if verdict.retracted else Resolution.HEALED
        return resolve(held, why, verdict.reason, now, verdict.evidence)
    return None


def _violated(held: Incident | None, verdict: Verdict, now: datetime, terms: Terms) -> Step | None:
    if held is None:
        fresh = Incident(
            key=verdict.key,
            severity=terms.severity,
            reason=verdict.reason,
            evidence=verdict.evidence,
            since=verdict.since or now,
            opened_at=now,
            escalates_at=terms.escalates_at(now, terms.severity),
        )
        return Step(Transition.OPENED, fresh, verdict.reason, verdict.evidence)
    if held.is_open:
        return _flapped(held, held.flaps, verdict, now) if held.flaps else _changed(held, verdict)
    if _called_so(held, verdict):
        return None
    told = replace(held, reason=verdict.reason, evidence=verdict.evidence)
    return Step(
        Transition.REOPENED, _opened_again(told, now, terms), verdict.reason, verdict.evidence
    )


def _changed(held: Incident, verdict: Verdict) -> Step | None:
    if verdict.reason == held.reason:
        return None
    told = replace(held, reason=verdict.reason, evidence=verdict.evidence)
    return Step(Transition.CHANGED, told, verdict.reason, verdict.evidence)


def _called_so(held: Incident, verdict: Verdict) -> bool:
    """Whether a person has spoken of this: of the period, or of what was normal until then."""
    if held.resolution is Resolution.NEW_NORMAL and verdict.since and held.resolved_at:
        return verdict.since <= held.resolved_at
    return held.resolution in CALLED_SO


def _opened_again(held: Incident, now: datetime, terms: Terms) -> Incident:
    return replace(
        held,
        state=IncidentState.OPEN,
        severity=terms.severity,
        resolved_at=None,
        resolution=None,
        parent=None,
        escalates_at=terms.escalates_at(now, terms.severity),
    )


def resolve(
    held: Incident, why: Resolution, reason: str, now: datetime, evidence: Evidence | None = None
) -> Step:
    over = replace(
        held,
        state=IncidentState.RESOLVED,
        resolved_at=now,
        resolution=why,
        snoozed_until=None,
        escalates_at=None,
        flaps=None,
    )
    return Step(Transition.RESOLVED, over, reason, _lasted(held, now) | (evidence or {}))


def caused(held: Incident, parent: int | None, reason: str) -> Step:
    """Its cause is another incident; None: that one is over."""
    kind = Transition.UNCAUSED if parent is None else Transition.CAUSED
    return Step(kind, replace(held, parent=parent), reason)


# -- flapping ----------------------------------------------------------------------------------


def turned(turns: Sequence[datetime], at: datetime, flapping: Flapping) -> list[datetime]:
    """When a rule has opened on a subject, in the order of time: at `at` too, no longer ago than
    is counted.
    """
    last = max([*turns, at])
    begin = last - timedelta(seconds=flapping.within_s)
    return sorted(turn for turn in [*turns, at] if turn >= begin)


def damp(made: Step, turns: Sequence[datetime], flapping: Flapping) -> Step:
    """An opening; if it is one too many, of an incident that flaps. turns: as `turned` tells."""
    if len(turns) <= flapping.times:
        return made
    flaps = Flaps(len(turns), turns[0], turns[-1])
    return _told_of_flaps(made, flaps, made.reason)


def _flapped(held: Incident, flaps: Flaps, verdict: Verdict, now: datetime) -> Step | None:
    """It is bad again, or still, and was kept open meanwhile."""
    if flaps.quiet_at is not None:
        last = max(flaps.last_at, verdict.since or now)
        flaps = Flaps(flaps.opens + 1, flaps.since, last)
    told = replace(held, evidence=verdict.evidence)
    made = _told_of_flaps(
        Step(Transition.CHANGED, told, "", verdict.evidence), flaps, verdict.reason
    )
    return None if made.reason == held.reason else made


def _calmed(
    held: Incident, flaps: Flaps, verdict: Verdict, now: datetime, flapping: Flapping
) -> Step | None:
    """It is good just now, which ends it only if that lasts."""
    if flaps.quiet_at is not None:
        return None
    calm = replace(flaps, quiet_at=now + timedelta(seconds=flapping.quiet_s))
    made = Step(Transition.CHANGED, held, "", verdict.evidence)
    return _told_of_flaps(made, calm, f"good since {_clock(now)}: {verdict.reason}")


def _told_of_flaps(made: Step, flaps: Flaps, reason: str) -> Step:
    lasted = flaps.last_at - flaps.since
    told = f"flapping: opened {flaps.opens} times in {spoken(lasted.total_seconds())}; {reason}"
    evidence = made.evidence | {"opens": flaps.opens, "withinS": lasted.total_seconds()}
    return Step(made.transition, replace(made.incident, flaps=flaps, reason=told), told, evidence)


# -- time --------------------------------------------------------------------------------------


def pass_time(held: Incident, now: datetime, terms: Terms) -> Step | Incident:
    """What time alone makes of an incident that is due: a step, or the same with another due time."""
    if held.snoozed_until is not None and held.snoozed_until <= now:
        return _woken(held, now, terms)
    flaps = held.flaps
    if flaps is not None and flaps.quiet_at is not None and flaps.quiet_at <= now:
        quiet_s = 0.0 if terms.flapping is None else terms.flapping.quiet_s
        reason = f"quiet for {spoken(quiet_s)} after it opened {flaps.opens} times"
        return resolve(held, Resolution.HEALED, reason, now, {"opens": flaps.opens})
    if held.escalates_at is not None and held.escalates_at <= now:
        return _escalated(held, now, terms)
    return held


def _woken(held: Incident, now: datetime, terms: Terms) -> Step:
    up = replace(
        held,
        state=IncidentState.OPEN,
        snoozed_until=None,
        escalates_at=terms.escalates_at(now, held.severity),
    )
    reason = f"the snooze is over, and it is still open: {held.reason}"
    return Step(Transition.WOKEN, up, reason, _lasted(held, now) | held.evidence)


def _escalated(held: Incident, now: datetime, terms: Terms) -> Step | Incident:
    again_at = terms.escalates_at(now, held.severity)
    if again_at is None or held.state is not IncidentState.OPEN:
        return replace(held, escalates_at=None)
    if held.parent is not None:  # people see to its cause
        return replace(held, escalates_at=again_at)
    assert terms.escalate is not None
    to = terms.escalate.to
    waited = spoken(terms.escalate.after_s)
    reason = f"{held.severity} becomes {to}: open for {waited}, and nobody has acknowledged it"
    evidence = _lasted(held, now) | {"severity": to, "before": held.severity}
    return Step(
        Transition.ESCALATED, replace(held, severity=to, escalates_at=None), reason, evidence
    )


# -- people: each raises Conflict where it can't be, and gives None where it is so already -------


def acknowledge(held: Incident, reason: str, now: datetime) -> Step | None:
    """Somebody is at it."""
    _refuse_over(held, "nothing is left to acknowledge")
    if held.state is IncidentState.ACKNOWLEDGED:
        return None
    taken = replace(held, state=IncidentState.ACKNOWLEDGED, snoozed_until=None, escalates_at=None)
    return Step(Transition.ACKNOWLEDGED, taken, reason, _lasted(held, now))


def snooze(held: Incident, until: datetime, reason: str, now: datetime) -> Step | None:
    """Nobody wants to hear of it until then. Raises BadInput for a time that has passed."""
    _refuse_over(held, "there is nothing to snooze")
    if held.snoozed_until == until:
        return None
    if until <= now:
        raise BadInput("until", until.isoformat(), "a time that has not passed")
    taken = replace(held, state=IncidentState.SNOOZED, snoozed_until=until, escalates_at=None)
    evidence = _lasted(held, now) | {"until": until.isoformat()}
    return Step(Transition.SNOOZED, taken, reason, evidence)


def call(held: Incident, why: Resolution, reason: str, now: datetime) -> Step | None:
    """A person says what it is, expected or the new normal, which ends it; also afterwards."""
    if held.is_open:
        return resolve(held, why, reason, now)
    if held.resolution is why:
        return None
    if held.resolution is Resolution.RETRACTED:
        raise Conflict("it was retracted: late evidence shows that nothing was wrong")
    before = held.resolution
    return Step(Transition.CALLED, replace(held, resolution=why), reason, {"before": before})


def reopen(held: Incident, reason: str, now: datetime, terms: Terms) -> Step | None:
    """Takes back what a person called it; if the world has healed meanwhile, it resolves anew."""
    if held.is_open:
        return None
    if held.resolution not in CALLED_SO:
        raise Conflict(
            f"nobody has called it expected or the new normal: it is over because it was "
            f"{held.resolution}, and opens by itself if it goes wrong again"
        )
    return Step(Transition.REOPENED, _opened_again(held, now, terms), reason)


def note(held: Incident, text: str) -> Step:
    """A comment, which moves nothing."""
    return Step(Transition.NOTED, held, text)


def _refuse_over(held: Incident, so: str) -> None:
    if held.resolved_at is not None:
        raise Conflict(f"it is over since {_clock(held.resolved_at)} ({held.resolution}); {so}")


def _lasted(held: Incident, now: datetime) -> Evidence:
    return {"openS": round((now - held.opened_at).total_seconds(), 1)}


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity)
