"""A file, or all that a pattern matches, came or changed: on disk, S3, GCS, HDFS, ...

Paths are read with fsspec (the extra `sensors-file`; s3:// and gs:// have extras of their own).
`{date:%Y/%m/%d}` in the path stands for each of the last dates, which are partitions then.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from pydantic import Field, field_validator

from hub.errors import ConfigError, Unavailable
from hub.ports import SecretRef
from hub.ports.sensors import Json, Look, Outside, SensorConfig, Sighting, sensors

_DATE: Final = re.compile(r"\{date:([^{}]+)\}")
_HOURLY: Final = re.compile(r"%[HIcX]")
_MAGIC: Final = re.compile(r"[*?\[]")
#: The extra that reads such URLs, where fsspec alone does not.
_EXTRAS: Final = {
    "s3": "sensors-s3",
    "s3a": "sensors-s3",
    "gs": "sensors-gcs",
    "gcs": "sensors-gcs",
    "hdfs": "sensors-hdfs",
}


class FileConfig(SensorConfig):
    """Where it is looked, and when what is found is whole."""

    path: str = Field(min_length=1, description="a URL or an absolute path; * matches any text")
    timezone: str = Field("UTC", description="of the dates in the path")
    look_back: int = Field(2, ge=1, le=400, description="so many of the latest dates")
    partition: str | None = Field(None, description="the partition of a date, as in %Y-%m-%d")
    marker: str | None = Field(None, description="this file must be there too, as in _SUCCESS")
    stable_s: float = Field(0, ge=0, description="unchanged for so many seconds")
    least_bytes: int = Field(0, ge=0, description="smaller is not whole yet")
    options: dict[str, SecretRef] = Field({}, description="of the file system, by reference")

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            raise ValueError(f"{name!r} is no time zone, as in Europe/Berlin") from None
        return name


class _Place(Struct, frozen=True):
    """One path to look at; partition "" where it has no date."""

    partition: str
    url: str


class _Found(Struct, frozen=True):
    version: str
    modified_at: datetime | None
    bytes: int
    files: int


@sensors.register("file")
class File:
    Config: ClassVar[type[SensorConfig]] = FileConfig

    def __init__(self, config: FileConfig, outside: Outside) -> None:
        self._config = config
        self._outside = outside
        outside.within_roots(_DATE.sub("date", _url(config.path)))

    def look(self, cursor: Json, now: datetime) -> Look:
        held, told, waits = cursor.get("seen", {}), cursor.get("told", {}), ""
        seen: Json = {}
        found: list[Sighting] = []
        places = list(self._places(now))
        for place in places:
            what, why = self._find(place)
            if what is None or what.version == told.get(place.partition):
                waits = waits or why
                continue
            since = _since(held.get(place.partition), what.version, now)
            seen[place.partition] = {"version": what.version, "since": since.isoformat()}
            left = self._config.stable_s - (now - (what.modified_at or since)).total_seconds()
            if self._config.stable_s and left > 0:
                waits = waits or f"{place.url} to be unchanged for {left:.0f} s more"
                continue
            found.append(_sighting(place, what, since))
        kept = {place.partition for place in places}
        told = {key: version for key, version in told.items() if key in kept}
        told |= {one.partition: one.version for one in found}
        return Look(found, {"seen": seen, "told": told}, waits)

    def _places(self, now: datetime) -> Iterator[_Place]:
        """The latest date first."""
        config = self._config
        template, form = _url(config.path), _DATE.search(config.path)
        if form is None:
            yield _Place("", template)
            return
        hourly = bool(_HOURLY.search(form[1]))
        key = config.partition or ("%Y-%m-%dT%H" if hourly else "%Y-%m-%d")
        for date in _dates(now, config.look_back, ZoneInfo(config.timezone), hourly=hourly):
            url = _DATE.sub(lambda match, at=date: at.strftime(match[1]), template)  # type: ignore[misc]
            yield _Place(date.strftime(key), url)

    def _find(self, place: _Place) -> tuple[_Found | None, str]:
        """What is there and whole, or what it waits for."""
        url = self._outside.within_roots(place.url)
        try:
            fs, path = self._file_system(url)
            files = dict(_files(fs, path))
            whole = self._config.marker is None or fs.exists(_beside(path, self._config.marker))
        except FileNotFoundError:
            files, whole = {}, False
        except (ConfigError, Unavailable):
            raise
        except Exception as error:  # each file system has errors of its own
            raise Unavailable(f"{url} can't be read: {type(error).__name__}") from error
        size = sum(int(told.get("size") or 0) for told in files.values())
        if not files:
            return None, f"a file at {url}"
        if not whole:
            return None, f"{self._config.marker} beside {url}"
        if size < self._config.least_bytes:
            return None, f"{self._config.least_bytes} bytes at {url}; there are {size}"
        return _told(files, size), ""

    def _file_system(self, url: str) -> tuple[Any, str]:
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise ConfigError(f"{url} needs fsspec: {_install(url)}") from None
        options = {name: one.resolve().reveal() for name, one in self._config.options.items()}
        try:
            fs, path = url_to_fs(url, **options)
        except ImportError as error:
            raise ConfigError(f"{url} needs another package: {error}. {_install(url)}") from None
        fs.invalidate_cache()
        return fs, path


def _install(url: str) -> str:
    return f"pip install trackside[{_EXTRAS.get(url.partition(':')[0], 'sensors-file')}]"


def _url(path: str) -> str:
    return path if "://" in path else f"file://{path}"


def _dates(now: datetime, count: int, zone: ZoneInfo, *, hourly: bool) -> Iterator[datetime]:
    """Wall times in the zone. Hours are walked in UTC, for a day may have 23 or 25 of them."""
    if hourly:
        yield from ((now - timedelta(hours=back)).astimezone(zone) for back in range(count))
    else:
        today = now.astimezone(zone).replace(tzinfo=None)
        yield from (today - timedelta(days=back) for back in range(count))


def _files(fs: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and particulars of each file that the path names, matches, or holds."""
    if _MAGIC.search(path):
        found = fs.glob(path, detail=True)
    else:
        info = fs.info(path)
        folder = info.get("type") == "directory"
        found = fs.find(path, detail=True) if folder else {path: info}
    yield from ((name, told) for name, told in found.items() if told.get("type") != "directory")


def _beside(path: str, marker: str) -> str:
    """The marker's path: within what looks like a folder, else in the folder of the file."""
    tail = path.rstrip("/").rpartition("/")[2]
    folder = path.rpartition("/")[0] if _MAGIC.search(tail) or "." in tail else path.rstrip("/")
    return f"{folder}/{marker}"


def _told(files: Mapping[str, Mapping[str, Any]], size: int) -> _Found:
    times = [at for told in files.values() if (at := _modified(told)) is not None]
    digest = hashlib.sha256()
    for name, told in sorted(files.items()):
        mark = told.get("ETag") or told.get("etag") or _modified(told) or ""
        digest.update(f"{name}\n{told.get('size')}\n{mark}\n".encode())
    return _Found(digest.hexdigest()[:16], max(times, default=None), size, len(files))


def _modified(told: Mapping[str, Any]) -> datetime | None:
    """As whichever file system tells it."""
    for name in ("mtime", "LastModified", "updated", "last_modified", "modified", "created"):
        value = told.get(name)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return None


def _since(held: Json | None, version: str, now: datetime) -> datetime:
    """When it was first seen as it is."""
    if held is not None and held["version"] == version:
        return datetime.fromisoformat(held["since"])
    return now


def _sighting(place: _Place, what: _Found, since: datetime) -> Sighting:
    at = what.modified_at or since
    return Sighting(at, what.version, place.partition, bytes=what.bytes, files=what.files)
