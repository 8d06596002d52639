"""A value that a URL answers has changed, or is as it should be."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import Field, model_validator

from hub.errors import Unavailable, shorten
from hub.ports import SecretRef
from hub.ports.reach import PrivateAddressError, Reach
from hub.ports.sensors import Json, Look, Outside, SensorConfig, Sighting, sensors

MAX_ANSWER_BYTES: Final = 2**20
_STEP: Final = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]")


class HttpConfig(SensorConfig):
    """changed: another value than before. equals, matches: it becomes so, having not been so."""

    url: str = Field(pattern=r"^https?://[^/\s]+")
    headers: dict[str, SecretRef] = Field({}, description="by reference to a secret")
    value: str = Field("$", description="the JSON path of the value, as in $.data[0].version")
    when: Literal["changed", "equals", "matches"] = "changed"
    wanted: str | None = Field(None, description="what it equals, or matches as a pattern")

    @model_validator(mode="after")
    def _checked(self) -> HttpConfig:
        if (self.wanted is None) is not (self.when == "changed"):
            raise ValueError("wanted belongs to when: equals or when: matches")
        if self.when == "matches":
            try:
                re.compile(self.wanted or "")
            except re.error as error:
                raise ValueError(f"wanted is no pattern: {error}") from None
        steps_of(self.value)
        return self


@sensors.register("http")
class Http:
    Config: ClassVar[type[SensorConfig]] = HttpConfig

    def __init__(self, config: HttpConfig, outside: Outside) -> None:
        self._config = config
        self._outside = outside

    def look(self, cursor: Json, now: datetime) -> Look:
        value = text_of(found_at(self._answer(), steps_of(self._config.value)))
        if self._config.when == "changed":
            if value is None or value == cursor.get("value"):
                return Look(cursor=cursor, waits_for=f"a value other than {shorten(value)}")
            return Look([Sighting(now, value)], {"value": value})
        fits = value is not None and self._fits(value)
        if not fits or cursor.get("fits"):
            asked = f"{self._config.value} that {self._config.when} {self._config.wanted}"
            return Look(cursor={"fits": fits}, waits_for=f"{asked}; it is {shorten(value)}")
        return Look([Sighting(now, str(value))], {"fits": True})

    def _fits(self, value: str) -> bool:
        wanted = self._config.wanted or ""
        if self._config.when == "equals":
            return value == wanted
        return re.search(wanted, value) is not None

    def _answer(self) -> Any:
        place, limit = _place(self._config.url), self._outside.timeout_s
        headers = {name: one.resolve().reveal() for name, one in self._config.headers.items()}
        reach = Reach(self._outside.allowed_networks, total_s=limit)
        try:
            with (
                httpx.Client(transport=reach, timeout=limit) as client,
                client.stream("GET", self._config.url, headers=headers) as answer,
            ):
                body = _read(answer, place)
        except PrivateAddressError:
            raise Unavailable(
                f"{place} is at a private address; the operator may allow it (allowed_networks)",
                permanent=True,
            ) from None
        except httpx.HTTPError as error:
            raise Unavailable(f"{place} does not answer: {type(error).__name__}") from None
        if answer.status_code != 200:
            raise Unavailable(f"{place} answers {answer.status_code}")
        try:
            return json.loads(body)
        except ValueError:
            if self._config.value == "$":
                return body.decode(errors="replace")
            raise Unavailable(f"{place} answers no JSON") from None


def _read(answer: httpx.Response, place: str) -> bytes:
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise Unavailable(f"{place} answers more than {MAX_ANSWER_BYTES:,} bytes")
    return body


def _place(url: str) -> str:
    """Where it leads, without what may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"


def steps_of(path: str) -> list[str | int]:
    """The steps of a JSON path: names and places. ValueError for what is none."""
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            break
        steps.append(int(match[2]) if match[2] else match[1] or match[3] or "")
        at = match.end()
    if not path.startswith("$") or at < len(path):
        raise ValueError(f"{path!r} is no path, as in $.data[0].version")
    return steps


def found_at(value: Any, steps: list[str | int]) -> Any:
    """What stands there; None where nothing does."""
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def text_of(value: Any) -> str | None:
    """A value as it is compared: texts as they are, all else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True)
