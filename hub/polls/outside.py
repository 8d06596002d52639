"""What sensors may reach: roots and connections that the operator declares, and the hub's own runs.

connections:
  - {name: warehouse, url: env:WAREHOUSE_URL}
sensor_roots: [s3://lake/landing, /data/in]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from hub.errors import ConfigError, Forbidden, Unavailable
from hub.model import EntityName, Schedule
from hub.ports import SecretRef
from hub.ports.sensors import Success
from hub.schedules.slots import timetable_of
from hub.schedules.zones import zone_of
from hub.secrets import Secret
from hub.settings import Settings
from hub.settings.given import read
from hub.settings.types import Name
from hub.store import sensors as store
from hub.store.db import Database


class ConnectionGiven(BaseModel):
    """A database that sensors may ask; its URL is a reference to a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Name
    url: SecretRef


def connections_of(settings: Settings) -> dict[str, SecretRef]:
    """Raises ConfigError; tells all that is wrong."""
    found: dict[str, SecretRef] = {}

    def make(one: ConnectionGiven) -> None:
        if found.setdefault(one.name, one.url) is not one.url:
            raise ValueError(f"the connection {one.name!r} stands more than once")

    read(settings, "connections", ConnectionGiven, make)
    return found


class Declared:
    """What one sensor may reach (`hub.ports.sensors.Outside`)."""

    def __init__(
        self,
        settings: Settings,
        connections: Mapping[str, SecretRef],
        db: Database | None,
        timeout_s: float,
    ) -> None:
        self._roots = [_normal(root) for root in settings.sensor_roots]
        self._connections = connections
        self._db = db
        self.allowed_networks: Sequence[str] = settings.allowed_networks
        self.timeout_s = timeout_s

    def within_roots(self, url: str) -> str:
        plain = _normal(url)
        if not any(plain == root or plain.startswith(f"{root}/") for root in self._roots):
            roots = ", ".join(self._roots) or "none"
            raise Forbidden(f"{url} lies in none of the sensor_roots; declared: {roots}")
        return url

    def require_connection(self, name: str) -> None:
        """Raises ConfigError for one that was not declared."""
        if name not in self._connections:
            known = ", ".join(sorted(self._connections)) or "none"
            raise ConfigError(f"there is no connection {name!r}; declared: {known}")

    def connection(self, name: str) -> Secret:
        self.require_connection(name)
        return self._connections[name].resolve()

    def successes(self, job: EntityName, since: datetime) -> list[Success]:
        if self._db is None:
            raise Unavailable("runs are known to a hub at work alone")
        with self._db.reading() as connection:
            return store.successes(connection, job, since)

    def ticks(self, cron: str, timezone: str, after: datetime, until: datetime) -> list[datetime]:
        try:
            zone_of(timezone)
        except ValueError as error:
            raise ConfigError(f"timezone: {error}") from None
        table = timetable_of(Schedule("cron", cron, timezone, timing="tick"))
        if table is None:
            raise ConfigError(f"cron is {cron!r}; five fields such as '0 8 * * *' are expected")
        return [slot.due_at for slot in table.between(after, until)]


def _normal(url: str) -> str:
    """A URL by which places are compared; one that climbs (..) lies nowhere."""
    text = url if "://" in url else f"file://{url}"
    parts = urlsplit(text)
    if ".." in PurePosixPath(parts.path).parts:
        raise Forbidden(f"{url} climbs out of its folder (..)")
    scheme = "file" if parts.scheme == "local" else parts.scheme
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}"
