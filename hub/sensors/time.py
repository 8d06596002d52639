"""A time has come: so long after each slot of a cron."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from hub.ports.sensors import Json, Look, Outside, SensorConfig, Sighting, sensors

#: Slots that were missed while no hub was there are made up for so far back.
_BACK: Final = timedelta(days=7)


class TimeConfig(SensorConfig):
    """At each tick of the cron, and so many seconds after it, is an update."""

    cron: str = Field(description="five fields, as in 0 6 * * 1-5")
    timezone: str = "UTC"
    after_s: float = Field(0, ge=0, le=86_400 * 7)
    partition: str | None = Field(None, description="of the slot, as in %Y-%m-%d; none unless told")


@sensors.register("time")
class Time:
    Config: ClassVar[type[SensorConfig]] = TimeConfig

    def __init__(self, config: TimeConfig, outside: Outside) -> None:
        self._config = config
        self._outside = outside
        far = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        outside.ticks(config.cron, config.timezone, far, far)

    def look(self, cursor: Json, now: datetime) -> Look:
        after = timedelta(seconds=self._config.after_s)
        until = now - after
        since = datetime.fromisoformat(cursor["until"]) if cursor else until
        since = max(since, until - _BACK)
        ticks = self._outside.ticks(self._config.cron, self._config.timezone, since, until)
        form = self._config.partition
        found = [
            Sighting(
                tick + after,
                tick.isoformat(),
                tick.astimezone(ZoneInfo(self._config.timezone)).strftime(form) if form else "",
            )
            for tick in ticks
        ]
        return Look(found, {"until": until.isoformat()}, f"the next slot of {self._config.cron}")
