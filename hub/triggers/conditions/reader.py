"""A place in the text of a condition that moves on from word to word."""

from __future__ import annotations

from typing import Final

from hub.model import EntityName
from hub.triggers.conditions import check
from hub.triggers.conditions.scanner import TextError, Token, tokens

_LENGTH: Final = "a length of time, such as 6h, 5m or 1h30m"
_NO_SLASH: Final = "A dataset is written namespace/name."


class _End:
    """What is found where nothing follows."""

    def __repr__(self) -> str:
        return "the end"


class Reader:
    """Methods that take something move on behind it; if it isn't there, that is a TextError."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._next = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._next]

    @property
    def word(self) -> str | None:
        """The next word or sign; None if it is in quotes, or nothing follows."""
        return _plain(self.token)

    def fault(self, expected: str, hint: str = "", token: Token | None = None) -> TextError:
        token = token or self.token
        found = _End() if token.kind == "end" else token.text
        return TextError(self._text, token.place, found, expected, hint)

    def take(self) -> Token:
        token = self.token
        self._next += token.kind != "end"
        return token

    def ahead(self, *words: str) -> bool:
        following = self._tokens[self._next : self._next + len(words)]
        return [_plain(token) for token in following] == list(words)

    def accept(self, *words: str) -> bool:
        """Whether these come next; then they are taken."""
        found = self.ahead(*words)
        if found:
            self._next += len(words)
        return found

    def demand(self, *words: str) -> None:
        for word in words:
            if not self.accept(word):
                raise self.fault(f"`{word}`")

    def length(self) -> int:
        seconds = self.token.seconds
        if seconds is None:
            raise self.fault(_LENGTH)
        if not check.is_length(seconds):
            raise self.fault(check.LENGTH)
        self.take()
        return seconds

    def number(self) -> float:
        number = self.token.number
        if number is None:
            raise self.fault("a number")
        self.take()
        return number

    def some_text(self, expected: str) -> str:
        if self.token.kind != "word" or not self.token.text:
            raise self.fault(expected)
        return self.take().text

    def dataset(self, expected: str) -> EntityName:
        token, slash = self.token, self.token.slash
        if slash is None:
            raise self.fault(expected, _NO_SLASH if token.kind == "word" else "")
        name = EntityName(token.text[:slash], token.text[slash + 1 :])
        if not name.namespace or not name.name:
            raise self.fault("a namespace and a name, with a slash between them")
        self.take()
        return name

    def time(self) -> str:
        if not check.is_time(self.token.text):
            raise self.fault(check.TIME)
        return self.take().text

    def zone(self) -> str:
        if not check.is_zone(self.token.text):
            raise self.fault(check.ZONE)
        return self.take().text

    def cron(self) -> str:
        if not self.token.quoted or not check.is_one_cron(self.token.text):
            raise self.fault(f"{check.CRON}, in quotes")
        return self.take().text


def _plain(token: Token) -> str | None:
    return token.text if token.kind == "sign" else token.bare
