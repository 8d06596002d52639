"""Finds out who is asking: cheap when known, one look into the store when not."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

import structlog
from msgspec import Struct

from hub.access import ANONYMOUS, OPEN, Kind, Principal, Scope, digest_of
from hub.settings import Settings
from hub.store import access
from hub.store.db import Database

T = TypeVar("T")

log = structlog.get_logger(__name__)

#: A revocation holds on every replica after at most this long, in seconds.
TTL_S: Final = 5.0
REMEMBERED: Final = 10_000


class Writes(Protocol):
    """What is needed of the writer."""

    def call(self, function: Callable[[Any], T]) -> T: ...


class _Known(Struct, frozen=True):
    principal: Principal
    until: float  # of the monotonic clock


class Authenticator:
    """Who an Authorization header stands for.

    `known` answers from memory; where it has nothing, `verify` asks the store and remembers,
    refusals too. Only digests of headers are kept. Safe for threads.
    """

    def __init__(
        self,
        db: Database,
        writer: Writes,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._db = db
        self._writer = writer
        self._may_be_open = settings.is_loopback or settings.insecure
        self._clock = clock
        self._now = now
        self._known: dict[bytes, _Known] = {}
        self._generation = 0
        self._notes = ThreadPoolExecutor(1, thread_name_prefix="token-use")

    def known(self, header: bytes | None) -> Principal | None:
        """The principal of an Authorization header if it was verified a moment ago; no I/O."""
        entry = self._known.get(digest_of(header or b""))
        if entry is None or entry.until <= self._clock():
            return None
        return entry.principal

    def verify(self, header: bytes | None) -> Principal:
        """The principal of an Authorization header; ANONYMOUS with a reason if it is refused.

        Blocks on the store; an error of the store passes through.
        """
        known = self.known(header)  # others may have waited for the same answer
        if known is not None:
            return known
        generation = self._generation
        with self._db.reading() as connection:
            principal, lasts_s = self._identify(connection, header)
        if generation == self._generation:  # else a token changed while we were reading
            self._remember(digest_of(header or b""), principal, lasts_s)
        return principal

    def forget(self) -> None:
        """A token was made or revoked here: nothing remembered holds."""
        self._generation += 1
        self._known = {}

    def close(self) -> None:
        """Waits for what is being noted."""
        self._notes.shutdown(wait=True)

    def _remember(self, key: bytes, principal: Principal, lasts_s: float) -> None:
        if len(self._known) >= REMEMBERED:
            self._known = {}
        self._known[key] = _Known(principal, self._clock() + lasts_s)

    def _identify(self, connection: Any, header: bytes | None) -> tuple[Principal, float]:
        """Who it is, and for how many seconds that may be remembered."""
        shown = bearer(header)
        token = access.find_token(connection, digest_of(shown)) if shown else None
        if token is None and self._is_open(connection):
            return OPEN, TTL_S
        if token is None:
            return _refused(_unknown(header, shown)), TTL_S
        now = self._now()
        if refusal := _lapsed(token, now):
            return _refused(refusal), TTL_S
        self._note_use(token, now)
        return principal_for(token), _lasts(token, now)

    def _is_open(self, connection: Any) -> bool:
        return self._may_be_open and not access.has_tokens(connection)

    def _note_use(self, token: access.Token, now: datetime) -> None:
        """Apart from the request: it must not wait for a commit."""
        last = token.last_used_at
        if last is None or now - last >= access.LAST_USED_EVERY:
            self._notes.submit(self._write_use, {token.id: now})

    def _write_use(self, used: dict[int, datetime]) -> None:
        try:
            self._writer.call(lambda connection: access.touch_tokens(connection, used))
        except Exception as error:  # noqa: BLE001  a note of use is worth no failed request
            log.warning("token_use_not_noted", error=type(error).__name__)


def bearer(header: bytes | None) -> bytes | None:
    """The token in `Bearer <token>`, None if the header says something else."""
    scheme, _, shown = (header or b"").strip().partition(b" ")
    return shown.strip() or None if scheme.lower() == b"bearer" else None


def principal_for(token: access.Token) -> Principal:
    return Principal(
        name=token.name,
        kind=Kind.TOKEN,
        scopes=frozenset(Scope(name) for name in token.scopes if name in _SCOPE_NAMES),
        teams=frozenset({token.team} if token.team else ()),
        orchestrator=token.orchestrator,
        namespaces=token.namespaces,
        token_id=token.id,
    )


_SCOPE_NAMES: Final = frozenset(scope.value for scope in Scope)


def _lapsed(token: access.Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return f"the token {token.name!r} was revoked at {token.revoked_at:%Y-%m-%d %H:%M} UTC"
    if token.expires_at is not None and token.expires_at <= now:
        return f"the token {token.name!r} expired at {token.expires_at:%Y-%m-%d %H:%M} UTC"
    return ""


def _lasts(token: access.Token, now: datetime) -> float:
    if token.expires_at is None:
        return TTL_S
    return min(TTL_S, (token.expires_at - now).total_seconds())


def _unknown(header: bytes | None, shown: bytes | None) -> str:
    if header is None:
        return ""
    if shown is None:
        return "the Authorization header is not of the form: Bearer <token>"
    return "this token is not known here"


def _refused(reason: str) -> Principal:
    return Principal(ANONYMOUS.name, Kind.ANONYMOUS, refusal=reason) if reason else ANONYMOUS
