"""The text of a condition as words and signs, each with its place."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from hub.errors import BadInput
from hub.triggers.conditions.wording import BARE, split_at

#: Texts longer than this are refused unread.
LONGEST: Final = 100_000
_SPACE = re.compile(r"\s*")
_SIGN = re.compile(r"[(),]|>=|<=|[><=]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_LENGTH = re.compile(
    r"(?=\d)(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)


class TextError(BadInput):
    """A mistake in a text. line and column count from 1; the message has them."""

    def __init__(self, text: str, place: int, found: object, expected: str, hint: str = "") -> None:
        self.line = text.count("\n", 0, place) + 1
        self.column = place - text.rfind("\n", 0, place)
        where = f"column {self.column}"
        path = f"line {self.line}, {where}" if "\n" in text.strip() else where
        super().__init__(path, found, expected, hint)


class Token(Struct, frozen=True):
    """kind: word, sign or end. text: without quotes. mask: the text with blanks for what was in them."""

    kind: str
    text: str
    place: int
    mask: str = ""
    quoted: bool = False

    @property
    def bare(self) -> str | None:
        """A word that has no quotes in it."""
        return self.text if self.kind == "word" and not self.quoted else None

    @property
    def slash(self) -> int | None:
        """Where it parts into a namespace and a name; slashes in quotes don't count."""
        return split_at(self.mask) if self.kind == "word" else None

    @property
    def seconds(self) -> int | None:
        """As a length of time, such as 1h30m."""
        found = _LENGTH.fullmatch(self.bare or "")
        if found is None:
            return None
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

    @property
    def number(self) -> float | None:
        """A finite one."""
        number = float(self.text) if _NUMBER.fullmatch(self.bare or "") else math.inf
        return number if math.isfinite(number) else None

    @property
    def count(self) -> int | None:
        return int(self.text) if _COUNT.fullmatch(self.bare or "") else None


def tokens(text: str) -> list[Token]:
    """TextError: what stands there is no word, or its quotes don't end."""
    if len(text) > LONGEST:
        raise TextError(text[:1], 0, f"{len(text)} characters", f"at most {LONGEST}")
    return list(_tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    place = 0
    while (place := _after(_SPACE, text, place)) < len(text):
        sign = _SIGN.match(text, place)
        token, end = (Token("sign", sign[0], place), sign.end()) if sign else _word(text, place)
        yield token
        place = end
    yield Token("end", "", len(text.rstrip()))


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    assert found is not None
    return found.end()


def _word(text: str, start: int) -> tuple[Token, int]:
    """Bare and quoted pieces that follow each other without a space."""
    place, read, mask, quoted = start, "", "", False
    while place < len(text):
        if bare := BARE.match(text, place):
            place = bare.end()
            read, mask = read + bare[0], mask + bare[0]
        elif text[place] == '"':
            piece, place = _quoted(text, place)
            read, mask, quoted = read + piece, mask + " " * len(piece), True
        else:
            break
    return Token("word", read, start, mask, quoted), place


def _quoted(text: str, place: int) -> tuple[str, int]:
    found = _QUOTED.match(text, place)
    if found is None:
        raise TextError(text, place, text[place:], 'a quote that ends with "')
    try:
        piece: str = json.loads(found[0], strict=False)
    except ValueError:
        hint = r"Write \" for a quote and \\ for a backslash."
        raise TextError(text, place, found[0], "a quoted text", hint) from None
    return piece, found.end()
