"""Short texts that only this hub can have made: sessions of browsers, and links that are shared.

A text is its content and a keyed digest over what it is for, until when, and the content. What is
made for one purpose is worth nothing for another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from hub.errors import ConfigError
from hub.secrets import Secret

LEAST: Final = 32
_LONGEST: Final = 4096


class Signed(Struct, frozen=True):
    """What a text says. until: seconds since 1970."""

    purpose: str
    until: int
    content: dict[str, Any]


class Signer:
    """Raises ConfigError for a key that is too short to be one."""

    def __init__(self, key: Secret) -> None:
        if len(key.reveal()) < LEAST:
            raise ConfigError(f"sign_in.signing_key: expected at least {LEAST} characters")
        self._key = key

    def sign(self, purpose: str, content: dict[str, Any], until: datetime) -> str:
        body = msgspec.json.encode(Signed(purpose, int(until.timestamp()), content))
        return f"{_text(body)}.{_text(self._digest(body))}"

    def read(self, purpose: str, text: str, now: datetime) -> dict[str, Any] | None:
        """None for what is over, for something else, or not ours."""
        if len(text) > _LONGEST:
            return None
        body_text, _, digest_text = text.partition(".")
        try:
            body, digest = _bytes(body_text), _bytes(digest_text)
        except ValueError:
            return None
        if not hmac.compare_digest(digest, self._digest(body)):
            return None
        found = msgspec.json.decode(body, type=Signed)
        over = found.until <= now.astimezone(UTC).timestamp()
        return None if over or found.purpose != purpose else found.content

    def _digest(self, body: bytes) -> bytes:
        return hmac.digest(self._key.reveal().encode(), body, hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Raises ValueError for what is not written so."""
    padded = text.encode("ascii") + b"=" * (-len(text) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True)
