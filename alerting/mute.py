"""What keeps an incident from being told though somebody would hear of it: pure.

Muting suppresses alerting, never monitoring; it keeps back what begins, never what ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from alerting.declared import match_of
from hub.model import SEVERITIES, IncidentState
from hub.ports import About, Case, Silence


class Muted(Struct, frozen=True):
    """why: by whom or what. until: when to look again, if time ends it."""

    why: str
    until: datetime | None = None


def muted(case: Case, silences: Iterable[Silence], now: datetime) -> Muted | None:
    """Why nobody is to hear of an open incident now; None: nothing keeps it back."""
    if case.dry_run:
        return Muted("its rule runs dry: incidents are kept, and nobody is told")
    if case.state is IncidentState.SNOOZED:
        return Muted(f"snoozed until {_clock(case.snoozed_until)}")
    if case.window is not None:
        return Muted(f"it happened within the maintenance window {case.window}", case.window_until)
    silence = silenced(case.about, silences, now)
    if silence is not None:
        return Muted(told_of(silence), silence.ends_at)
    if case.parent is not None and case.parent_told and not _is_worse(case):
        return Muted(f"incident {case.parent} is its cause, and is told")
    return None


def _is_worse(case: Case) -> bool:
    """Than its cause, of which those may not hear whom it concerns."""
    if case.parent_severity is None:
        return False
    return SEVERITIES.index(case.about.severity) > SEVERITIES.index(case.parent_severity)


def silenced(about: About, silences: Iterable[Silence], now: datetime) -> Silence | None:
    """The silence over it that ends last."""
    over = [one for one in silences if holds(one, about, now)]
    return max(over, key=lambda one: one.ends_at, default=None)


def holds(one: Silence, about: About, now: datetime) -> bool:
    return one.starts_at <= now < one.ends_at and match_of(one.match).why_not(about) is None


def told_of(one: Silence) -> str:
    name = f"silence {one.id}" if one.id else "a silence of trackside.yaml"
    why = f": {one.why}" if one.why else ""
    return f"{name} by {one.by} until {_clock(one.ends_at)}{why}"


def _clock(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
