"""Hours in which people are left alone, or only within which they are told, in their own time zone:
pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from pydantic import Field

from hub.model import SEVERITIES, IncidentSeverity
from hub.ports import Hours, all_over_at

#: So many days ahead it is looked when hours begin again: no calendar leaves out more.
AHEAD: Final = 400
#: Changes from quiet to open and back that are looked through.
TURNS: Final = 14


class Quiet(Hours):
    """Hours in which only what is severe is told."""

    below: IncidentSeverity = Field(
        "critical", description="what is as severe is told all the same"
    )

    def until(self, now: datetime, severity: str) -> datetime | None:
        """When it is over, if it is quiet now for this severity."""
        return self.over_at(now) if self.hushes(severity) else None

    def hushes(self, severity: str) -> bool:
        return SEVERITIES.index(severity) < SEVERITIES.index(self.below)


class DeclaredHours(Quiet):
    """Hours within which all is told; outside of them only what is severe."""

    calendar: str | None = Field(
        None, description="a calendar of trackside.yaml: only on its days do they begin"
    )


@dataclass(frozen=True, slots=True)
class Open:
    """Hours with the days of their calendar."""

    declared: DeclaredHours
    is_day: Callable[[date], bool] = lambda _: True

    def closed_until(self, now: datetime) -> datetime | None:
        """When they begin next; None: they hold now, or never come, and then nothing waits."""
        first = self.declared.day_of(now) - timedelta(days=1)
        for day in (first + timedelta(days=n) for n in range(AHEAD)):
            held = self.declared.on(day) if self.is_day(day) else None
            if held is not None and now < held[1]:
                return None if held[0] <= now else held[0].astimezone(now.tzinfo)
        return None


def quiet_until(
    hours: tuple[Quiet, ...], now: datetime, severity: str, within: tuple[Open, ...] = ()
) -> datetime | None:
    """When people may be told again; None: now. Each time that is quiet begins no later than the
    one before ends; of several hours in which all is told one is enough.
    """
    quiet = [one for one in hours if one.hushes(severity)]
    open_ = [one for one in within if one.declared.hushes(severity)]
    at = now
    for _ in range(TURNS):
        later = all_over_at(quiet, at) or _closed_until(open_, at)
        if later is None:
            break
        at = later
    return at if at > now else None


def _closed_until(hours: Sequence[Open], at: datetime) -> datetime | None:
    ends = [one.closed_until(at) for one in hours]
    known = [end for end in ends if end is not None]
    return min(known) if known and len(known) == len(ends) else None
