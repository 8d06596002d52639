"""What every vault shares: secrets are kept for a minute, and for an hour while it is away.

So a rotated secret is used without a restart, and a vault that restarts stops nobody. A refusal is
believed at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Final

from hub.errors import ConfigError

FRESH_S: Final = 60.0
STALE_S: Final = 3600.0
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

    def __call__(self, name: str) -> str:
        """The secret, else ConfigError, which never holds it."""
        now = self._clock()
        kept = self._kept.get(name)
        if kept and now - kept[0] < FRESH_S:
            return kept[1]
        try:
            value = self._read(name)
        except Away as error:
            if kept and now - kept[0] < STALE_S:
                return kept[1]
            raise ConfigError(f"the secret {self._scheme}:{name} can't be read: {error}") from None
        except ConfigError:
            self._kept.pop(name, None)
            raise
        self._kept[name] = (now, value)
        return value


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
