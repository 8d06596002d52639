"""What notifiers share: sending over HTTP within bounds, and errors that say what to change.

Nothing is tried again here: the deliver loop does that, and knows when. No error holds a secret,
not even where the other end repeats ours, and no request is logged: some addresses are secrets.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from hub.errors import ConfigError, Unauthorized, Unavailable, shorten
from hub.ports import Action, Finding, Grade, NotifierConfig, SecretRef
from hub.reach import TOTAL_S, PrivateAddressError, Reach

MAX_ANSWER_BYTES: Final = 4 * 2**20
MASK: Final = "***"
_TIMEOUT: Final = {"connect": 5.0, "read": 10.0, "write": 10.0, "pool": 5.0}

#: What to do, by status, where a channel has nothing better to say.
_MEND: Final[Mapping[int, str]] = {
    401: "check the credentials",
    403: "check the credentials and what they may do",
    404: "check the address",
    410: "it is gone for good: make a new one, or take the target out",
    413: "the message is too large for it",
}


class Answer(Struct, frozen=True):
    """What came back; `data` is the decoded JSON, None if there was none."""

    status: int
    data: Any
    text: str
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def retry_after_s(self) -> float | None:
        """When it says to come back, in seconds."""
        told = self.headers.get("retry-after", "").strip()
        if told.replace(".", "", 1).isdigit():
            return float(told)
        with suppress(ValueError):
            return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
        return None


class BaseNotifier:
    """One target. channel: what it is called in messages. clock: what time it is, in UTC."""

    Config: ClassVar[type[NotifierConfig]]
    keyed: ClassVar[bool] = True
    channel: ClassVar[str]

    def __init__(
        self,
        config: Any,
        target: str,
        *,
        allowed: Sequence[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.config = config
        self.target = target
        self.allowed = allowed
        self.clock = clock
        self._revealed: set[str] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.target!r})"

    def inbound(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Action]:  # noqa: ARG002
        raise Unauthorized(f"{self.channel} sends nothing back")

    def close(self) -> None:
        """Nothing is held open."""

    def reveal(self, reference: SecretRef) -> str:
        """The secret as it is now; Unavailable if it can't be had."""
        try:
            secret = reference.resolve().reveal()
        except ConfigError as error:
            raise self.failure(str(error), permanent=True) from None
        self._revealed.add(secret)
        return secret

    def failure(
        self, text: str, *, permanent: bool, retry_after_s: float | None = None
    ) -> Unavailable:
        """An error that names the target and holds none of its secrets."""
        told = self.scrub(f"{self.channel} (target {self.target!r}): {text}")
        return Unavailable(told, permanent=permanent, retry_after_s=retry_after_s)

    def scrub(self, text: str) -> str:
        """The text without secrets that the other end may have repeated."""
        for secret in sorted(self.hidden(), key=len, reverse=True):
            text = text.replace(secret, MASK) if secret else text
        return text

    def hidden(self) -> Iterator[str]:
        """What may not be told: the secrets that were used, in every form in which they are sent."""
        for secret in list(self._revealed):  # others may use the target at the same time
            yield from _parts(secret)


class HttpNotifier(BaseNotifier):
    """A target that is reached over HTTP. mend: what to do, by status of an answer."""

    mend: ClassVar[Mapping[int, str]] = {}

    def __init__(
        self,
        config: Any,
        target: str,
        *,
        transport: httpx.BaseTransport | None = None,
        **more: Any,
    ) -> None:
        super().__init__(config, target, **more)
        verify = getattr(config, "verify", True)
        self._transport = transport or Reach(self.allowed, verify=verify)

    def close(self) -> None:
        self._transport.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, whatever its status; Unavailable if there is none.

        Past httpx's client, which would log the address and keep cookies.
        """
        try:
            request = httpx.Request(
                method,
                url,
                json=json,
                content=content,
                params=params,
                headers={"Accept": "application/json", "User-Agent": "trackside"}
                | dict(headers or {}),
                extensions={"timeout": _TIMEOUT},
            )
            return self._read(self._transport.handle_request(request))
        except PrivateAddressError:
            raise self.failure(
                "it is at a private address: the operator of the hub must allow its network first",
                permanent=True,
            ) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise self.failure(
                f"its address is no web address ({type(error).__name__}); correct it",
                permanent=True,
            ) from None
        except httpx.TransportError as error:
            raise self.failure(f"it can't be reached: {_why(error)}", permanent=False) from None

    def expect(self, answer: Answer) -> Any:
        """The JSON of a good answer, else Unavailable."""
        if not answer.ok:
            raise self.refusal(answer)
        return answer.data

    def refusal(self, answer: Answer, why: str = "") -> Unavailable:
        """What to raise for an answer that is an error."""
        passing = answer.status in {408, 425, 429} or answer.status >= 500
        mend = self.mend.get(answer.status) or _MEND.get(answer.status, "")
        if 300 <= answer.status < 400:
            mend = "it wants us elsewhere: set the address that it leads to"
        told = why or shorten(answer.text, 300)
        text = f"it answered {answer.status}: {told}" + (f"; {mend}" if mend else "")
        return self.failure(text, permanent=not passing, retry_after_s=answer.retry_after_s)

    def found(self, what: str, answer: Answer, good: str = "") -> Finding:
        """What an answer tells about the target, for `check`."""
        if answer.ok:
            return Finding(what, Grade.GOOD, good)
        return Finding(what, Grade.BAD, str(self.refusal(answer)))

    def _read(self, response: httpx.Response) -> Answer:
        ends = time.monotonic() + TOTAL_S
        body = bytearray()
        try:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise self.failure(
                        f"it answered more than {MAX_ANSWER_BYTES:,} bytes", permanent=False
                    )
                if time.monotonic() > ends:
                    raise self.failure("it did not end its answer in time", permanent=False)
        finally:
            response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        text = bytes(body[:2000]).decode(errors="replace")
        return Answer(response.status_code, _decode(bytes(body)), text, headers)


def short(key: str, limit: int) -> str:
    """The key if it fits, else a hash of it that is as stable."""
    return key if len(key) <= limit else "h-" + sha256(key.encode()).hexdigest()[: limit - 2]


def signed(secret: str, content: bytes, signatures: Sequence[str]) -> bool:
    """Whether one of the signatures (hexadecimal HMAC-SHA256) is the content's, in even time."""
    right = hmac.new(secret.encode(), content, sha256).hexdigest().encode()
    return any(hmac.compare_digest(right, each.encode()) for each in signatures)


def web_address(url: str) -> str:
    """For the validators of settings: the address without a last slash, else ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected an address like https://alerts.example.org")
    if parts.username or parts.password:
        raise ValueError("put credentials into the settings for them, as references to secrets")
    return url.rstrip("/")


def encode(value: Any) -> bytes:
    """As compact JSON; the same value is the same bytes each time."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode(
        errors="replace"
    )


def _parts(secret: str) -> Iterator[str]:
    """The secret, and those parts of it that tell too much by themselves."""
    yield secret
    pieces = secret.split()  # "Bearer ..."
    with suppress(ValueError):
        parts = urlsplit(secret)
        if parts.netloc:
            pieces = [parts.path, parts.query, parts.password or "", *parts.path.split("/")]
            pieces += [each.partition("=")[2] for each in parts.query.split("&")]
    yield from (piece for piece in pieces if len(piece) >= 6)


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _why(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"it did not answer in time ({type(error).__name__})"
    return f"{type(error).__name__}: {error}"
