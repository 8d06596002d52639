"""What a verdict makes of an incident: pure.

An incident is the period in which one rule is violated by one subject. It opens once per (rule,
subject, key), resolves by itself when the world heals, is retracted when late evidence shows that
nothing was wrong, and opens again if the same period goes wrong again. UNKNOWN moves nothing.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from hub.model import Evidence, Incident, IncidentState, Resolution, Step, Transition
from hub.rules.base import Status, Verdict


def step(held: Incident | None, verdict: Verdict, now: datetime) -> Step | None:
    """What a verdict makes of the incident of its key; None: nothing."""
    if verdict.status is Status.VIOLATED:
        return _violated(held, verdict, now)
    if verdict.status is Status.OK and held is not None and held.is_open:
        why = Resolution.RETRACTED if verdict.retracted else Resolution.HEALED
        return resolve(held, why, verdict.reason, now, verdict.evidence)
    return None


def _violated(held: Incident | None, verdict: Verdict, now: datetime) -> Step | None:
    if held is None:
        since = verdict.since or now
        fresh = Incident(
            key=verdict.key,
            reason=verdict.reason,
            evidence=verdict.evidence,
            since=since,
            opened_at=now,
        )
        return Step(Transition.OPENED, fresh, verdict.reason, verdict.evidence)
    told = replace(held, reason=verdict.reason, evidence=verdict.evidence)
    if held.is_open:
        if told.reason == held.reason:
            return None
        return Step(Transition.CHANGED, told, verdict.reason, verdict.evidence)
    if held.resolution is Resolution.EXPECTED:
        return None
    again = replace(told, state=IncidentState.OPEN, resolved_at=None, resolution=None, parent=None)
    return Step(Transition.REOPENED, again, verdict.reason, verdict.evidence)


def resolve(
    held: Incident, why: Resolution, reason: str, now: datetime, evidence: Evidence | None = None
) -> Step:
    over = replace(held, state=IncidentState.RESOLVED, resolved_at=now, resolution=why)
    return Step(Transition.RESOLVED, over, reason, evidence or {})


def acknowledge(held: Incident, reason: str) -> Step | None:
    """Somebody is at it; None if it is over or somebody was before."""
    if held.state is not IncidentState.OPEN:
        return None
    taken = replace(held, state=IncidentState.ACKNOWLEDGED)
    return Step(Transition.ACKNOWLEDGED, taken, reason)


def caused(held: Incident, parent: int | None, reason: str) -> Step:
    """Its cause is another incident; None: that one is over."""
    kind = Transition.UNCAUSED if parent is None else Transition.CAUSED
    return Step(kind, replace(held, parent=parent), reason)
