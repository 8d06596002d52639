"""What trackside.yaml says of when jobs run and when trouble is expected, besides its rules."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from hub.errors import ConfigError
from hub.evaluate.agenda import Agenda, agenda_of
from hub.evaluate.calendars import calendars_of
from hub.evaluate.maintenance import Maintenance, windows_of
from hub.schedules.zones import zone_of
from hub.settings import Settings


class Plan(Struct, frozen=True):
    """`timezone`: in which learned schedules are looked for, besides UTC."""

    agenda: Agenda = Agenda()
    windows: Sequence[Maintenance] = ()
    timezone: str = "UTC"


def plan_of(settings: Settings) -> Plan:
    """Raises ConfigError; tells all that is wrong of one section."""
    try:
        zone_of(settings.timezone)
    except ValueError as error:
        raise ConfigError(f"{settings.place('timezone')}: timezone: {error}") from None
    agenda = agenda_of(settings, calendars_of(settings))
    return Plan(agenda, windows_of(settings), settings.timezone)
