"""What every vault shares: secrets are kept for a minute, and for an hour while it is away.

So a rotated secret is used without a restart, and a vault that restarts stops nobody. A refusal is
believed at once. One that is away is asked again after a pause, or each use would wait for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Final

from hub.errors import ConfigError

FRESH_S: Final = 60.0
STALE_S: Final = 3600.0
PAUSE_S: Final = 10.0
TIMEOUT_S: Final = 5.0


class Away(Exception):
    """The vault did not answer, or not of itself. Its text says so and holds no secret."""


class Kept:
    """Reads by `read`, which raises Away or ConfigError; neither may hold a secret."""

    def __init__(
        self, scheme: str, read: Callable[[str], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._scheme = scheme
        self._read = read
        self._clock = clock
        self._kept: dict[str, tuple[float, str]] = {}
        self._away: dict[str, tuple[float, str]] = {}  # since when, and how it is told

    def __call__(self, name: str) -> str:
        """The secret, else ConfigError, which never holds it."""
        now = self._clock()
        kept = self._kept.get(name)
        if kept and now - kept[0] < FRESH_S:
            return kept[1]
        away = self._away.get(name)
        if away and now - away[0] < PAUSE_S:
            return self._while_away(name, away[1], now)
        try:
            value = self._read(name)
        except Away as error:
            failure = str(error)
        except ConfigError:
            self._kept.pop(name, None)
            self._away.pop(name, None)
            raise
        else:
            self._away.pop(name, None)
            self._kept[name] = (now, value)
            return value
        self._away[name] = (now, failure)
        return self._while_away(name, failure, now)

    def _while_away(self, name: str, why: str, now: float) -> str:
        kept = self._kept.get(name)
        if kept and now - kept[0] < STALE_S:
            return kept[1]
        raise ConfigError(f"the secret {self._scheme}:{name} can't be read: {why}")


def field_of(text: str, field: str, reference: str) -> str:
    """One field of a secret that is JSON; the whole text, if none is asked for."""
    if not field:
        return text
    try:
        found = json.loads(text)
    except ValueError:
        raise ConfigError(f"the secret {reference} is no JSON, so it has no fields") from None
    value = found.get(field) if isinstance(found, dict) else None
    if not isinstance(value, str):
        raise ConfigError(f"the secret {reference} has no text in the field {field!r}")
    return value
