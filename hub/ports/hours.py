"""Hours of the day in a time zone of their own, in which something is left alone: pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def zone(name: str) -> str:
    """The name of a time zone; ValueError for anything else."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"expected a time zone such as Europe/Berlin, found {name!r}") from None
    return name


class Hours(BaseModel):
    """From a time of day until another, which may be of the next day; the same: the whole day."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    begin: time = Field(alias="from")
    end: time = Field(alias="to")
    timezone: Annotated[str, AfterValidator(zone)] = "UTC"
    days: tuple[Day, ...] = Field(DAYS, description="on which it begins")

    @model_validator(mode="after")
    def _plain(self) -> Self:
        if self.begin.tzinfo is not None or self.end.tzinfo is not None:
            raise ValueError("expected times of day without an offset, as in 22:00, and a timezone")
        return self

    def over_at(self, now: datetime) -> datetime | None:
        """When they are over, if they hold now."""
        today = self.day_of(now)
        for day in (today - timedelta(days=1), today):
            held = self.on(day)
            if held is not None and held[0] <= now < held[1]:
                return held[1].astimezone(now.tzinfo)
        return None

    def day_of(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.timezone)).date()

    def on(self, day: date) -> tuple[datetime, datetime] | None:
        """From when until when those last that begin on this day; None: none do."""
        if DAYS[day.weekday()] not in self.days:
            return None
        place = ZoneInfo(self.timezone)
        last = day if self.begin < self.end else day + timedelta(days=1)
        return datetime.combine(day, self.begin, place), datetime.combine(last, self.end, place)


def all_over_at(hours: Sequence[Hours], now: datetime) -> datetime | None:
    """When all of them are over that hold now, each beginning no later than the one before ends."""
    at = now
    for _ in range(14):
        ends = [end for one in hours if (end := one.over_at(at)) is not None]
        if not ends:
            break
        at = max(ends)
    return at if at > now else None
