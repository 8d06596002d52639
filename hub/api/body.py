"""Reads request bodies: never more than the limit, also not once it is decompressed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.errors import BadInput, TooLarge, TracksideError

_GZIP: Final = 16 + zlib.MAX_WBITS
#: Bytes decompressed before others get their turn on the event loop.
_STEP: Final = 256 * 1024
#: A sender may take so long for one body.
BODY_TIMEOUT_S: Final = 60.0
#: gzip members in one body; each costs a copy of what follows it.
_MEMBERS: Final = 100

Headers = Iterable[tuple[bytes, bytes]]


class UnknownEncoding(TracksideError):
    """A body is compressed in a way that we don't read."""

    code = "unknown-encoding"
    status = 415
    title = "This content encoding is not understood"


class TooSlow(TracksideError):
    """A sender did not finish its body; its connection would be kept for ever."""

    code = "too-slow"
    status = 408
    title = "The body did not arrive in time"


async def read_body(
    receive: Receive, headers: Headers, limit: int, timeout_s: float = BODY_TIMEOUT_S
) -> bytes:
    """The body of a request, decompressed if it is gzip.

    Raises TooLarge as soon as it is known to be over `limit` bytes, compressed or not, BadInput
    for broken gzip, UnknownEncoding, TooSlow, and ClientDisconnect if the sender went away.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(receive, headers, limit)
    except TimeoutError:
        raise TooSlow(f"the whole body is expected within {timeout_s:.0f} s") from None


async def _read(receive: Receive, headers: Headers, limit: int) -> bytes:
    encoding = _announced(headers, limit)
    if encoding == b"gzip":
        return await _gunzip(_chunks(receive), limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _whole(message.get("body", b""), limit)
    return await _gather(_chunks(receive, message), limit)


def _announced(headers: Headers, limit: int) -> bytes:
    """The content encoding, b"" for none. Refuses by Content-Length before anything is read."""
    encoding = b""
    for name, value in headers:
        if name == b"content-length":
            if value.isdigit() and int(value) > limit:
                raise TooLarge(limit, int(value))
        elif name == b"content-encoding":
            encoding = _understood(value)
    return encoding


def _understood(value: bytes) -> bytes:
    encoding = value.strip().lower()
    if encoding in {b"", b"identity"}:
        return b""
    if encoding in {b"gzip", b"x-gzip"}:
        return b"gzip"
    name = encoding[:40].decode("latin-1")
    raise UnknownEncoding(f"Content-Encoding: expected gzip or none, found {name!r}")


def _whole(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise TooLarge(limit)
    return body


async def _chunks(receive: Receive, message: Message | None = None) -> AsyncIterator[bytes]:
    while True:
        message = message or await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        yield body
        if not message.get("more_body"):
            return
        message = None


async def _gather(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    parts, size = [], 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLarge(limit)
        parts.append(chunk)
    return b"".join(parts)


async def _gunzip(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    gunzip = _Gunzip(limit)
    async for chunk in chunks:
        more = gunzip.feed(chunk)
        while more:
            await asyncio.sleep(0)
            more = gunzip.feed(b"")
    return gunzip.end()


class BodyLimit:
    """Refuses bodies over `limit` bytes, except on the paths of `doors`: those have their own."""

    def __init__(self, app: ASGIApp, limit: int, doors: frozenset[str]) -> None:
        self.app = app
        self._limit = limit
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in self._doors:
            receive = self._limited(receive)
        await self.app(scope, receive, send)

    def _limited(self, receive: Receive) -> Receive:
        left = self._limit

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise TooLarge(self._limit)
            return message

        return limited


class _Gunzip:
    """One or more gzip members, in chunks, to at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._given = 0
        self._parts: list[bytes] = []
        self._member = zlib.decompressobj(_GZIP)
        self._members = 1
        self._rest = b""

    def feed(self, chunk: bytes) -> bool:
        """Takes a chunk and does one step; whether more steps are needed (with b"")."""
        self._taken += len(chunk)
        data = self._rest + chunk
        try:
            part = self._member.decompress(data, _STEP)
        except zlib.error:
            raise _broken("which this is not") from None
        self._keep(part)
        self._rest = self._member.unconsumed_tail or self._member.unused_data
        if self._member.eof and self._rest:
            self._next_member()
            return True
        return bool(self._rest) or len(part) == _STEP

    def _next_member(self) -> None:
        self._members += 1
        if self._members > _MEMBERS:
            raise _broken(f"of at most {_MEMBERS} members")
        self._member = zlib.decompressobj(_GZIP)

    def end(self) -> bytes:
        if not self._member.eof and self._taken:
            raise _broken("which ends too early")
        return b"".join(self._parts)

    def _keep(self, part: bytes) -> None:
        self._given += len(part)
        if self._given > self._limit or self._taken > self._limit:
            raise TooLarge(self._limit)
        self._parts.append(part)


def _broken(how: str) -> BadInput:
    return BadInput("", "other bytes", f"a gzip body, as Content-Encoding says, {how}")
