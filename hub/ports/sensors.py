"""A sensor, and what the core offers it.

A sensor is one file of `hub/sensors/` (or an entry point of `trackside.sensors`) that registers a
class under a kind of outside condition:

    @sensors.register("file")
    class File: ...

It looks and keeps nothing between two looks but its cursor; any replica may run it. What it sees
becomes an update of the dataset that the operator named.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol

from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from hub.model import EntityName
from hub.registry import Registry
from hub.secrets import Secret

Json = dict[str, Any]
"""A JSON object."""


class SensorConfig(BaseModel):
    """Base of every kind's settings. Secrets are references, resolved when they are used."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Sighting(Struct, frozen=True):
    """That the data (partition) was written. version: tells it from the sighting before."""

    at: datetime
    version: str
    partition: str = ""
    rows: int | None = None
    bytes: int | None = None
    files: int | None = None


class Look(Struct, frozen=True):
    """What one look found. cursor: handed in at the next one. waits_for: for people."""

    sightings: Sequence[Sighting] = ()
    cursor: Json = {}
    waits_for: str = ""


class Success(Struct, frozen=True):
    """A run that completed. key: tells it from other runs."""

    key: str
    at: datetime
    partition: str = ""


class Outside(Protocol):
    """What the operator has declared, and what the hub knows."""

    @property
    def allowed_networks(self) -> Sequence[str]:
        """Private networks that may be connected to."""
        ...

    @property
    def timeout_s(self) -> float:
        """A look may take so long."""
        ...

    def within_roots(self, url: str) -> str:
        """The URL if it lies in one of the roots that the operator declared, else Forbidden."""
        ...

    def connection(self, name: str) -> Secret:
        """The database URL of a declared connection. Raises ConfigError."""
        ...

    def successes(self, job: EntityName, since: datetime) -> list[Success]:
        """Runs of the job that completed then or later, the earliest first."""
        ...

    def ticks(self, cron: str, timezone: str, after: datetime, until: datetime) -> list[datetime]:
        """When the cron is due, after the one time and up to the other. Raises ConfigError."""
        ...


class Sensor(Protocol):
    """One kind of outside condition. Config: its settings, checked before it is made."""

    Config: ClassVar[type[SensorConfig]]

    def __init__(self, config: Any, outside: Outside) -> None: ...

    def look(self, cursor: Json, now: datetime) -> Look:
        """Raises Unavailable where it could not be seen; nothing is lost by that."""
        ...


sensors: Registry[type[Sensor]] = Registry("sensor kind", group="trackside.sensors")
