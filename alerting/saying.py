"""What is to be said of a notification now, and when to look at it again: pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from alerting.declared import Escalate
from alerting.message import message_of
from alerting.plan import Plan, Terms
from alerting.quiet import quiet_until
from hub.model import SEVERITIES
from hub.ports import (
    Decision,
    Delivery,
    Notification,
    NotificationState,
    Said,
    Standing,
)

_WAITING: Final = NotificationState.WAITING
_TOLD: Final = NotificationState.TOLD
_OVER: Final = NotificationState.OVER


def say(one: Notification, plan: Plan, now: datetime, public_url: str | None) -> Said:
    terms, standing = plan.terms_of(one.route), standing_of(one)
    if one.state is _WAITING:
        return _begin(one, terms, standing, now, public_url)
    if standing is Standing.RESOLVED:
        return _end(one, public_url)
    return _go_on(one, terms, standing, now, public_url)


def standing_of(one: Notification) -> Standing:
    """OPEN while one of them needs somebody, RESOLVED when all are over."""
    for standing in (Standing.OPEN, Standing.ACKNOWLEDGED):
        if one.counts.get(standing):
            return standing
    return Standing.RESOLVED


def severity_of(one: Notification) -> str:
    """The worst of those that it is told for."""
    found = [each.about.severity for each in one.members if each.standing is not Standing.RESOLVED]
    return max(found or [one.members[0].about.severity], key=SEVERITIES.index)


# -- the three ways ----------------------------------------------------------------------------


def _begin(
    one: Notification, terms: Terms, standing: Standing, now: datetime, public_url: str | None
) -> Said:
    if standing is Standing.RESOLVED:
        told = _decided(one, "over", "it was over before it was told")
        return Said(id=one.id, state=_OVER, due_at=None, decisions=[told] if one.members else [])
    if standing is Standing.ACKNOWLEDGED:  # it comes back when it is touched
        told = _decided(one, "muted", "somebody was at it before it was told")
        return Said(id=one.id, state=_WAITING, due_at=None, decisions=[told])
    due_at = one.begun_at + timedelta(seconds=terms.group_wait_s)
    if now < due_at:
        return Said(id=one.id, state=_WAITING, due_at=due_at)
    quiet = quiet_until(terms.quiet, now, severity_of(one), terms.hours)
    if quiet is not None:
        told = _decided(one, "muted", f"quiet hours until {_clock(quiet)}")
        return Said(id=one.id, state=_WAITING, due_at=quiet, decisions=[told])
    shown = _delivery(one, Standing.OPEN, public_url, loud=True)
    return Said(
        id=one.id,
        state=_TOLD,
        due_at=_next(terms, now, now, 0),
        deliver=shown,
        targets=one.targets,
        begun=True,
        decisions=[_decided(one, "sent", f"to {', '.join(one.targets)} by route {one.route}")],
    )


def _end(one: Notification, public_url: str | None) -> Said:
    if one.standing is Standing.RESOLVED:
        told = _decided(one, "over", "it was over before it was told again")
        return Said(id=one.id, state=_OVER, due_at=None, decisions=[told])
    shown = _delivery(one, Standing.RESOLVED, public_url, loud=False)
    return Said(
        id=one.id,
        state=_OVER,
        due_at=None,
        deliver=shown,
        decisions=[_decided(one, "sent", "it is over: everywhere where it was told")],
    )


def _go_on(
    one: Notification, terms: Terms, standing: Standing, now: datetime, public_url: str | None
) -> Said:
    needs = standing is Standing.OPEN
    # People are needed (again): the clocks of repeats and escalations begin.
    begins = needs and (one.loud or one.standing is not Standing.OPEN)
    told_at = now if begins or one.told_at is None else one.told_at
    steps = 0 if begins else one.steps
    quiet = quiet_until(terms.quiet, now, severity_of(one), terms.hours) if needs else None
    calls = needs and quiet is None
    due = _due_steps(terms, told_at, steps, now) if calls else []
    repeats = calls and not begins and _repeats(one, terms, now)
    loud = calls and (begins or repeats or bool(due))
    paced = _paced_until(one, terms, standing, loud=loud)
    if paced is not None and paced > now:
        due_at = _first(
            paced, _awake(_next(terms, told_at, one.repeated_at or told_at, steps), quiet)
        )
        return Said(id=one.id, state=_TOLD, due_at=due_at if needs else paced, loud=one.loud)
    if quiet is not None and one.standing is Standing.RESOLVED:
        told = _decided(one, "muted", f"open again, in quiet hours until {_clock(quiet)}")
        return Said(id=one.id, state=_TOLD, due_at=quiet, loud=one.loud, decisions=[told])
    targets = _joined(one.targets, due)
    repeated_at = now if repeats or begins else (one.repeated_at or told_at)
    next_at = _next(terms, told_at, repeated_at, steps + len(due)) if needs else None
    if quiet is not None:
        next_at = _awake(next_at, quiet) or quiet
    return Said(
        id=one.id,
        state=_TOLD,
        due_at=next_at,
        deliver=_delivery(one, standing, public_url, loud=loud),
        targets=targets if needs else (),
        loud=begins and not calls,
        begun=begins,
        repeated=repeats,
        steps=steps + len(due),
        decisions=_why(one, due, standing, repeats=repeats),
    )


# -- clocks ------------------------------------------------------------------------------------


def _paced_until(
    one: Notification, terms: Terms, standing: Standing, *, loud: bool
) -> datetime | None:
    """A group that only grows or changes is told of no more often than its interval."""
    if one.group is None or loud or standing is not one.standing or one.said_at is None:
        return None
    return one.said_at + timedelta(seconds=terms.group_interval_s)


def _due_steps(terms: Terms, told_at: datetime, done: int, now: datetime) -> list[Escalate]:
    steps = terms.escalate[done:]
    return [each for each in steps if told_at + timedelta(seconds=each.after_s) <= now]


def _repeats(one: Notification, terms: Terms, now: datetime) -> bool:
    last = one.repeated_at or one.told_at
    if terms.repeat_s is None or last is None:
        return False
    return last + timedelta(seconds=terms.repeat_s) <= now


def _next(terms: Terms, told_at: datetime, repeated_at: datetime, done: int) -> datetime | None:
    """When time alone has something to say of it."""
    times = [told_at + timedelta(seconds=each.after_s) for each in terms.escalate[done:]]
    if terms.repeat_s is not None:
        times.append(repeated_at + timedelta(seconds=terms.repeat_s))
    return min(times, default=None)


def _awake(at: datetime | None, quiet: datetime | None) -> datetime | None:
    """Nobody is called before quiet hours end."""
    return at if at is None or quiet is None else max(at, quiet)


def _first(at: datetime, other: datetime | None) -> datetime:
    return at if other is None else min(at, other)


# -- words -------------------------------------------------------------------------------------


def _delivery(
    one: Notification, standing: Standing, public_url: str | None, *, loud: bool
) -> Delivery:
    return Delivery(one.key, one.version + 1, standing, message_of(one, public_url), loud)


def _joined(targets: Sequence[str], due: Sequence[Escalate]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*targets, *(name for each in due for name in each.to)]))


def _why(
    one: Notification, due: Sequence[Escalate], standing: Standing, *, repeats: bool
) -> list[Decision]:
    found = [
        _decided(
            one,
            "escalated",
            f"to {', '.join(each.to)}: nobody has acknowledged it for {each.after_s:g} s",
        )
        for each in due
    ]
    if repeats:
        found.append(_decided(one, "sent", "again, for nobody has acknowledged it"))
    if standing is not one.standing:
        found.append(_decided(one, "sent", f"it is {standing.lower()} now"))
    return found


def _decided(one: Notification, what: str, why: str) -> Decision:
    return Decision(notification=one.id, what=what, reason=why)


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
