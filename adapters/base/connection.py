"""What every connection over HTTP has to be: an address without credentials, answers, one time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import httpx

from hub.errors import Unavailable
from hub.ports import Finding, Grade

#: A clock that is off by more is worth a word.
SKEW_S: Final = 60.0


def web_address(url: str, *, example: str, credentials: str) -> str:
    """The address without the slash at its end. Raises ValueError, which says what is expected.

    credentials: into which settings those belong that stand in it.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"expected a web address: {error}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError(f"expected an address such as {example}")
    if parsed.userinfo:
        raise ValueError(f"put credentials into {credentials}")
    return url.rstrip("/")


def tried(what: str, read: Callable[[], object]) -> Finding:
    """Whether something can be read."""
    try:
        read()
    except Unavailable as error:
        return Finding(what, Grade.BAD, str(error), "see the text")
    return Finding(what, Grade.GOOD)


def clock(skew_s: float | None) -> Iterator[Finding]:
    """That its clock is off, if it is."""
    if skew_s is not None and abs(skew_s) > SKEW_S:
        yield Finding("clock", Grade.WARNING, f"{skew_s:+.0f} s from ours", "set both by NTP")
