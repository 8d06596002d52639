"""Who is asking, and what was granted to them (DESIGN D11).

A token is 256 random bits, shown once and stored as a digest. It carries scopes, may be bound to
a team and an orchestrator, and names the namespaces it may write. A hub that listens on loopback
and never had a token is open: anybody on the machine may send and read, and nothing else.
"""

from __future__ import annotations

import re
import secrets
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache
from hashlib import blake2b
from string import ascii_letters, digits
from typing import Final

from msgspec import Struct

from hub.errors import ConfigError, Forbidden, Unauthorized
from hub.model import Viewer
from hub.settings import Settings

PREFIX: Final = "tsk_"
_BASE62: Final = digits + ascii_letters
_LENGTH: Final = 43  # base62 characters that hold 256 bits
_TOKEN: Final = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_LENGTH}}}")

HOW_TO_GET_ONE: Final = (
    "Make one on the machine of the store: trackside token create NAME --scope {scope}, "
    "and send it as Authorization: Bearer <token>"
)


class Scope(StrEnum):
    """What a token may do. `admin` includes all others; else each is granted by name."""

    INGEST = "ingest"  # send lineage events and observations
    READ = "read"  # look at everything that its team may see
    OPERATE = "operate"  # tag, hide, delete, silence, acknowledge, replay
    TRIGGER = "trigger"  # launch runs
    ADMIN = "admin"  # tokens, teams, the audit log, and all of the above


SCOPES: Final = frozenset(Scope)


class Kind(StrEnum):
    """How a principal came to be known."""

    TOKEN = "token"  # noqa: S105  the kind, not a token
    OPEN = "open"  # anybody, on a hub that runs open
    ANONYMOUS = "anonymous"  # anybody, on a hub that asks for tokens
    PERSON = "person"  # who has signed in elsewhere
    LOCAL = "local"  # a person at the command line, on the machine of the store


class Principal(Struct, frozen=True):
    """Who is asking. `refusal` says why what they showed was not accepted."""

    name: str
    kind: Kind
    scopes: frozenset[Scope] = frozenset()
    teams: frozenset[str] = frozenset()
    orchestrator: str | None = None
    namespaces: tuple[str, ...] = ()
    token_id: int | None = None
    refusal: str = ""

    def has(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def require(self, scope: Scope) -> None:
        """Returns if the scope was granted; else Unauthorized (nobody we know) or Forbidden."""
        if not self.has(scope):
            raise self._lacks(scope)

    def require_namespace(self, namespace: str) -> None:
        """Returns if the namespace may be written, else Forbidden."""
        if not may_write_namespace(self, namespace):
            raise Forbidden(
                f"{self.name!r} may not write the namespace {namespace!r}; "
                f"granted: {', '.join(self.namespaces) or 'none'}"
            )

    def _lacks(self, scope: Scope) -> Unauthorized | Forbidden:
        if self.kind in (Kind.TOKEN, Kind.PERSON):
            granted = ", ".join(sorted(self.scopes)) or "none"
            return Forbidden(f"this needs the scope {scope.value!r}; {self.name!r} has: {granted}")
        how = HOW_TO_GET_ONE.format(scope=scope.value)
        if self.refusal:
            return Unauthorized(f"{self.refusal}. {how}")
        if self.kind is Kind.OPEN:
            return Unauthorized(
                "without a token this hub is open for sending and reading only; this needs one "
                f"with the scope {scope.value!r}. {how}"
            )
        return Unauthorized(f"this needs a token with the scope {scope.value!r}. {how}")


OPEN: Final = Principal(
    "open", Kind.OPEN, scopes=frozenset({Scope.INGEST, Scope.READ}), namespaces=("*",)
)
ANONYMOUS: Final = Principal("anonymous", Kind.ANONYMOUS)
LOCAL: Final = Principal("local", Kind.LOCAL, scopes=SCOPES, namespaces=("*",))


def new_token() -> str:
    """A fresh token; whoever asks must show it now, for it can't be had again."""
    number, text = secrets.randbits(256), ""
    for _ in range(_LENGTH):
        number, rest = divmod(number, 62)
        text += _BASE62[rest]
    return PREFIX + text


def is_token(text: str) -> bool:
    """Whether it looks like one: of that length nobody guesses it."""
    return _TOKEN.fullmatch(text) is not None


def digest_of(token: str | bytes) -> bytes:
    """What the store keeps of a token. 256 random bits need neither salt nor stretching."""
    return blake2b(token.encode() if isinstance(token, str) else token, digest_size=32).digest()


def may_write_namespace(principal: Principal, namespace: str) -> bool:
    """Whether one of the principal's globs (`*`, `?`, `[seq]`, case matters) takes it."""
    globs = principal.namespaces
    if globs == ("*",) or Scope.ADMIN in principal.scopes:
        return True
    return bool(globs) and _matcher(globs).match(namespace) is not None


@lru_cache(maxsize=1024)
def _matcher(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob) for glob in globs))


def viewer_of(principal: Principal) -> Viewer:
    """Whose eyes the principal looks with: what is private stays so for an open hub's visitors."""
    return Viewer(teams=principal.teams, all=Scope.ADMIN in principal.scopes)


def listening_rule(settings: Settings, token_count: int) -> None:
    """Returns if the hub may listen where it is told to, else ConfigError says what to do."""
    if settings.is_loopback or token_count or settings.insecure:
        return
    raise ConfigError(
        f"host: {settings.host} can be reached from other computers, and there are no tokens: "
        "everybody could send and read. Either make a token first (trackside token create NAME "
        "--scope admin) or name one (first_token), or listen on this computer only (--host 127.0.0.1), or, where "
        "something else guards the way, say --insecure"
    )
