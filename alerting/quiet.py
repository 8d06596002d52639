"""Hours in which people are left alone, in their own time zone: pure."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from hub.model import SEVERITIES, IncidentSeverity
from hub.ports import Hours, all_over_at


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


def quiet_until(hours: tuple[Quiet, ...], now: datetime, severity: str) -> datetime | None:
    """When all of them are over that hold now, each beginning no later than the one before ends."""
    return all_over_at([one for one in hours if one.hushes(severity)], now)
