"""The sensors of trackside.yaml, with what each may reach.

sensors:
  - name: landing-orders
    kind: file
    dataset: {namespace: s3://lake, name: landing/orders}
    every_s: 60
    fresh: {within_s: 93600}
    settings: {path: "s3://lake/landing/{date:%Y/%m/%d}/orders.csv", marker: _SUCCESS}
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub.errors import ConfigError, NotFound, TracksideError, mistake_at
from hub.model import EntityName
from hub.polls.outside import Declared, connections_of
from hub.ports.sensors import Sensor, sensors
from hub.schedules.cron import crons_of, is_cron
from hub.schedules.zones import zone_of
from hub.settings import Settings
from hub.settings.given import read
from hub.settings.types import Name
from hub.store.db import Database


class DatasetGiven(BaseModel):
    """A dataset by its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)


class FreshGiven(BaseModel):
    """How old the dataset may get: what comes too late is an incident of the freshness rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    within_s: float | None = Field(None, gt=0)
    cron: str | None = None
    timezone: str = "UTC"

    @model_validator(mode="after")
    def _says_when(self) -> FreshGiven:
        if self.within_s is None and self.cron is None:
            raise ValueError("needs within_s, or cron, or both")
        if self.cron is not None and not (
            crons_of(self.cron) and all(map(is_cron, crons_of(self.cron)))
        ):
            raise ValueError(f"cron is {self.cron!r}; five fields such as '0 8 * * *' are expected")
        zone_of(self.timezone)
        return self


class SensorGiven(BaseModel):
    """A sensor as the operator writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    kind: str = Field(min_length=1)
    dataset: DatasetGiven
    team: str | None = None
    every_s: float = Field(60, ge=1, le=86_400)
    timeout_s: float = Field(30, ge=1, le=600)
    fresh: FreshGiven | None = None
    settings: dict[str, Any] = {}


class Declaration(Struct, frozen=True):
    """A sensor that was declared, ready to look. digest: of how it was declared."""

    name: str
    kind: str
    dataset: EntityName
    team: str | None
    every_s: float
    timeout_s: float
    fresh: FreshGiven | None
    sensor: Sensor
    digest: str


class SensorBook:
    """Those of the file, by name."""

    def __init__(self, found: Mapping[str, Declaration] | None = None) -> None:
        self.sensors = dict(found or {})

    def get(self, name: str) -> Declaration:
        if name not in self.sensors:
            known = ", ".join(sorted(self.sensors)) or "none"
            raise NotFound(f"there is no sensor {name!r}; declared: {known}")
        return self.sensors[name]


def sensor_book_of(settings: Settings, db: Database | None) -> SensorBook:
    """Raises ConfigError; tells all that is wrong, and in which line."""
    connections = connections_of(settings)
    teams = {team.name for team in settings.teams}
    found: dict[str, Declaration] = {}

    def make(one: SensorGiven) -> None:
        if one.name in found:
            raise ValueError(f"the sensor {one.name!r} stands more than once")
        if one.team is not None and one.team not in teams:
            known = ", ".join(sorted(teams)) or "none"
            raise ValueError(f"it names the team {one.team!r}; known: {known}")
        outside = Declared(settings, connections, db, one.timeout_s)
        found[one.name] = _declaration(one, outside)

    read(settings, "sensors", SensorGiven, make)
    return SensorBook(found)


def _declaration(one: SensorGiven, outside: Declared) -> Declaration:
    kind = sensors.get(one.kind)
    try:
        config = kind.Config.model_validate(one.settings)
        made = kind(config, outside)
        _check_connection(config, outside)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ConfigError("; ".join(mistake_at(detail, "settings") for detail in details)) from None
    except TracksideError as error:
        raise ConfigError(f"settings: {error}") from None
    text = msgspec.json.encode([one.kind, one.dataset.model_dump(), config.model_dump(mode="json")])
    return Declaration(
        one.name,
        one.kind,
        EntityName(one.dataset.namespace, one.dataset.name),
        one.team,
        one.every_s,
        one.timeout_s,
        one.fresh,
        made,
        hashlib.sha256(text).hexdigest()[:16],
    )


def _check_connection(config: Any, outside: Declared) -> None:
    name = getattr(config, "connection", None)
    if name is not None:
        outside.require_connection(name)
