"""Hours in which people are left alone, in their own time zone: pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hub.model import SEVERITIES, IncidentSeverity

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"expected a time zone such as Europe/Berlin, found {name!r}") from None
    return name


class Quiet(BaseModel):
    """From a time of day until another, which may be of the next day; the same: the whole day."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    begin: time = Field(alias="from")
    end: time = Field(alias="to")
    timezone: Annotated[str, AfterValidator(zone)] = "UTC"
    days: tuple[Day, ...] = Field(DAYS, description="on which it begins")
    below: IncidentSeverity = Field(
        "critical", description="what is as severe is told all the same"
    )

    @model_validator(mode="after")
    def _plain(self) -> Self:
        if self.begin.tzinfo is not None or self.end.tzinfo is not None:
            raise ValueError("expected times of day without an offset, as in 22:00, and a timezone")
        return self

    def until(self, now: datetime, severity: str) -> datetime | None:
        """When it is over, if it is quiet now for this severity."""
        if SEVERITIES.index(severity) >= SEVERITIES.index(self.below):
            return None
        zone = ZoneInfo(self.timezone)
        today = now.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            if DAYS[day.weekday()] not in self.days:
                continue
            last = day if self.begin < self.end else day + timedelta(days=1)
            begin = datetime.combine(day, self.begin, zone)
            end = datetime.combine(last, self.end, zone)
            if begin <= now < end:
                return end.astimezone(now.tzinfo)
        return None


def quiet_until(hours: tuple[Quiet, ...], now: datetime, severity: str) -> datetime | None:
    """When all of them are over that hold now, each beginning no later than the one before ends."""
    at = now
    for _ in range(14):
        ends = [end for one in hours if (end := one.until(at, severity)) is not None]
        if not ends:
            break
        at = max(ends)
    return at if at > now else None
