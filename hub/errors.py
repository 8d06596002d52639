"""Everything that goes wrong on purpose.

TracksideError
├── BadInput         400  what was sent is malformed, and where
├── Unauthorized     401  nobody we know
├── Forbidden        403  known, but not granted
├── NotFound         404
├── Conflict         409  contradicts what is there
├── WrongSettings    422  an object's settings are not what its kind asks for
├── TooLarge         413
├── Overloaded       503  come back after `retry_after` seconds
├── Unavailable      502  another system did not answer as it should
│   └── NotReady     502  a job can't be started now, until somebody changes something there
├── Declined         409  an orchestrator would do something else than was asked for
└── ConfigError      500  the operator's file, environment or secret is wrong
    └── UnknownKind  500  no plug-in of that name

Each class has a stable `code` (what a program compares) and an HTTP `status`.
The text of an error is meant for people and never holds a secret.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar


class TracksideError(Exception):
    """The base of all; raised itself only for what has no better class."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    @property
    def details(self) -> Mapping[str, object]:
        """Further members of the problem document, JSON values only."""
        return {}


class BadInput(TracksideError):
    """What was sent can't be understood: where, what stands there, and what should."""

    code = "bad-input"
    status = 400
    title = "The input is malformed"

    def __init__(self, path: str, found: object, expected: str, hint: str = "") -> None:
        self.path = path
        self.found = shorten(found)
        self.expected = expected
        self.hint = hint
        text = f"{path or '$'}: expected {expected}, found {self.found}"
        super().__init__(f"{text}. {hint}" if hint else text)

    @property
    def details(self) -> Mapping[str, object]:
        told = {"path": self.path, "found": self.found, "expected": self.expected}
        return {**told, "hint": self.hint} if self.hint else told


class Unauthorized(TracksideError):
    code = "unauthorized"
    status = 401
    title = "A valid token is needed"


class Forbidden(TracksideError):
    code = "forbidden"
    status = 403
    title = "This was not granted"


class NotFound(TracksideError):
    code = "not-found"
    status = 404
    title = "There is no such thing"


class Conflict(TracksideError):
    code = "conflict"
    status = 409
    title = "This contradicts what is there"


class WrongSettings(TracksideError):
    code = "wrong-settings"
    status = 422
    title = "The settings are not what this kind asks for"


class TooLarge(TracksideError):
    """More bytes than the limit; both in bytes."""

    code = "too-large"
    status = 413
    title = "The body is too large"

    def __init__(self, limit: int, found: int | None = None) -> None:
        self.limit = limit
        self.found = found
        size = "the body" if found is None else f"a body of {found:,} bytes"
        super().__init__(f"{size} is over the limit of {limit:,} bytes")

    @property
    def details(self) -> Mapping[str, object]:
        return {"limit": self.limit}


class Overloaded(TracksideError):
    """Too much is queued; nothing was stored. `retry_after` is in seconds."""

    code = "overloaded"
    status = 503
    title = "This can't be taken just now"

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)

    @property
    def details(self) -> Mapping[str, object]:
        return {"retry_after": self.retry_after}


class Unavailable(TracksideError):
    """Another system failed us; `permanent` means that asking again won't help.

    retry_after_s: it said itself when to come back.
    """

    code = "unavailable"
    status = 502
    title = "Another system did not answer as it should"

    def __init__(
        self, message: str, *, permanent: bool = False, retry_after_s: float | None = None
    ) -> None:
        self.permanent = permanent
        self.retry_after_s = retry_after_s
        super().__init__(message)


class NotReady(Unavailable):
    """A job can't be started now: it is paused, or its definition can't be read or found.

    Nothing is wrong with asking again: it works as soon as somebody has mended that.
    """

    code = "not-ready"


class Declined(TracksideError):
    """An orchestrator's own way would do something else than what was asked for: it was not asked."""

    code = "declined"
    status = 409
    title = "The orchestrator would do something else"


class ConfigError(TracksideError):
    code = "config"
    title = "The configuration is wrong"


class UnknownKind(ConfigError):
    """A plug-in was asked for by a name that nobody registered."""

    code = "unknown-kind"

    def __init__(self, what: str, kind: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.known = sorted(known)
        close = get_close_matches(kind, self.known, n=1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
        names = ", ".join(self.known) or "none"
        super().__init__(f"unknown {what} {kind!r}; known: {names}.{meant}")


def mistake(detail: Mapping[str, Any]) -> str:
    """What pydantic found wrong with a setting, without its place."""
    if detail["type"] == "extra_forbidden":
        return "no such setting"
    return str(detail["msg"]).removeprefix("Value error, ")


def mistake_at(detail: Mapping[str, Any], *within: str | int) -> str:
    """The same behind its place, if that is not the whole; `within`: where what was read stands."""
    where = ".".join(map(str, (*within, *detail["loc"])))
    return f"{where}: {mistake(detail)}" if where else mistake(detail)


def shorten(value: object, limit: int = 80) -> str:
    """A value as it may stand in a message: its repr, cut to `limit` characters."""
    if isinstance(value, str | bytes):
        value = value[: limit + 1]  # a repr of megabytes is built before it could be cut
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
